//! What has happened on this guest in the last two weeks: changes of the verdict and of
//! conditions, and repairs. For people; nothing is decided by it.
//!
//! ```text
//! reports ──► Chronicle: what has changed (chronicle.rs) ──► a file of JSON lines (file.rs)
//! ```

mod chronicle;
mod file;

use serde::{Deserialize, Serialize};

use crate::core::{Past, Status};

pub use chronicle::Chronicle;
pub use file::{HistoryFile, read};

/// Events older than this are not shown.
pub const DAYS_SHOWN: u64 = 14;

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Wall time, RFC 3339.
    pub at: String,
    /// The same in seconds since 1970.
    pub unix: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum What {
    /// An agent has started.
    Agent {
        /// Its version.
        version: String,
    },
    /// The verdict, or its cause, has changed.
    Verdict {
        /// Whether the guest is ready.
        ready: bool,
        /// `Condition/Reason`, if it is not.
        cause: Option<String>,
    },
    /// A condition has changed.
    Condition {
        /// Its name.
        condition: String,
        /// Its status.
        status: Status,
        /// Why.
        reason: String,
        /// The particulars.
        message: String,
    },
    /// A repair has ended.
    Repair(Past),
    /// Repairs were paused, or go on.
    Pause {
        /// Until when, RFC 3339; nothing when they go on.
        until: Option<String>,
    },
}
