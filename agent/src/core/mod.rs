//! The core decides. It holds the conditions, what they hang on, the ladders, the budgets
//! and the loop, and nothing else: no I/O, no clock of its own, no concern by name.
//!
//! ```text
//!  Guest::look ──► facts ──► Guest::judge ──► Engine::observe ──► Engine::next_repair
//!      ▲                                            │                    │
//!      │                                            ▼                    ▼
//!   a wake, a timer                               Report            Guest::repair
//! ```
//!
//! [`Engine`] is the state machine: plain calls in, plain values out, tested without a
//! runtime. [`reconcile::run`] drives it: one task that owns it, waits for a wake or a timer,
//! starts looks and repairs, and publishes the report. Everything the core needs from
//! outside comes through two narrow traits, [`Clock`] and [`Guest`], so that a simulated
//! guest under a paused clock can stand in for the real one.

mod budget;
mod clock;
mod condition;
mod engine;
mod episode;
mod graph;
mod guest;
pub mod reconcile;
mod remedy;
mod report;
mod state;

pub use budget::{Budget, Entry, Ledger, Past};
pub use clock::{BootClock, Clock, Moment, rfc3339, uptime_at};
pub use condition::{Condition, Judgement, Reason, Role, Status};
pub use engine::{Engine, Intent};
pub use guest::{Guest, Schedule};
pub use remedy::{Outcome, Remedy, Rung};
pub use report::{
    AgentReport, Cause, ConditionReport, Expiry, InFlight, ProofReport, PullReport, RepairReport,
    Report, Verdict,
};
