//! What a rule is.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::Found;
use crate::input::Inputs;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Worth knowing
    Information,
    /// Goes wrong under circumstances
    Warning,
    /// Goes wrong
    Error,
}

impl Severity {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One rule. Its number is never used for another.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    /// Of most of its findings; some are less certain than others.
    pub(crate) severity: Severity,
    /// What it finds, in a few words.
    pub(crate) title: &'static str,
    /// Why that is a fault.
    pub(crate) cause: &'static str,
    /// What one sees when it has happened.
    pub(crate) evidence: &'static str,
    /// What to do.
    pub(crate) fix: &'static str,
    pub(crate) check: fn(&Inputs, &mut Found),
}
