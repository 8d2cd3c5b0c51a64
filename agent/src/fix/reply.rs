//! What a repair answers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a repair ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was needed, and is done.
    Done,
    /// There was nothing to do.
    Unneeded,
    /// It would do harm now, or cannot be right. Nothing was changed.
    Refused,
    /// It was tried and did not work.
    Failed,
}

impl Outcome {
    /// The exit status of the program: 0 for done and unneeded, 1 for failed, and for refused
    /// 75, which is `EX_TEMPFAIL` of sysexits.h: it may be right at another time.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Done | Self::Unneeded => 0,
            Self::Failed => 1,
            Self::Refused => 75,
        }
    }
}

/// One repair's answer: one line of JSON on its socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// How it ended.
    #[serde(rename = "result")]
    pub outcome: Outcome,
    /// What was done, or why nothing was, for a person.
    pub message: String,
}

impl Reply {
    pub(super) fn done(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Done, message: message.into() }
    }

    pub(super) fn unneeded(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Unneeded, message: message.into() }
    }

    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Refused, message: message.into() }
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, message: message.into() }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Done => "done",
            Outcome::Unneeded => "unneeded",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        };
        write!(f, "{outcome}: {}", self.message)
    }
}
