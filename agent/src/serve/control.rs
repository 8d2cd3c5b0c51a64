//! The control socket: the report as JSON, once or as it changes. Read-only.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;

use super::Reports;
use super::probes::current;
use crate::core::{BootClock, Clock, Report};

/// The routes of the control socket.
pub fn router(reports: Reports) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/watch", get(watch))
        .with_state(reports)
}

async fn status(State(reports): State<Reports>) -> Response {
    let line = line(&current(&reports.borrow(), BootClock.now().uptime));
    ([(CONTENT_TYPE, "application/json")], line).into_response()
}

/// What a change is: the report's own sequence, and how far a pull has come.
fn key(report: &Report) -> (u64, bool, u64) {
    let pulled = report.pull.as_ref().map_or(0, |pull| pull.completed_bytes);
    (report.sequence, report.ready, pulled)
}

async fn watch(State(reports): State<Reports>) -> Response {
    let lines = stream::unfold((reports, None), |(mut reports, last)| async move {
        loop {
            let report = reports.borrow_and_update().clone();
            let key = key(&report);
            if last != Some(key) {
                let chunk = Ok::<_, std::convert::Infallible>(Bytes::from(line(&report)));
                return Some((chunk, (reports, Some(key))));
            }
            reports.changed().await.ok()?;
        }
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

fn line(report: &Report) -> String {
    // A report is plain data; it always has a JSON form.
    serde_json::to_string(report).unwrap_or_default() + "\n"
}
