//! `/api/pull`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::App;
use super::answer::{Failure, parse, progress};
use crate::name::Name;
use crate::pull;

#[derive(Debug, Deserialize)]
struct PullRequest {
    model: Option<String>,
    name: Option<String>,
    #[serde(default)]
    insecure: bool,
    stream: Option<bool>,
}

pub(super) async fn pull(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Failure> {
    let request: PullRequest = parse(&body)?;
    let text = request.model.or(request.name).unwrap_or_default();
    let name = Name::parse(&text).ok_or_else(|| Failure::bad_request("invalid model name"))?;
    let stream = request.stream.unwrap_or(true);
    let work = move |report| async move {
        pull::pull(&app.store, &app.downloads, &name, request.insecure, &report).await
    };
    Ok(progress(stream, work).await)
}
