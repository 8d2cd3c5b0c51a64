//! Pulling a model: manifest, blobs, check, manifest on disk.

mod download;
mod part;
mod progress;
mod shared;
mod token;

use bytes::Bytes;
use hyper::{Method, StatusCode, Uri};
use tokio::sync::mpsc;

pub(crate) use progress::Progress;
pub(crate) use shared::Downloads;

use crate::name::Name;
use crate::store::{Layer, Manifest, Store, media};
use crate::{VERSION, client, digest, go};

/// Why a pull ended early, in the server's words.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct PullError(pub(crate) String);

impl PullError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Where a model comes from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// `https://registry.ollama.ai/v2/library/NAME`
    base: String,
}

impl Source {
    /// A registry speaks HTTPS; `insecure` allows it plain HTTP, whatever scheme the name had.
    pub(crate) fn new(name: &Name, insecure: bool) -> Self {
        let scheme = if insecure { "http" } else { "https" };
        Self { base: format!("{scheme}://{}/v2/{}/{}", name.host, name.namespace, name.model) }
    }

    fn manifest(&self, tag: &str) -> Result<Uri, PullError> {
        format!("{}/manifests/{tag}", self.base).parse().map_err(PullError::new)
    }

    fn blob(&self, digest: &str) -> Result<Uri, PullError> {
        format!("{}/blobs/{digest}", self.base).parse().map_err(PullError::new)
    }
}

/// Downloads `name` and reports each step, success too.
pub(crate) async fn pull(
    store: &Store,
    downloads: &Downloads,
    name: &Name,
    insecure: bool,
    report: &mpsc::Sender<Progress>,
) -> Result<(), PullError> {
    fetch(store, downloads, name, insecure, report).await?;
    progress::say(report, "success").await;
    Ok(())
}

/// Downloads `name` and reports each step. Stops where it is when dropped.
pub(crate) async fn fetch(
    store: &Store,
    downloads: &Downloads,
    name: &Name,
    insecure: bool,
    report: &mpsc::Sender<Progress>,
) -> Result<(), PullError> {
    progress::say(report, "pulling manifest").await;
    let source = Source::new(name, insecure);
    let (text, manifest) = fetch_manifest(&source, &name.tag)
        .await
        .map_err(|error| PullError(format!("pull model manifest: {error}")))?;

    let mut fresh = Vec::new();
    for blob in manifest.blobs() {
        let path = store.blob(&blob.digest);
        if let Ok(existing) = std::fs::metadata(&path) {
            // What is there is taken as it is: a damaged blob is not noticed.
            let size = existing.len();
            progress::send(report, Progress::blob(&blob.digest, size, size)).await;
            continue;
        }
        downloads.fetch(store, &source, &blob.digest, report).await?;
        fresh.push(blob);
    }

    progress::say(report, "verifying sha256 digest").await;
    for blob in fresh {
        verify(store, blob).await?;
    }
    progress::say(report, "writing manifest").await;
    store.write_manifest(&store.existing(name.clone()), &text).map_err(PullError::new)?;
    Ok(())
}

async fn fetch_manifest(source: &Source, tag: &str) -> Result<(Vec<u8>, Manifest), PullError> {
    let accept = ("accept", media::MANIFEST.to_owned());
    let uri = source.manifest(tag)?;
    let response = client::send(Method::GET, &uri, &[accept, agent()], Bytes::new())
        .await
        .map_err(PullError::new)?;
    if response.status() == StatusCode::UNAUTHORIZED {
        token::ask(uri.authority().map_or("", |host| host.as_str()), &response).await?;
    }
    let response = successful(response).await?;
    let text = client::text(response).await;
    let manifest =
        serde_json::from_slice(&text).map_err(|error| PullError(go::json_text(&text, &error)))?;
    Ok((text, manifest))
}

/// Turns an error status into the words that Ollama has for it.
async fn successful(
    response: hyper::Response<hyper::body::Incoming>,
) -> Result<hyper::Response<hyper::body::Incoming>, PullError> {
    let status = response.status();
    if status == StatusCode::NOT_FOUND {
        return Err(PullError("file does not exist".to_owned()));
    }
    if status.as_u16() >= 400 {
        let body = client::text(response).await;
        let body = String::from_utf8_lossy(&body);
        return Err(PullError(format!("{}: {body}", status.as_u16())));
    }
    Ok(response)
}

async fn verify(store: &Store, blob: &Layer) -> Result<(), PullError> {
    let path = store.blob(&blob.digest);
    let file = path.clone();
    let got = tokio::task::spawn_blocking(move || digest::of_file(&file))
        .await
        .map_err(PullError::new)?
        .map_err(go::on("open", &path))
        .map_err(PullError::new)?;
    if got == blob.digest {
        return Ok(());
    }
    std::fs::remove_file(&path).map_err(go::on("remove", &path)).map_err(PullError::new)?;
    let want = &blob.digest;
    Err(PullError(format!(
        "digest mismatch, file must be downloaded again: want {want}, got {got}"
    )))
}

fn agent() -> (&'static str, String) {
    ("user-agent", format!("ollama/{VERSION} (amd64 linux) Go/go1.27.3"))
}
