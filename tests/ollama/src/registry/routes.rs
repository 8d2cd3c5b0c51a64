//! What the registry answers.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::json;

use super::Registry;
use super::faults::Faults;
use super::listen::{Arrival, host};
use crate::store::media;

pub(super) fn routes(registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/v2/", get(StatusCode::OK))
        .route("/v2/{namespace}/{name}/manifests/{tag}", get(manifest))
        .route("/v2/{namespace}/{name}/blobs/{digest}", get(blob))
        .route("/cdn/{digest}", get(bytes))
        .route("/token", get(async || (StatusCode::UNAUTHORIZED, "no token for you")))
        .fallback(async || unknown("NAME_UNKNOWN"))
        .with_state(registry)
        .layer(middleware::from_fn(log))
}

async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let range = request.headers().get(header::RANGE).cloned();
    let range = range.as_ref().and_then(|range| range.to_str().ok()).unwrap_or("-").to_owned();
    let response = next.run(request).await;
    tracing::info!("{method} {path} range={range} {}", response.status().as_u16());
    response
}

async fn manifest(
    State(registry): State<Arc<Registry>>,
    Extension(arrival): Extension<Arrival>,
    Path((namespace, name, tag)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let faults = match faults(&registry) {
        Ok(faults) => faults.of_host(host(&headers)),
        Err(error) => return unusable(error),
    };
    if faults.silent {
        return std::future::pending().await;
    }
    if let Some(status) = faults.status {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = (status, faults.body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let realm = format!("{}/token", arrival.asked_name(&headers));
            let way = format!("Bearer realm=\"{realm}\",service=\"registry\",scope=\"pull\"");
            if let Ok(way) = way.parse() {
                answer.headers_mut().insert(header::WWW_AUTHENTICATE, way);
            }
        }
        return answer;
    }
    match registry.manifests.get(&format!("{namespace}/{name}/{tag}")) {
        Some(text) => ([(header::CONTENT_TYPE, media::MANIFEST)], text.clone()).into_response(),
        None => unknown("MANIFEST_UNKNOWN"),
    }
}

async fn blob(
    State(registry): State<Arc<Registry>>,
    Extension(arrival): Extension<Arrival>,
    Path((_, _, digest)): Path<(String, String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let Some(blob) = registry.blobs.get(&digest) else { return unknown("BLOB_UNKNOWN") };
    if method == Method::HEAD {
        return ([(header::CONTENT_LENGTH, blob.size())], Body::empty()).into_response();
    }
    let base = registry.bytes_at.clone().unwrap_or_else(|| arrival.other_name(&headers));
    let location = format!("{base}/cdn/{digest}");
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
}

fn faults(registry: &Registry) -> Result<Faults, String> {
    registry.faults.as_deref().map_or_else(|| Ok(Faults::default()), Faults::read)
}

fn unusable(error: String) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, error).into_response()
}

async fn bytes(
    State(registry): State<Arc<Registry>>,
    Path(digest): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(blob) = registry.blobs.get(&digest) else { return unknown("BLOB_UNKNOWN") };
    let faults = match faults(&registry) {
        Ok(faults) => faults,
        Err(error) => return unusable(error),
    };
    let size = blob.size();
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let Some(range) = range else {
        let length = [(header::CONTENT_LENGTH, size)];
        return (length, blob.body(0, size, registry.rate, &faults)).into_response();
    };
    let Some((start, end)) = parse_range(range, size) else {
        let whole = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
        return (StatusCode::RANGE_NOT_SATISFIABLE, whole).into_response();
    };
    let headers = [
        (header::CONTENT_LENGTH, (end - start).to_string()),
        (header::CONTENT_RANGE, format!("bytes {start}-{}/{size}", end - 1)),
    ];
    let body = blob.body(start, end, registry.rate, &faults);
    (StatusCode::PARTIAL_CONTENT, headers, body).into_response()
}

/// `bytes=START-[LAST]` as a half-open interval inside the blob.
fn parse_range(range: &str, size: u64) -> Option<(u64, u64)> {
    let (start, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let start: u64 = start.parse().ok()?;
    let end = if last.is_empty() { size } else { last.parse::<u64>().ok()? + 1 }.min(size);
    (start < end).then_some((start, end))
}

fn unknown(code: &str) -> Response {
    let body = json!({ "errors": [{ "code": code, "message": "unknown to registry" }] });
    (StatusCode::NOT_FOUND, axum::Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::parse_range;

    #[test]
    fn ranges_stay_inside_the_blob() {
        assert_eq!(parse_range("bytes=0-9", 10), Some((0, 10)));
        assert_eq!(parse_range("bytes=4-", 10), Some((4, 10)));
        assert_eq!(parse_range("bytes=4-100", 10), Some((4, 10)));
        assert_eq!(parse_range("bytes=10-", 10), None);
        assert_eq!(parse_range("items=0-9", 10), None);
    }
}
