//! One blob's way from the registry to the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{CONTENT_LENGTH, LOCATION, RANGE};
use hyper::{Method, Uri};
use tokio::io::{AsyncSeekExt, AsyncWriteExt, SeekFrom};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::part::{Part, partial};
use super::shared::Counters;
use super::{PullError, Source, agent, successful};
use crate::store::Store;
use crate::{client, go};

/// A part without a byte for this long is asked for anew, without end.
const STALL: Duration = Duration::from_secs(30);
/// A part that breaks off is asked for this often, with pauses of 1, 2, 4 … seconds.
const ATTEMPTS: u32 = 6;
/// How long the registry may take to say where a blob lies, errors and retries included.
const LOCATE: Duration = Duration::from_secs(30);
/// The longest pause between two such questions.
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// What to download, and where to count.
pub(super) struct Download {
    blob: PathBuf,
    location: Uri,
    counters: Arc<Counters>,
}

/// How an attempt at the part ended, if not well.
enum Broken {
    /// Nobody is interested any more.
    Cancelled,
    /// No byte came for [`STALL`].
    Stalled,
    /// The body ended early; what came is kept.
    CutOff,
    /// The disk refused; trying again is no use.
    Disk(PullError),
    /// The registry refused or was not reached.
    Network(PullError),
}

impl Download {
    pub(super) fn new(
        store: &Store,
        source: &Source,
        digest: &str,
        counters: Arc<Counters>,
    ) -> Result<Self, PullError> {
        Ok(Self { blob: store.blob(digest), location: source.blob(digest)?, counters })
    }

    /// Downloads until done, failed, or `released` closes.
    pub(super) async fn run(&self, released: watch::Receiver<()>) -> Result<(), PullError> {
        let mut part = match Part::read(&self.blob) {
            Some(part) => part,
            None => self.begin().await?,
        };
        self.counters.total.store(part.size, Ordering::Relaxed);
        self.counters.completed.store(part.completed, Ordering::Relaxed);
        let path = partial(&self.blob);
        let mut file = open(&path, part.size).map_err(PullError::new)?;
        if part.completed < part.size {
            let direct = self.locate(released.clone()).await?;
            self.attempts(&direct, &mut file, &mut part, released).await?;
        }
        file.sync_all().await.map_err(go::on("sync", &path)).map_err(PullError::new)?;
        Part::finish(&self.blob)
    }

    /// Asks for the size, and writes the first record.
    async fn begin(&self) -> Result<Part, PullError> {
        let head = client::send(Method::HEAD, &self.location, &[agent()], Bytes::new())
            .await
            .map_err(PullError::new)?;
        let head = successful(head).await?;
        let size = head.headers().get(CONTENT_LENGTH).and_then(|size| size.to_str().ok());
        let part = Part::new(size.and_then(|size| size.parse().ok()).unwrap_or_default());
        part.write(&self.blob)?;
        Ok(part)
    }

    /// Where the bytes lie. The registry redirects there.
    async fn locate(&self, mut released: watch::Receiver<()>) -> Result<Uri, PullError> {
        let late = || PullError("context deadline exceeded".to_owned());
        let deadline = Instant::now() + LOCATE;
        let headers = [agent()];
        for attempt in 1_u32.. {
            let answer = client::send(Method::GET, &self.location, &headers, Bytes::new());
            let answer = tokio::select! {
                answer = timeout_at(deadline, answer) => answer.map_err(|_| late())?,
                _ = released.changed() => return Err(PullError("context canceled".to_owned())),
            };
            match answer {
                Ok(answer) if answer.status().as_u16() < 400 => {
                    let location = answer.headers().get(LOCATION).and_then(|at| at.to_str().ok());
                    let location = location
                        .ok_or_else(|| PullError("http: no Location header in response".into()))?;
                    return location.parse().map_err(PullError::new);
                }
                Ok(answer) => tracing::warn!(status = %answer.status(), "no direct URL"),
                Err(error) => tracing::warn!(%error, "no direct URL"),
            }
            let pause = Duration::from_millis(10) * attempt.saturating_mul(attempt);
            timeout_at(deadline, sleep(pause.min(LONGEST_BACKOFF))).await.map_err(|_| late())?;
        }
        Err(late())
    }

    async fn attempts(
        &self,
        direct: &Uri,
        file: &mut tokio::fs::File,
        part: &mut Part,
        released: watch::Receiver<()>,
    ) -> Result<(), PullError> {
        let mut attempt = 0;
        loop {
            let broken = match self.receive(direct, file, part, released.clone()).await {
                Ok(()) => return part.write(&self.blob),
                Err(broken) => broken,
            };
            if matches!(broken, Broken::Cancelled | Broken::CutOff) {
                part.completed = self.counters.completed.load(Ordering::Relaxed);
                part.write(&self.blob)?;
            } else {
                self.counters.completed.store(part.completed, Ordering::Relaxed);
            }
            let error = match broken {
                Broken::Cancelled => return Err(PullError("context canceled".to_owned())),
                Broken::Disk(error) => return Err(error),
                Broken::Stalled => continue,
                Broken::CutOff => PullError("unexpected EOF".to_owned()),
                Broken::Network(error) => error,
            };
            let pause = Duration::from_secs(1 << attempt);
            tracing::info!(attempt, %error, ?pause, "part failed");
            let mut released = released.clone();
            tokio::select! {
                () = sleep(pause) => {}
                _ = released.changed() => return Err(PullError("context canceled".to_owned())),
            }
            attempt += 1;
            if attempt == ATTEMPTS {
                return Err(PullError(format!("max retries exceeded: {error}")));
            }
        }
    }

    /// Receives the rest of the part.
    async fn receive(
        &self,
        direct: &Uri,
        file: &mut tokio::fs::File,
        part: &Part,
        mut released: watch::Receiver<()>,
    ) -> Result<(), Broken> {
        let path = partial(&self.blob);
        let disk = |error| Broken::Disk(PullError::new(go::on("write", &path)(error)));
        file.seek(SeekFrom::Start(part.completed)).await.map_err(disk)?;
        let range = format!("bytes={}-{}", part.completed, part.size - 1);
        let headers = [(RANGE.as_str(), range), ("user-agent", "Go-http-client/1.1".to_owned())];
        let network = |error| Broken::Network(PullError::new(error));
        let answer = tokio::select! {
            answer = client::send(Method::GET, direct, &headers, Bytes::new()) => {
                answer.map_err(network)?
            }
            _ = released.changed() => return Err(Broken::Cancelled),
        };
        let mut body = answer.into_body();
        let mut completed = part.completed;
        while completed < part.size {
            let frame = tokio::select! {
                frame = timeout(STALL, body.frame()) => frame.map_err(|_| Broken::Stalled)?,
                _ = released.changed() => {
                    file.flush().await.map_err(disk)?;
                    return Err(Broken::Cancelled);
                }
            };
            let Some(Ok(frame)) = frame else {
                file.flush().await.map_err(disk)?;
                return Err(Broken::CutOff);
            };
            if let Some(data) = frame.data_ref() {
                file.write_all(data).await.map_err(disk)?;
                completed += data.len() as u64;
                self.counters.completed.store(completed, Ordering::Relaxed);
            }
        }
        file.flush().await.map_err(disk)
    }
}

/// Opens the gathering file at its full length, so that a resumed part can be written in place.
fn open(path: &Path, size: u64) -> Result<tokio::fs::File, go::PathError> {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(path)
        .map_err(go::on("open", path))?;
    // A disk without room for it says so at the write that finds none.
    let _ = file.set_len(size);
    Ok(tokio::fs::File::from_std(file))
}
