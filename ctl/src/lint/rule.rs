//! What a rule is.

use super::{Found, Severity};
use crate::input::Inputs;

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
