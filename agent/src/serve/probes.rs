//! `/livez`, `/ollama-livez`, `/readyz` and `/metrics`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Reports;
use super::metrics::{self, Counters};
use crate::core::{AGENT, BootClock, Cause, Clock, Report, Role, STARTING, STUCK, Status, Verdict};
use crate::guest::proven_stuck;

/// The loop publishes at least every five seconds. A report of this age comes from a loop
/// that is stuck.
const OLD: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
struct App {
    reports: Reports,
    counters: Arc<Counters>,
}

/// The routes of the TCP port.
pub fn router(reports: Reports, counters: Arc<Counters>) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/ollama-livez", get(ollama_livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .with_state(App { reports, counters })
}

/// Whether `report` tells of now at `uptime`.
#[must_use]
pub fn is_current(report: &Report, uptime: Duration) -> bool {
    uptime.saturating_sub(report.uptime) < OLD
}

/// Whether `report` makes the guest ready at `uptime`; if not, why.
///
/// # Errors
/// The root cause, as `Condition/Reason: message`.
pub fn readiness(report: &Report, uptime: Duration) -> Result<(), String> {
    let age = uptime.saturating_sub(report.uptime);
    if age >= OLD {
        return Err(format!("{AGENT}/{}: the last report is {} s old", STUCK.name, age.as_secs()));
    }
    if let Some(expiry) = report.ready_until.filter(|expiry| uptime >= expiry.uptime) {
        return Err(format!("{}/Stale: it was seen too long ago", expiry.condition));
    }
    match &report.cause {
        _ if report.ready => Ok(()),
        Some(cause) => Err(format!("{}/{}: {}", cause.condition, cause.reason, cause.message)),
        None => Err(format!("{AGENT}/{}: the first look", STARTING.name)),
    }
}

/// `report` as it is to be told at `uptime`: one that is ready no longer says why.
pub(super) fn current(report: &Report, uptime: Duration) -> Report {
    let mut report = report.clone();
    if let Some(proof) = &mut report.proof {
        proof.age_seconds += uptime.saturating_sub(report.uptime).as_secs_f64();
    }
    if let (true, Err(why)) = (report.ready, readiness(&report, uptime)) {
        let (name, message) = why.split_once(": ").unwrap_or((&why, ""));
        let (condition, reason) = name.split_once('/').unwrap_or((name, ""));
        report.ready = false;
        report.verdict = Verdict::NotReady;
        report.cause = Some(Cause {
            condition: condition.into(),
            reason: reason.into(),
            message: message.into(),
        });
    }
    report
}

async fn livez(State(app): State<App>) -> Response {
    let report = app.reports.borrow().clone();
    let age = BootClock.now().uptime.saturating_sub(report.uptime);
    if age < OLD || report.sequence == 0 {
        plain(StatusCode::OK, "ok\n".into())
    } else {
        let text = format!("the loop has not turned for {} s\n", age.as_secs());
        plain(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

/// For a kubelet that restarts the server's container.
async fn ollama_livez(State(app): State<App>) -> Response {
    let report = app.reports.borrow().clone();
    match proven_stuck(&report, BootClock.now().uptime) {
        None => plain(StatusCode::OK, "ok\n".into()),
        Some(why) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("stuck: {why}\n")),
    }
}

async fn readyz(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let report = app.reports.borrow().clone();
    let readiness = readiness(&report, BootClock.now().uptime);
    let status = if readiness.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let wordy = query.is_some_and(|query| {
        query.split('&').any(|part| part == "verbose" || part.starts_with("verbose="))
    });
    let text = match (&readiness, wordy) {
        (Ok(()), false) => "ok\n".into(),
        (Err(why), false) => format!("not ready: {why}\n"),
        (_, true) => verbose(&report, &readiness),
    };
    plain(status, text)
}

/// Every condition on a line, as the kube-apiserver prints its checks: `[+]` holds, `[-]`
/// does not, `[?]` is not known.
fn verbose(report: &Report, readiness: &Result<(), String>) -> String {
    let mut text = String::new();
    for condition in &report.conditions {
        let mark = match condition.status {
            Status::True => '+',
            Status::False => '-',
            Status::Unknown => '?',
        };
        let role = match condition.role {
            Role::Required | Role::Veto => "",
            Role::Gate | Role::Advisory => " (not required)",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "[{mark}]{} {}{role}: {}",
            condition.r#type, condition.reason, condition.message
        );
    }
    if let Some(proof) = report.proof {
        let age = proof.age_seconds;
        let latency = proof.latency_seconds;
        let _ = writeln!(text, "last proof {age:.1} s ago, took {latency:.3} s");
    }
    if let Some(pull) = &report.pull {
        let _ = writeln!(text, "pull of {}: {pull}", pull.model);
    }
    if let Some(until) = &report.paused_until {
        let _ = writeln!(text, "repairs are paused until {until}");
    }
    let _ = match readiness {
        Ok(()) => writeln!(text, "readyz check passed"),
        Err(why) => writeln!(text, "readyz check failed: {why}\nnext: {}", report.next),
    };
    text
}

async fn scrape(State(app): State<App>) -> Response {
    let report = app.reports.borrow().clone();
    match metrics::encode(&report, &app.counters, BootClock.now().uptime) {
        Ok(text) => {
            const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(CONTENT_TYPE, TYPE), (CACHE_CONTROL, "no-store")], text).into_response()
        }
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn plain(status: StatusCode, text: String) -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (status, headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::super::first_report;
    use super::*;
    use crate::core::{AgentReport, Expiry};

    fn ready() -> Report {
        Report {
            ready: true,
            uptime: Duration::from_secs(100),
            ready_until: Some(Expiry {
                uptime: Duration::from_secs(110),
                condition: "EmbeddingCorrect",
            }),
            ..first_report(AgentReport::default(), String::new())
        }
    }

    #[test]
    fn ready_expires_though_nobody_says_so() {
        assert_eq!(readiness(&ready(), Duration::from_secs(109)), Ok(()));
        let stale = readiness(&ready(), Duration::from_secs(110)).unwrap_err();
        assert!(stale.starts_with("EmbeddingCorrect/Stale"));
        let told = current(&ready(), Duration::from_secs(110));
        assert_eq!(told.cause.map(|cause| cause.reason).as_deref(), Some("Stale"));
        assert!(!told.ready && told.verdict == Verdict::NotReady);
        assert_eq!(current(&ready(), Duration::from_secs(109)), ready());
        let endless = Report { ready_until: None, ..ready() };
        let stuck = readiness(&endless, Duration::from_secs(120)).unwrap_err();
        assert!(stuck.starts_with("Agent/Stuck"));
    }

    #[test]
    fn who_asks_for_more_is_told_of_a_pause() {
        let paused = Report { paused_until: Some("noon".into()), ..ready() };
        assert!(verbose(&paused, &Ok(())).contains("repairs are paused until noon\n"));
        assert!(!verbose(&ready(), &Ok(())).contains("paused"));
    }

    #[test]
    fn nothing_is_ready_before_the_first_look() {
        let first = first_report(AgentReport::default(), String::new());
        assert!(readiness(&first, Duration::ZERO).unwrap_err().starts_with("Agent/Starting"));
    }
}
