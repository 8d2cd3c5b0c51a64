//! The agent's status, as its socket gives it. Written from the contract, not from the agent's
//! own types: a field that the agent renames by accident is found here.

use std::fmt;

use serde::Deserialize;

/// One published status.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Version of this shape.
    pub version: u32,
    /// Which agent says so.
    pub agent: Agent,
    /// Number of this status since the agent's start.
    pub sequence: u64,
    /// The verdict.
    pub ready: bool,
    /// The root cause; absent when ready.
    pub cause: Option<Cause>,
    /// What happens next.
    pub next: String,
    /// All conditions.
    pub conditions: Vec<Condition>,
    /// The repair in flight.
    pub repair: Option<Repair>,
    /// The repairs of the last 24 hours.
    pub repairs: Vec<Repair>,
    /// Until when repairs are paused, RFC 3339.
    pub paused_until: Option<String>,
    /// The pull that runs.
    pub pull: Option<Pull>,
    /// The settings that count.
    pub configuration: Option<Configuration>,
}

/// A pull.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pull {
    /// The model's name.
    pub model: String,
    /// Bytes at hand.
    pub completed_bytes: u64,
    /// Bytes that there are, as far as is known.
    pub total_bytes: u64,
    /// Bytes a second, of late.
    pub rate_bytes_per_second: Option<u64>,
    /// Seconds until all bytes are here.
    pub seconds_left: Option<u64>,
    /// Which attempt this is.
    pub attempt: u64,
}

/// The agent's settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    /// When they were read, RFC 3339.
    pub loaded_at: String,
    /// Why newer ones are not used.
    pub error: Option<String>,
    /// Keys whose new value waits for a restart of the agent.
    pub needs_restart: Vec<String>,
}

/// The agent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// Its version.
    pub version: String,
    /// The kernel's boot id.
    pub boot_id: String,
    /// When this agent started, RFC 3339.
    pub started_at: String,
}

/// The condition that keeps the guest from being ready.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Cause {
    /// The condition's type.
    pub condition: String,
    /// The condition's reason.
    pub reason: String,
    /// In words.
    pub message: String,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Its name.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in words.
    pub message: String,
    /// `required`, `gate` or `advisory`.
    pub role: String,
}

/// A repair, done or in flight.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repair {
    /// What is done.
    pub remedy: String,
    /// For which condition.
    pub condition: String,
    /// For which reason of it.
    pub reason: String,
    /// When it started, RFC 3339.
    pub started_at: String,
    /// `Succeeded`, `Failed`, `Refused` or `TimedOut`; absent while in flight.
    pub result: Option<String>,
    /// What came of it, in words.
    pub message: Option<String>,
}

impl Repair {
    /// Whether it was begun and then refused: it did nothing.
    #[must_use]
    pub fn was_refused(&self) -> bool {
        self.result.as_deref() == Some("Refused")
    }
}

impl Report {
    /// The condition of that name.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            None => write!(f, "{}", if self.ready { "Ready" } else { "NotReady, no cause" })?,
            Some(cause) => {
                write!(f, "NotReady {}/{}: {}", cause.condition, cause.reason, cause.message)?;
            }
        }
        if let Some(repair) = &self.repair {
            write!(f, " [{}]", repair.remedy)?;
        }
        Ok(())
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let result = self.result.as_deref().unwrap_or("in flight");
        write!(f, "{} for {}/{}: {result}", self.remedy, self.condition, self.reason)
    }
}
