//! Registries for the tests: the crate's own, and one that fails on purpose.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use saigak_lab_ollama::registry::{ModelFile, Registry, Tls, serve};
use serde_json::json;
use tokio::net::TcpListener;

use crate::fixture::{WEIGHTS, name_of};

/// Where a connection is cut or falls silent, in bytes.
const CUT: usize = 4_000_000;
const CONFIG: &[u8] =
    br#"{"model_format":"gguf","model_family":"qwen3","model_type":"4.20M","file_type":"F16"}"#;

/// The crate's registry, with the model as `library/foo:latest` and under the reference name.
pub(crate) async fn sound(tls: Option<Tls>) -> SocketAddr {
    let names = ["library/foo", "qwen3-embedding:0.6b"];
    let registry = Arc::new(Registry::new(&names, &ModelFile::Small).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(registry, listener, tls));
    address
}

/// A registry whose models each fail in the way that their name says.
#[derive(Clone)]
pub(crate) struct Faulty {
    pub(crate) address: SocketAddr,
    /// How often bytes were asked for.
    pub(crate) downloads: Arc<AtomicUsize>,
}

pub(crate) async fn faulty() -> Faulty {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let registry = Faulty { address, downloads: Arc::default() };
    let routes = Router::new()
        .route("/v2/library/{name}/manifests/{tag}", get(manifest))
        .route("/v2/library/{name}/blobs/{digest}", get(blob))
        .route("/cdn/{name}/{digest}", get(bytes))
        .route("/token", get(async || (StatusCode::NOT_FOUND, "nope")))
        .with_state(registry.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    registry
}

async fn manifest(
    State(registry): State<Faulty>,
    Path((name, _)): Path<(String, String)>,
) -> Response {
    match name.as_str() {
        "missing" => StatusCode::NOT_FOUND.into_response(),
        "err500" => (StatusCode::INTERNAL_SERVER_ERROR, "internal boom").into_response(),
        "err503" => (StatusCode::SERVICE_UNAVAILABLE, "try later").into_response(),
        "err429" => {
            let body = r#"{"errors":[{"code":"TOOMANYREQUESTS"}]}"#;
            (StatusCode::TOO_MANY_REQUESTS, body).into_response()
        }
        "notjson" => "<html>log in to the network first</html>".into_response(),
        "unauth" => {
            let way = format!(
                "Bearer realm=\"http://{}/token\",service=\"x\",scope=\"y\"",
                registry.address
            );
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, way)]).into_response()
        }
        "hang" => std::future::pending().await,
        _ => {
            let digest = if name == "wrongdigest" {
                format!("sha256:{}", "ab".repeat(32))
            } else {
                name_of(&WEIGHTS)
            };
            let layer = |kind: &str, digest: &str, size: usize| json!({ "mediaType": format!("application/vnd.{kind}"), "digest": digest, "size": size });
            axum::Json(json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": layer("docker.container.image.v1+json", &name_of(CONFIG), CONFIG.len()),
                "layers": [layer("ollama.image.model", &digest, WEIGHTS.len())],
            }))
            .into_response()
        }
    }
}

async fn blob(
    State(registry): State<Faulty>,
    Path((name, digest)): Path<(String, String)>,
    method: Method,
) -> Response {
    if name == "blob404" {
        return StatusCode::NOT_FOUND.into_response();
    }
    if method == Method::HEAD {
        return ([(header::CONTENT_LENGTH, content(&digest).len())], Body::empty()).into_response();
    }
    if name == "noloc" {
        return content(&digest).into_response();
    }
    let location = format!("http://localhost:{}/cdn/{name}/{digest}", registry.address.port());
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
}

async fn bytes(
    State(registry): State<Faulty>,
    Path((name, digest)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let range = headers[header::RANGE].to_str().unwrap();
    let (start, _) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let rest = content(&digest).slice(start.parse::<usize>().unwrap()..);
    let length = [(header::CONTENT_LENGTH, rest.len())];
    if rest.len() < 1000 {
        return (StatusCode::PARTIAL_CONTENT, length, rest).into_response();
    }
    let first = registry.downloads.fetch_add(1, Ordering::SeqCst) == 0;
    let body = match name.as_str() {
        "cutonce" if first => Body::from_stream(stream::iter([
            Ok(rest.slice(..CUT)),
            Err(io::Error::from(io::ErrorKind::ConnectionReset)),
        ])),
        "slow" => paced(rest),
        _ => rest.into(),
    };
    (StatusCode::PARTIAL_CONTENT, length, body).into_response()
}

/// About 6 MB/s.
fn paced(rest: Bytes) -> Body {
    Body::from_stream(stream::unfold(rest, async |mut rest: Bytes| {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let chunk = rest.split_to(rest.len().min(128 << 10));
        Some((Ok::<_, Infallible>(chunk), rest))
    }))
}

fn content(digest: &str) -> Bytes {
    if digest == name_of(CONFIG) {
        Bytes::from_static(CONFIG)
    } else {
        Bytes::from_static(&WEIGHTS)
    }
}
