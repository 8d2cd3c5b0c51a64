//! A server for tests, with a source model and its alias.

use std::net::Ipv4Addr;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::config;
use crate::ollama::Api;

/// One of its models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    /// Not listed.
    Absent,
    /// Listed, and its weights are gone.
    Broken,
    /// Not listed, and its manifest cannot be read.
    NoManifest,
    /// Listed, and its weights cannot be read.
    Damaged,
    /// Listed, and the server is not allowed to read it.
    Denied,
    /// As declared, with these weights.
    From(&'static str),
    /// With another template.
    Drifted,
}

/// What it says of a file that it cannot read.
pub(super) const WORDS: &str = "unexpected EOF";

/// Starts one on loopback that lives as long as the test.
pub(super) async fn serve(source: Model, alias: Model) -> Api {
    let declared = config::Model::default();
    let models = [(declared.source, source), (declared.alias, alias)];
    let router = Router::new()
        .route("/api/tags", get(tags))
        .route("/api/show", post(show))
        .with_state(models);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Api::at(&Api::client().unwrap(), Ipv4Addr::LOCALHOST.into(), port)
}

type Models = [(String, Model); 2];

async fn tags(State(models): State<Models>) -> Json<Value> {
    let listed =
        models.iter().filter(|(_, model)| !matches!(model, Model::Absent | Model::NoManifest));
    let listed: Vec<_> = listed.map(|(name, _)| json!({ "name": name })).collect();
    Json(json!({ "models": listed }))
}

async fn show(
    State(models): State<Models>,
    Json(asked): Json<Value>,
) -> Result<Json<Value>, (StatusCode, Json<Value>)> {
    let failed = |status, words: &str| Err((status, Json(json!({ "error": words }))));
    let model = models.iter().find(|(name, _)| asked["model"] == **name).map(|(_, model)| *model);
    let (template, weights) = match model {
        None | Some(Model::Absent | Model::Broken) => {
            return failed(StatusCode::NOT_FOUND, "not found");
        }
        Some(Model::NoManifest | Model::Damaged) => {
            return failed(StatusCode::INTERNAL_SERVER_ERROR, WORDS);
        }
        Some(Model::Denied) => {
            return failed(StatusCode::INTERNAL_SERVER_ERROR, "permission denied");
        }
        Some(Model::From(weights)) => (config::Model::default().template, weights),
        Some(Model::Drifted) => ("{{ .System }}".into(), "ab12"),
    };
    Ok(Json(json!({
        "template": template,
        "parameters": "num_ctx                        4096",
        "modelfile": format!("FROM /m/blobs/sha256-{weights}\n"),
    })))
}
