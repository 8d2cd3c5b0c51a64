//! The control socket: the report as JSON, once or as it changes, for everybody; and orders,
//! for root and the agent's own user.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use futures_util::stream;
use nix::unistd::geteuid;
use serde::Deserialize;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time;

use super::Reports;
use super::connection::Peer;
use super::probes::current;
use crate::core::{Asked, BootClock, Clock, LONGEST_PAUSE, Order, Report};

/// Longer than the loop waits for an order to be saved.
const OBEYED_WITHIN: Duration = Duration::from_secs(15);

/// How soon a watch tells what time alone has changed: a report that is too old.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

/// How long the disk may take for a quarter of a megabyte.
const READ_WITHIN: Duration = Duration::from_secs(2);

/// One read of the history at a time: a disk that hangs holds one thread, however many ask.
static HISTORY: Semaphore = Semaphore::const_new(1);

/// What stands behind the control socket.
#[derive(Debug, Clone)]
pub struct Control {
    /// The published report.
    pub reports: Reports,
    /// Takes orders to the loop.
    pub orders: mpsc::Sender<Asked>,
    /// Has the configuration read anew.
    pub reload: mpsc::Sender<Reload>,
    /// The file of events.
    pub history: PathBuf,
}

/// Asks for a reload of the configuration.
#[derive(Debug)]
pub struct Reload {
    /// Takes what came of it, in words: an error where the old one is kept.
    pub answer: Option<oneshot::Sender<Result<String, String>>>,
}

/// The routes of the control socket.
pub fn router(control: Control) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/watch", get(watch))
        .route("/v1/history", get(history))
        .route("/v1/reload", post(reload))
        .route("/v1/pause", post(pause))
        .route("/v1/resume", post(resume))
        .with_state(control)
}

async fn status(State(Control { reports, .. }): State<Control>) -> Response {
    let line = line(&current(&reports.borrow(), BootClock.now().uptime));
    ([(CONTENT_TYPE, "application/json")], line).into_response()
}

/// What a change is: the report's own sequence, how far a pull has come, and what only time has
/// brought about.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    sequence: u64,
    ready: bool,
    pulled: u64,
    stalled: u64,
    cause: Option<(String, String)>,
}

fn key(report: &Report) -> Key {
    Key {
        sequence: report.sequence,
        ready: report.ready,
        pulled: report.pull.as_ref().map_or(0, |pull| pull.completed_bytes),
        stalled: report.pull.as_ref().map_or(0, |pull| pull.stalled_seconds),
        cause: report.cause.as_ref().map(|cause| (cause.condition.clone(), cause.reason.clone())),
    }
}

