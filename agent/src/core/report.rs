//! What is published: all conditions, the repairs and the verdict at one instant. Its JSON is
//! the versioned shape of `status --json` and of the control socket.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Past, PullReport, Role, Status};

/// The shape's version. Fields are added under the same number, never changed.
pub(super) const VERSION: u32 = 1;

/// Whether the guest can embed text correctly now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Every required condition holds.
    Ready,
    /// One does not.
    NotReady,
}

impl Verdict {
    /// The verdict's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::NotReady => "NotReady",
        }
    }
}

/// One published report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The shape's version, 1.
    pub version: u32,
    /// Who reports.
    pub agent: AgentReport,
    /// When, RFC 3339.
    pub at: String,
    /// Grows with every change.
    pub sequence: u64,
    /// `verdict == Ready`.
    pub ready: bool,
    /// The verdict.
    pub verdict: Verdict,
    /// The root cause, if not ready.
    pub cause: Option<Cause>,
    /// What happens next, or what a person must do.
    pub next: String,
    /// All conditions, causes before what hangs on them.
    pub conditions: Vec<ConditionReport>,
    /// The repair that runs.
    pub repair: Option<InFlight>,
    /// Repairs that are over, oldest first.
    pub repairs: Vec<RepairReport>,
    /// The last good proof.
    pub proof: Option<ProofReport>,
    /// The pull that runs.
    pub pull: Option<PullReport>,
    /// The models beside the first.
    #[serde(default)]
    pub models: Vec<ModelReport>,
    /// Until when repairs are paused, RFC 3339.
    #[serde(default)]
    pub paused_until: Option<String>,
    /// The settings that the agent goes by.
    #[serde(default)]
    pub configuration: Option<ConfigurationReport>,
    /// Whether anything more is to come without a person.
    #[serde(skip)]
    pub outlook: Outlook,
    /// How often each remedy may still run.
    #[serde(skip)]
    pub budgets: Vec<BudgetReport>,
    /// How many proofs have ended with which result.
    #[serde(skip)]
    pub proofs: Vec<(&'static str, u64)>,
    /// How many pulls were begun, of which model.
    #[serde(skip)]
    pub pulls: Vec<(String, u64)>,
    /// Damaged files that are kept, where that is known.
    #[serde(skip)]
    pub set_aside: Option<SetAsideReport>,
    /// Uptime at which this was written.
    #[serde(skip)]
    pub uptime: Duration,
    /// Until when `Ready` counts, whatever becomes of the loop that wrote it.
    #[serde(skip)]
    pub ready_until: Option<Expiry>,
}

/// Whether anything more is to come without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outlook {
    /// A repair runs, its effect is waited for, or something heals by itself.
    #[default]
    UnderWay,
    /// Nothing is wrong, or only what a person must mend.
    Settled,
}

/// How often one remedy may still run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetReport {
    /// The remedy.
    pub remedy: &'static str,
    /// Runs that are left now.
    pub left: usize,
    /// Runs in any window.
    pub limit: usize,
}

/// The settings that the agent goes by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationReport {
    /// When they were read, RFC 3339. Empty where none could be used yet.
    pub loaded_at: String,
    /// Why newer ones could not be used: `FILE:LINE: message`. The old ones count, if any.
    pub error: Option<String>,
    /// Keys whose new value counts only after a restart of the agent.
    pub needs_restart: Vec<String>,
}

/// The first condition that stops to hold if it is not seen anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// Uptime at which it does.
    pub uptime: Duration,
    /// Its name.
    pub condition: &'static str,
}

/// Who reports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentReport {
    /// The agent's version.
    pub version: String,
    /// The kernel's boot id.
    pub boot_id: String,
    /// When the agent started, RFC 3339.
    pub started_at: String,
}

/// The root cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The condition that does not hold.
    pub condition: String,
    /// Its reason.
    pub reason: String,
    /// The particulars.
    pub message: String,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionReport {
    /// CamelCase type.
    pub r#type: String,
    /// The concern that judges it.
    pub concern: String,
    /// What it is for.
    pub role: Role,
    /// Whether it holds.
    pub status: Status,
    /// Why.
    pub reason: String,
    /// The particulars.
    pub message: String,
    /// When the status last changed, RFC 3339.
    pub last_transition_time: String,
    /// The same, as uptime.
    #[serde(skip)]
    pub since: Duration,
}

/// A repair that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InFlight {
    /// The remedy.
    pub remedy: String,
    /// The condition that it is for.
    pub condition: String,
    /// Its reason.
    pub reason: String,
    /// RFC 3339.
    pub started_at: String,
}

/// A repair that is over.
pub type RepairReport = Past;

/// One of the models beside the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelReport {
    /// The name that clients use.
    pub alias: String,
    /// Whether the guest is ready only with it.
    pub required: bool,
    /// Whether it is served.
    pub status: Status,
    /// Why.
    pub reason: String,
    /// The particulars.
    pub message: String,
}

/// Damaged files of models that repairs have set aside, and that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetAsideReport {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The last good proof.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProofReport {
    /// Seconds since it began.
    pub age_seconds: f64,
    /// Seconds that it took.
    pub latency_seconds: f64,
}
