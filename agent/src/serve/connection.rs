//! Connections and their limits. A probe or a scrape is one short request; whoever sends
//! more, or nothing, is cut off before it costs anything. Nobody can keep others out by
//! holding connections: the newest is always served.

use std::collections::VecDeque;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::AbortHandle;
use tokio::time;

/// What the connections of one listener may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at once. The oldest is cut off where there are more.
    pub(crate) connections: usize,
    /// How long a request's headers may take to arrive.
    pub(crate) headers: Duration,
    /// How long a connection may last, however it is used.
    pub(crate) lifetime: Duration,
    /// Whether it may be used for more than one request.
    pub(crate) keep: bool,
}

/// Of the agent's own: the kubelet, Prometheus and a few people.
const OWN: Limits =
    Limits { connections: 32, headers: HEADERS, lifetime: Duration::from_secs(60), keep: false };

/// A watch has no end.
const WATCHED: Limits = Limits { lifetime: Duration::MAX, keep: true, ..OWN };

const HEADERS: Duration = Duration::from_secs(2);

/// Headers in a request, and bytes of them.
const HEADER_COUNT: usize = 32;
const HEADER_BYTES: usize = 8 << 10;

/// The pause after a failed accept: out of descriptors, most likely.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves `router` on TCP until the agent ends.
pub async fn serve_tcp(listener: TcpListener, router: Router) {
    serve_within(listener, router, OWN).await;
}

/// Serves `router` on TCP. Who no longer waits for it ends its connections too.
pub(crate) async fn serve_within(listener: TcpListener, router: Router, limits: Limits) {
    let mut open = Open::new(limits);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => open.serve(stream, &router),
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
    let mut open = Open::new(WATCHED);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Who cannot be told may only read.
                let user = stream.peer_cred().ok().map(|credentials| credentials.uid());
                open.serve(stream, &router.clone().layer(Extension(Peer(user))));
            }
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                time::sleep(PAUSE).await;
            }
        }
    }
}

/// The user at the other end of a Unix socket, as the kernel knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) Option<u32>);

/// The connections of one listener, oldest first.
#[derive(Debug)]
struct Open {
    limits: Limits,
    tasks: VecDeque<AbortHandle>,
}

impl Drop for Open {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Open {
    fn new(limits: Limits) -> Self {
        Self { limits, tasks: VecDeque::new() }
    }

    /// Serves `stream` beside the others.
    fn serve<S>(&mut self, stream: S, router: &Router)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.tasks.retain(|task| !task.is_finished());
        // Full: the oldest has had its time, and a probe must not find the door shut.
        let limits = self.limits;
        while self.tasks.len() >= limits.connections {
            if let Some(oldest) = self.tasks.pop_front() {
                oldest.abort();
            }
        }
        let service = TowerToHyperService::new(router.clone());
        let task = tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .keep_alive(limits.keep)
                .header_read_timeout(limits.headers)
                .max_headers(HEADER_COUNT)
                .max_buf_size(HEADER_BYTES)
                .serve_connection(TokioIo::new(stream), service);
            // A client that breaks off is no event.
            drop(time::timeout(limits.lifetime, connection).await);
        });
        self.tasks.push_back(task.abort_handle());
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn idle_connections_do_not_keep_a_probe_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/livez", get(async || "ok\n"));
        let server = tokio::spawn(serve_tcp(listener, router));
        let mut idle = Vec::new();
        for _ in 0..40 {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        let probe = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /livez HTTP/1.1\r\nHost: guest\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            // To the end: the connection is not kept for another request.
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        // Well before the idle ones run into their own limit.
        let answer = time::timeout(HEADERS / 2, probe).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        server.abort();
    }
}
