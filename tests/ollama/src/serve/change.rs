//! `/api/copy` and `/api/delete`. Success has no body and no content type.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::App;
use super::answer::{Failure, on_disk, parse};
use super::show::Named;
use crate::name::Name;

#[derive(Debug, Deserialize)]
struct CopyRequest {
    #[serde(default)]
    source: String,
    #[serde(default)]
    destination: String,
}

pub(super) async fn copy(State(app): State<Arc<App>>, body: Bytes) -> Result<StatusCode, Failure> {
    let request: CopyRequest = parse(&body)?;
    let valid = |what: &str, text: &str| {
        Name::parse(text).ok_or_else(|| Failure::bad_request(format!("{what} {text:?} is invalid")))
    };
    let source = valid("source", &request.source)?;
    let destination = valid("destination", &request.destination)?;
    on_disk(move || app.store.copy(source, destination)).await?.map_err(|error| {
        Failure::of_model(error, || format!("model {:?} not found", request.source))
    })?;
    Ok(StatusCode::OK)
}

pub(super) async fn delete(
    State(app): State<Arc<App>>,
    body: Bytes,
) -> Result<StatusCode, Failure> {
    let name = parse::<Named>(&body)?.name()?;
    let missing = format!("model '{name}' not found");
    on_disk(move || app.store.delete(name))
        .await?
        .map_err(|error| Failure::of_model(error, || missing))?;
    Ok(StatusCode::OK)
}
