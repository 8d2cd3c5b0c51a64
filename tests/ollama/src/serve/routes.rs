//! Which path is answered where.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Router, middleware};

use super::{App, change, create, embeddings, host_check, list, openai, pull, show};

pub(super) fn routes(app: Arc<App>, address: SocketAddr) -> Router {
    let routes = Router::new()
        .route("/", get(list::root))
        .route("/api/version", get(list::version))
        .route("/api/status", get(list::status))
        .route("/api/tags", get(list::tags))
        .route("/api/ps", get(list::ps))
        .route("/api/show", post(show::show))
        .route("/api/copy", post(change::copy))
        .route("/api/delete", delete(change::delete))
        .route("/api/create", post(create::create))
        .route("/api/pull", post(pull::pull))
        .route("/api/embed", post(embeddings::embed))
        .route("/api/embeddings", post(embeddings::legacy))
        .route("/v1/embeddings", post(openai::embeddings))
        .route("/v1/models", get(openai::models))
        .route("/v1/models/{*name}", get(openai::model))
        .fallback(|| plain(StatusCode::NOT_FOUND, "404 page not found"))
        .method_not_allowed_fallback(|| {
            plain(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed")
        })
        .with_state(app);
    // A server that listens beyond loopback answers to any name.
    if address.ip().is_loopback() {
        routes.layer(middleware::from_fn(host_check::check))
    } else {
        routes
    }
}

fn plain(status: StatusCode, text: &'static str) -> std::future::Ready<impl IntoResponse + use<>> {
    std::future::ready((status, [(header::CONTENT_TYPE, "text/plain")], text))
}
