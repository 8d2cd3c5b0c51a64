//! `smoke --listen`: passes at an interval, and what came of the last one for Prometheus. Standard
//! output has a line for each that came to something else than the one before.
//!
//! | path | answers |
//! |---|---|
//! | `/metrics` | what came of the last pass |
//! | `/healthz` | 200 while passes go on, whatever comes of them |

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::metrics::Seen;
use super::options::Options;
use super::pass::Pass;
use super::report;
use super::steps::Step;
use crate::client::Trust;
use crate::report::{complain, say};

/// How long a request's head may take to arrive.
const HEAD: Duration = Duration::from_secs(2);
/// How long a connection may last: one request, then it ends.
const LIFETIME: Duration = Duration::from_secs(10);
/// Connections at once. Prometheus and a probe have one each.
const CONNECTIONS: usize = 32;
/// The pause after a failed accept: out of descriptors, most likely.
const PAUSE: Duration = Duration::from_millis(200);

/// What the passes leave for whoever asks.
#[derive(Debug)]
struct Board {
    seen: Mutex<Seen>,
    /// When the pass that is under way, or is waited for, must have ended.
    due: Mutex<Instant>,
}

/// Makes passes and answers until the process is told to end.
pub(super) async fn listen(
    options: &Options,
    trust: &Trust,
    address: SocketAddr,
) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    complain(&format!("answers at http://{}/metrics", listener.local_addr()?));
    let due = Mutex::new(Instant::now() + longest(options));
    let board = Arc::new(Board { seen: Mutex::default(), due });
    tokio::select! {
        () = passes(options, trust, &board) => {}
        () = serve(listener, options, &board) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// A pass with every step as long as it may take, and the pause before it.
fn longest(options: &Options) -> Duration {
    let steps: Duration = Step::all(options).iter().map(Step::patience).sum();
    // The readiness's own patience, and some.
    steps + Duration::from_secs(options.every) + Duration::from_secs(10)
}

async fn passes(options: &Options, trust: &Trust, board: &Board) {
    let mut ticks = interval(Duration::from_secs(options.every));
    // One that took too long is followed by the next at its own time, not by many at once.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said = String::new();
    loop {
        ticks.tick().await;
        let pass = Pass::make(options, trust, None).await;
        let line = report::line(options, &pass);
        board.seen.lock().unwrap_or_else(PoisonError::into_inner).add(pass);
        let due = Instant::now() + longest(options);
        *board.due.lock().unwrap_or_else(PoisonError::into_inner) = due;
        if line != said {
            say(&format!("{line}\n"));
            said = line;
        }
    }
}

async fn serve(listener: TcpListener, options: &Options, board: &Arc<Board>) {
    let mut connections = JoinSet::new();
    let options = Arc::new(options.clone());
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        // All end within their lifetime, whatever their clients do.
        if connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        let (options, board) = (Arc::clone(&options), Arc::clone(board));
        connections.spawn(timeout(LIFETIME, one(stream, options, board)));
    }
}

/// Answers one request. A client that breaks off is no event.
async fn one(stream: TcpStream, options: Arc<Options>, board: Arc<Board>) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = board.answer(&options, request.uri().path());
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    drop(connection.await);
}

impl Board {
    fn answer(&self, options: &Options, path: &str) -> Response<Full<Bytes>> {
        const PLAIN: &str = "text/plain; charset=utf-8";
        const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        let (status, kind, text) = match path {
            "/metrics" => {
                let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                match seen.encode(options) {
                    Ok(text) => (StatusCode::OK, METRICS, text),
                    Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error}\n")),
                }
            }
            "/healthz" => {
                let due = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
                if Instant::now() <= due {
                    (StatusCode::OK, PLAIN, "ok\n".to_owned())
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, PLAIN, "a pass does not end\n".to_owned())
                }
            }
            _ => (StatusCode::NOT_FOUND, PLAIN, "/metrics and /healthz\n".to_owned()),
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        let kind = hyper::header::HeaderValue::from_static(kind);
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}
