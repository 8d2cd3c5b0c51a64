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
mod closing;
mod condition;
mod engine;
mod episode;
mod foreign;
mod graph;
mod guest;
mod order;
mod own;
mod pause;
mod pull_report;
pub mod reconcile;
mod remedy;
mod report;
mod state;
mod tally;

pub use budget::{Budget, Entry, Ledger, Past};
pub use clock::{BootClock, Clock, Moment, rfc3339, slept, uptime_at};
pub use closing::Closed;
pub use condition::{Condition, Judgement, Reason, Role, Status};
pub use engine::{Engine, Intent};
pub use episode::{Climb, Climbs};
pub(crate) use foreign::tame;
pub use guest::{Guest, Schedule};
pub use order::{Asked, Order, answered};
pub use own::{AGENT, OWN_REASONS, OwnReason, SETTINGS_UNUSABLE, STARTING, STUCK};
pub use pause::{LONGEST_PAUSE, Pause};
pub use pull_report::PullReport;
pub use remedy::{Outcome, Remedy, Rung};
pub use report::{
    AgentReport, BudgetReport, Cause, ConditionReport, ConfigurationReport, Expiry, InFlight,
    ModelReport, Outlook, ProofReport, RepairReport, Report, SetAsideReport, Verdict,
};
pub use tally::{Source, Tally};
