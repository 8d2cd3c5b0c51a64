//! What there is: `/`, `/api/version`, `/api/status`, `/api/tags`, `/api/ps`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::App;
use super::answer::{Failure, ok, on_disk};
use crate::faults::Faults;
use crate::store::Model;
use crate::{VERSION, clock};

pub(super) async fn root() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "Ollama is running")
}

pub(super) async fn version() -> Response {
    ok(&json!({ "version": VERSION }))
}

/// This server never calls home, as one with `OLLAMA_NO_CLOUD=1`.
pub(super) async fn status() -> Response {
    ok(&json!({ "cloud": { "disabled": true, "source": "env" } }))
}

pub(super) async fn tags(State(app): State<Arc<App>>) -> Result<Response, Failure> {
    let list = move || app.store.models().iter().map(listed).collect::<Vec<_>>();
    Ok(ok(&json!({ "models": on_disk(list).await? })))
}

/// Waits for the scheduler where that is stuck with a runner that hangs.
pub(super) async fn ps(State(app): State<Arc<App>>) -> Response {
    if Faults::read().is_ok_and(|faults| faults.unlisted) {
        return ok(&json!({}));
    }
    let models = app.scheduler.loaded.list(|running| {
        let shown = &running.shown;
        json!({
            "name": shown.name,
            "model": shown.name,
            "size": shown.size,
            "digest": shown.digest,
            "details": shown.details,
            "expires_at": running.expires_at,
            "size_vram": running.vram(),
            "context_length": running.num_ctx,
        })
    });
    ok(&json!({ "models": models.await }))
}

/// A model in `/api/tags`. Its size is what the manifest says, whatever is on disk. What comes
/// from the model file is left out where that cannot be read.
fn listed(model: &Model) -> Value {
    let mut entry = json!({
        "name": model.name.to_string(),
        "model": model.name.to_string(),
        "modified_at": clock::at(model.modified).to_string(),
        "size": model.size,
        "digest": model.digest,
        "details": details(model),
    });
    if let Ok(header) = model.metadata() {
        entry["details"]["context_length"] = json!(header.number("context_length"));
        entry["details"]["embedding_length"] = json!(header.number("embedding_length"));
        entry["capabilities"] = json!([capability(header.embeds())]);
    }
    entry
}

/// What the config blob says of a model.
pub(super) fn details(model: &Model) -> Value {
    json!({
        "parent_model": model.parent,
        "format": model.config.model_format,
        "family": model.config.model_family,
        "families": model.config.model_families,
        "parameter_size": model.config.model_type,
        "quantization_level": model.config.file_type,
    })
}

pub(super) fn capability(embeds: bool) -> &'static str {
    if embeds { "embedding" } else { "completion" }
}
