//! What a rule has found.

use super::{Rule, Severity};
use crate::fix::Edit;
use crate::source::Place;

/// One fault in one place.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) rule: &'static Rule,
    pub(crate) severity: Severity,
    pub(crate) place: Place,
    pub(crate) message: String,
    /// Places that have to do with it, and how.
    pub(crate) related: Vec<(Place, String)>,
    pub(crate) notes: Vec<String>,
    /// What would mend it, where that needs no decision.
    pub(crate) edits: Vec<Edit>,
}

/// Findings of one rule that are told. Nobody reads as many, and what was made to have them all
/// would fill the memory.
const TOLD: usize = 10_000;

/// Collects what one rule finds.
#[derive(Debug)]
pub(crate) struct Found {
    rule: &'static Rule,
    severity: Severity,
    pub(crate) findings: Vec<Finding>,
    /// The last one that is not told.
    untold: Option<Finding>,
    /// How many are not told.
    pub(crate) left_out: usize,
}

impl Found {
    /// `severity` is the rule's own, or what the user has made of it.
    pub(crate) fn new(rule: &'static Rule, severity: Severity) -> Self {
        Self { rule, severity, findings: Vec::new(), untold: None, left_out: 0 }
    }

    pub(crate) fn add(&mut self, place: Place, message: impl Into<String>) -> &mut Finding {
        let finding = Finding {
            rule: self.rule,
            severity: self.severity,
            place,
            message: message.into(),
            related: Vec::new(),
            notes: Vec::new(),
            edits: Vec::new(),
        };
        if self.findings.len() == TOLD {
            self.left_out += 1;
            return self.untold.insert(finding);
        }
        self.findings.push(finding);
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }
}

impl Finding {
    /// Makes it no more than this, where the circumstances decide.
    pub(crate) fn at_most(&mut self, severity: Severity) -> &mut Self {
        self.severity = self.severity.min(severity);
        self
    }

    pub(crate) fn see(&mut self, place: Place, label: impl Into<String>) -> &mut Self {
        self.related.push((place, label.into()));
        self
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) -> &mut Self {
        self.notes.push(text.into());
        self
    }

    /// Part of what would mend it.
    pub(crate) fn edit(&mut self, edit: Edit) -> &mut Self {
        self.edits.push(edit);
        self
    }
}
