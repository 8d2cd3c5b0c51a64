//! A registry on loopback, for as long as one pull takes: what is in files comes to the server on
//! the way that it knows, resumed after an interruption and compared with its SHA-256, and becomes
//! the very model that it was, without a privilege of the agent's.
//!
//! ```text
//! GET       127.0.0.1  /v2/NS/NAME/manifests/TAG
//! GET HEAD  127.0.0.1  /v2/NS/NAME/blobs/DIGEST    a redirect to the bytes
//! GET       127.0.0.2  /DIGEST                     the bytes, with Range
//! ```
//! A server takes the bytes only from another host than the one that it has asked.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};

use super::found::{Blob, Found, MANIFEST};
use crate::serve::{Limits, serve_within};

/// Where the bytes are offered.
const BYTES_AT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Bytes that are read at once.
const CHUNK: u64 = 128 << 10;

/// The server loads 64 parts at once, each on a connection of its own. It may be slow to ask where
/// the guest is busy, and a part may take hours where the disk is slow.
const LIMITS: Limits = Limits {
    connections: 80,
    headers: Duration::from_secs(30),
    lifetime: Duration::MAX,
    keep: false,
};

/// It serves until it is dropped.
pub(super) struct Registry {
    /// Its host and port, as they stand in a model's name.
    pub(super) address: SocketAddr,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shelf {
    manifest: Vec<u8>,
    /// By `sha256:…`.
    blobs: BTreeMap<String, Blob>,
    bytes_at: SocketAddr,
    /// Threads that read: they may hang with their disk, and no more of them are made.
    reads: Arc<Semaphore>,
}

type Shared = State<Arc<Shelf>>;

impl Registry {
    /// Serves `found` alone, under whatever name.
    ///
    /// # Errors
    /// Where loopback has no port.
    pub(super) async fn serve(found: Found, reads: Arc<Semaphore>) -> io::Result<Self> {
        let asked = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let bytes = TcpListener::bind((BYTES_AT, 0)).await?;
        let (address, bytes_at) = (asked.local_addr()?, bytes.local_addr()?);
        let named = |(digest, blob)| (format!("sha256:{digest}"), blob);
        let blobs = found.blobs.into_iter().map(named).collect();
        let shelf = Arc::new(Shelf { manifest: found.manifest, blobs, bytes_at, reads });
        let of_names = Router::new()
            .route("/v2/{namespace}/{name}/manifests/{tag}", get(manifest))
            .route("/v2/{namespace}/{name}/blobs/{digest}", get(locate))
            .with_state(Arc::clone(&shelf));
        let of_bytes = Router::new().route("/{digest}", get(send)).with_state(shelf);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_within(asked, of_names, LIMITS));
        tasks.spawn(serve_within(bytes, of_bytes, LIMITS));
        Ok(Self { address, _tasks: tasks })
    }
}

async fn manifest(State(shelf): Shared) -> Response {
    ([(CONTENT_TYPE, MANIFEST)], shelf.manifest.clone()).into_response()
}

async fn locate(
    State(shelf): Shared,
    method: Method,
    Path((_, _, digest)): Path<(String, String, String)>,
) -> Response {
    let Some(blob) = shelf.blobs.get(&digest) else { return StatusCode::NOT_FOUND.into_response() };
    if method == Method::HEAD {
        return ([(CONTENT_LENGTH, blob.bytes())], Body::empty()).into_response();
    }
    let location = format!("http://{}/{digest}", shelf.bytes_at);
    (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response()
}

async fn send(State(shelf): Shared, Path(digest): Path<String>, headers: HeaderMap) -> Response {
    let Some(blob) = shelf.blobs.get(&digest) else { return StatusCode::NOT_FOUND.into_response() };
    let bytes = blob.bytes();
    let asked = headers.get(RANGE).and_then(|range| range.to_str().ok());
    let (start, end) = match asked.map(|range| part(range, bytes)) {
        None => (0, bytes),
        Some(Some(part)) => part,
        Some(None) => return StatusCode::RANGE_NOT_SATISFIABLE.into_response(),
    };
    let body = body(blob.clone(), start, end, Arc::clone(&shelf.reads));
    let length = (CONTENT_LENGTH, (end - start).to_string());
    if asked.is_none() {
        return ([length], body).into_response();
    }
    let range = format!("bytes {start}-{}/{bytes}", end - 1);
    (StatusCode::PARTIAL_CONTENT, [length, (CONTENT_RANGE, range)], body).into_response()
}

/// `bytes=START-[LAST]` as a half-open interval inside of `bytes`.
fn part(range: &str, bytes: u64) -> Option<(u64, u64)> {
    let (start, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let start: u64 = start.parse().ok()?;
    let last = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
    let end = last.saturating_add(1).min(bytes);
    (start < end).then_some((start, end))
}

fn body(blob: Blob, start: u64, end: u64, reads: Arc<Semaphore>) -> Body {
    let chunks = futures_util::stream::try_unfold(start, move |at| {
        let (blob, reads) = (blob.clone(), Arc::clone(&reads));
        async move {
            let length = CHUNK.min(end.saturating_sub(at));
            if length == 0 {
                return Ok::<_, io::Error>(None);
            }
            Ok(Some((read(blob, at, length, &reads).await?, at + length)))
        }
    });
    Body::from_stream(chunks)
}

async fn read(blob: Blob, at: u64, length: u64, reads: &Arc<Semaphore>) -> io::Result<Vec<u8>> {
    let index = |place: u64| usize::try_from(place).map_err(io::Error::other);
    let file = match blob {
        Blob::Memory(bytes) => {
            let part = bytes.get(index(at)?..index(at + length)?);
            return part.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
        Blob::File(file, _) => file,
    };
    let permit = Arc::clone(reads).acquire_owned().await.map_err(io::Error::other)?;
    let mut chunk = vec![0; index(length)?];
    let reading = spawn_blocking(move || {
        let came = file.read_exact_at(&mut chunk, at);
        drop(permit);
        came.map(|()| chunk)
    });
    reading.await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_stay_inside_the_file() {
        assert_eq!(part("bytes=0-9", 10), Some((0, 10)));
        assert_eq!(part("bytes=4-", 10), Some((4, 10)));
        assert_eq!(part(&format!("bytes=4-{}", u64::MAX), 10), Some((4, 10)));
        assert_eq!(part("bytes=10-", 10), None);
        assert_eq!(part("bytes=5-4", 10), None);
        assert_eq!(part("items=0-9", 10), None);
    }

    #[tokio::test]
    async fn a_file_that_was_cut_since_breaks_off_and_is_not_filled_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        std::fs::write(&path, [7; 9]).unwrap();
        let file = Arc::new(std::fs::File::open(&path).unwrap());
        let reads = Arc::new(Semaphore::new(1));
        let blob = Blob::File(file, 9);
        assert_eq!(read(blob.clone(), 3, 6, &reads).await.unwrap(), [7; 6]);
        std::fs::write(&path, [7; 5]).unwrap();
        assert!(read(blob, 3, 6, &reads).await.is_err());
        assert_eq!(reads.available_permits(), 1);
    }
}
