//! Connections and their limits. A probe or a scrape is one short request; whoever sends
//! more, or nothing, is cut off before it costs anything.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::time;

/// Connections at once, each kind of listener. The kubelet, Prometheus and a few people.
const CONNECTIONS: usize = 32;

/// How long a request's headers may take to arrive.
const HEADERS: Duration = Duration::from_secs(5);

/// How long a TCP connection may last, however it is used.
const LIFETIME: Duration = Duration::from_secs(60);

/// Headers in a request, and bytes of them.
const HEADER_COUNT: usize = 32;
const HEADER_BYTES: usize = 8 << 10;

/// The pause after a failed accept: out of descriptors, most likely.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves `router` on TCP until the agent ends.
pub async fn serve_tcp(listener: TcpListener, router: Router) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => spawn(stream, &router, &room, Some(LIFETIME)),
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                time::sleep(PAUSE).await;
            }
        }
    }
}

/// Serves `router` on a Unix socket until the agent ends. Connections may last: a watch has
/// no end.
pub async fn serve_unix(listener: UnixListener, router: Router) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => spawn(stream, &router, &room, None),
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                time::sleep(PAUSE).await;
            }
        }
    }
}

fn spawn<S>(stream: S, router: &Router, room: &Arc<Semaphore>, lifetime: Option<Duration>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Full: the newest is turned away at once, rather than left waiting for its timeout.
    let Ok(place) = Arc::clone(room).try_acquire_owned() else { return };
    let service = TowerToHyperService::new(router.clone());
    tokio::spawn(async move {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS)
            .max_headers(HEADER_COUNT)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        // A client that breaks off is no event.
        match lifetime {
            Some(lifetime) => drop(time::timeout(lifetime, connection).await),
            None => drop(connection.await),
        }
        drop(place);
    });
}