async fn watch(State(Control { reports, .. }): State<Control>) -> Response {
    let lines = stream::unfold((reports, None), |(mut reports, last)| async move {
        loop {
            let report = current(&reports.borrow_and_update(), BootClock.now().uptime);
            let key = key(&report);
            if last.as_ref() != Some(&key) {
                let chunk = Ok::<_, std::convert::Infallible>(Bytes::from(line(&report)));
                return Some((chunk, (reports, Some(key))));
            }
            // A loop that is stuck publishes nothing, which is what is to be told.
            if let Ok(Err(_)) = time::timeout(TOLD_WITHIN, reports.changed()).await {
                return None;
            }
        }
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

fn line(report: &Report) -> String {
    // A report is plain data; it always has a JSON form.
    serde_json::to_string(report).unwrap_or_default() + "\n"
}

/// The events, as they lie on disk: beside the loop, and bounded by the file itself.
async fn history(State(control): State<Control>) -> Response {
    let path = control.history.clone();
    let read = async {
        let turn = HISTORY.acquire().await.map_err(io::Error::other)?;
        let read = tokio::task::spawn_blocking(move || {
            let lines = std::fs::read(path);
            // Not before: a read that hangs goes on when nobody waits for it any more.
            drop(turn);
            lines
        });
        read.await.map_err(io::Error::other)?
    };
    let read = time::timeout(READ_WITHIN, read).await;
    match read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(lines) => ([(CONTENT_TYPE, "application/x-ndjson")], lines).into_response(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => StatusCode::OK.into_response(),
        Err(error) => {
            let why = format!("{}: {error}\n", control.history.display());
            (StatusCode::INTERNAL_SERVER_ERROR, why).into_response()
        }
    }
}

async fn reload(State(control): State<Control>, Extension(peer): Extension<Peer>) -> Response {
    if !may_order(peer) {
        return forbidden();
    }
    let (answer, answered) = oneshot::channel();
    let asked = async {
        control.reload.send(Reload { answer: Some(answer) }).await.ok()?;
        answered.await.ok()
    };
    match time::timeout(OBEYED_WITHIN, asked).await {
        Ok(Some(Ok(done))) => (StatusCode::OK, done + "\n").into_response(),
        Ok(Some(Err(error))) => (StatusCode::UNPROCESSABLE_ENTITY, error + "\n").into_response(),
        Ok(None) => (StatusCode::SERVICE_UNAVAILABLE, "the agent ends\n").into_response(),
        Err(_) => (StatusCode::GATEWAY_TIMEOUT, "the files cannot be read\n").into_response(),
    }
}

#[derive(Debug, Deserialize)]
struct Length {
    seconds: u64,
}

async fn pause(
    State(control): State<Control>,
    Extension(peer): Extension<Peer>,
    length: Query<Length>,
) -> Response {
    let length = Duration::from_secs(length.seconds);
    if length.is_zero() || length > LONGEST_PAUSE {
        let longest = LONGEST_PAUSE.as_secs();
        let why = format!("a pause lasts from 1 to {longest} seconds\n");
        return (StatusCode::BAD_REQUEST, why).into_response();
    }
    obey(&control, peer, Order::Pause(length)).await
}

async fn resume(State(control): State<Control>, Extension(peer): Extension<Peer>) -> Response {
    obey(&control, peer, Order::Resume).await
}

/// Whether that user may give orders: root may do anything on this guest, and the agent's user
/// nothing that the agent could not.
fn may_order(peer: Peer) -> bool {
    peer.0.is_some_and(|user| user == 0 || user == geteuid().as_raw())
}

/// The answer to somebody who may not.
fn forbidden() -> Response {
    (StatusCode::FORBIDDEN, "only root may ask for this\n").into_response()
}

async fn obey(control: &Control, peer: Peer, order: Order) -> Response {
    if !may_order(peer) {
        return forbidden();
    }
    let (answer, answered) = oneshot::channel();
    let asked = async {
        control.orders.send(Asked { order, answer }).await.ok()?;
        answered.await.ok()
    };
    match time::timeout(OBEYED_WITHIN, asked).await {
        Ok(Some(Ok(done))) => (StatusCode::OK, done + "\n").into_response(),
        Ok(Some(Err(unsaved))) => {
            (StatusCode::INSUFFICIENT_STORAGE, unsaved + "\n").into_response()
        }
        Ok(None) => (StatusCode::SERVICE_UNAVAILABLE, "the agent ends\n").into_response(),
        Err(_) => (StatusCode::GATEWAY_TIMEOUT, "the agent's loop is stuck\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::BodyDataStream;
    use futures_util::StreamExt;
    use tokio::sync::watch::channel;

    use super::*;
    use crate::core::{AgentReport, Expiry};
    use crate::serve::first_report;

    async fn told(stream: &mut BodyDataStream) -> Option<serde_json::Value> {
        let line = time::timeout(Duration::from_secs(20), stream.next()).await.unwrap()?;
        Some(serde_json::from_slice(&line.unwrap()).unwrap())
    }

    #[tokio::test]
    async fn a_watch_tells_what_time_alone_has_changed() {
        let now = BootClock.now().uptime;
        let expiry = Expiry { condition: "X", uptime: now + Duration::from_millis(500) };
        let first = first_report(AgentReport::default(), String::new());
        let report = Report { ready: true, uptime: now, ready_until: Some(expiry), ..first };
        let (publish, reports) = channel(std::sync::Arc::new(report));
        let (orders, reload) = (mpsc::channel(1).0, mpsc::channel(1).0);
        let control = Control { reports, orders, reload, history: PathBuf::new() };
        let mut stream = watch(State(control)).await.into_body().into_data_stream();
        assert_eq!(told(&mut stream).await.unwrap()["ready"], true);
        let second = told(&mut stream).await.unwrap();
        assert_eq!(
            (&second["ready"], &second["cause"]["reason"]),
            (&false.into(), &"Stale".into())
        );
        drop(publish);
        assert_eq!(told(&mut stream).await, None);
    }

    #[tokio::test]
    async fn a_read_of_the_history_that_hangs_is_the_only_one() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let first = first_report(AgentReport::default(), String::new());
        let reports = channel(std::sync::Arc::new(first)).1;
        let (orders, reload) = (mpsc::channel(1).0, mpsc::channel(1).0);
        let control = Control { reports, orders, reload, history: path.clone() };
        for _ in 0..2 {
            let answer = history(State(control.clone())).await;
            assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(HISTORY.available_permits(), 0);
        }
        // Whoever opens the other end lets it go on.
        let writer = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        drop(writer);
        drop(time::timeout(Duration::from_secs(20), HISTORY.acquire()).await.unwrap());
    }

    #[test]
    fn orders_are_root_s_and_the_agent_s_own() {
        let own = geteuid().as_raw();
        assert!(may_order(Peer(Some(0))));
        assert!(may_order(Peer(Some(own))));
        assert!(!may_order(Peer(Some(own + 1))));
        assert!(!may_order(Peer(None)));
    }
}
