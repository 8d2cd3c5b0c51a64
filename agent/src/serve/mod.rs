//! What the agent answers, and where.
//!
//! | where | path | answers |
//! |---|---|---|
//! | TCP 7244 | `GET /livez` | 200 while the loop turns |
//! | | `GET /ollama-livez` | 200 unless the server is proven stuck; for a kubelet that restarts it |
//! | | `GET /readyz` | 200 while the guest can embed text correctly, else 503 and the root cause; `?verbose` lists every condition |
//! | | `GET /metrics` | Prometheus' text format |
//! | control socket | `GET /v1/status` | the report as JSON |
//! | | `GET /v1/watch` | the report as JSON, one line now and one for each change |
//! | | `GET /v1/history` | the events of the last weeks, a line of JSON each |
//! | | `POST /v1/reload` | has the configuration read anew; for root and the agent's user alone |
//! | | `POST /v1/pause?seconds=N` | pauses repairs; the same |
//! | | `POST /v1/resume` | ends the pause; the same |
//!
//! The status is answered from the last published report, in memory: a sick guest is answered
//! for as fast as a healthy one. A report that has grown old makes no guest ready. Nothing
//! can be changed over TCP, and nothing secret is told.

mod connection;
mod control;
mod metrics;
mod probes;

use std::sync::Arc;

use tokio::sync::watch;

use crate::core::{AgentReport, Outlook, Report, Verdict};

pub(crate) use connection::{Limits, serve_within};
pub use connection::{serve_tcp, serve_unix};
pub use control::{Control, Reload, router as control_router};
pub use metrics::Counters;
pub use probes::{is_current, readiness, router as probe_router};

/// Where the published report is read from.
pub type Reports = watch::Receiver<Arc<Report>>;

/// The report before the first look.
#[must_use]
pub fn first_report(agent: AgentReport, at: String) -> Report {
    Report {
        version: 1,
        agent,
        at,
        sequence: 0,
        ready: false,
        verdict: Verdict::NotReady,
        cause: None,
        next: "the first look".into(),
        conditions: Vec::new(),
        repair: None,
        repairs: Vec::new(),
        proof: None,
        pull: None,
        paused_until: None,
        configuration: None,
        outlook: Outlook::UnderWay,
        budgets: Vec::new(),
        proofs: Vec::new(),
        pulls: Vec::new(),
        set_aside: None,
        models: Vec::new(),
        uptime: std::time::Duration::ZERO,
        ready_until: None,
    }
}
