//! `/api/create`, from another model. Creating from uploaded files is not imitated.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use tokio::sync::mpsc;

use super::App;
use super::answer::{Failure, JSON, json, parse, progress};
use crate::name::Name;
use crate::pull::{self, Progress, PullError};
use crate::store::{CreateRequest, ManifestError};

pub(super) async fn create(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Failure> {
    let request: CreateRequest = parse(&body)?;
    let text = request.model.clone().or(request.name.clone()).unwrap_or_default();
    let name = Name::parse(&text).ok_or_else(|| Failure::bad_request("invalid model name"))?;
    if request.files.is_some() {
        return Err(Failure::new(StatusCode::NOT_FOUND, "404 page not found"));
    }
    let Some(from) = request.from.clone().filter(|from| !from.is_empty()) else {
        // The error comes out of the stream, hence the other content type.
        let body = json!({ "error": "neither 'from' or 'files' was specified" });
        return Ok(json(StatusCode::BAD_REQUEST, JSON, &body));
    };
    let stream = request.stream.unwrap_or(true);
    Ok(progress(stream, |report| make(app, name, from, request, report)).await)
}

async fn make(
    app: Arc<App>,
    name: Name,
    from: String,
    request: CreateRequest,
    report: mpsc::Sender<Progress>,
) -> Result<(), PullError> {
    let failed = |error: &dyn std::fmt::Display| PullError(error.to_string());
    let source = Name::parse(&from).ok_or_else(|| failed(&"invalid model name"))?;
    let source = app.store.existing(source);
    let base = match app.store.manifest(&source) {
        // A model that is not here is pulled.
        Err(ManifestError::NotFound) => {
            pull::fetch(&app.store, &app.downloads, &source, false, &report).await?;
            app.store.manifest(&source)
        }
        other => other,
    };
    let base = base.map_err(|error| failed(&error))?.manifest;
    let steps = report.clone();
    let created = tokio::task::spawn_blocking(move || {
        let name = app.store.existing(name);
        app.store.create(&name, &source.to_string(), base, &request, |step| {
            let _ = steps.blocking_send(Progress::status(step));
        })
    });
    created.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
    let _ = report.send(Progress::status("success")).await;
    Ok(())
}
