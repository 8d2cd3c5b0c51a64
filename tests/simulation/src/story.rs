//! A history as people read it: what happened, what the agent said of it, and what it did.

use std::fmt::Write as _;

use saigak_agent::core::{Remedy as _, Report};

use crate::agent::Deed;
use crate::watch::seconds;

/// Hears what happens in a history.
pub trait Listener {
    /// Something happened.
    fn happens(&mut self, at: u64, what: &str);
    /// The agent did something.
    fn deed(&mut self, at: u64, deed: &Deed);
    /// The agent says how it is, where that has changed or may have; and whether a client could
    /// embed.
    fn report(&mut self, at: u64, report: &Report, embeds: bool);
    /// Whether it need not hear what comes now: the history ends here.
    fn has_enough(&self) -> bool {
        false
    }
}

/// The lines so far.
#[derive(Debug, Clone, Default)]
pub struct Story {
    lines: String,
    said: String,
}

impl Story {
    fn line(&mut self, at: u64, who: &str, what: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.lines, "{:>10.3}  {who:<6} {what}", seconds(at));
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.lines
    }
}

impl Listener for Story {
    fn happens(&mut self, at: u64, what: &str) {
        self.line(at, "world", what);
    }

    fn deed(&mut self, at: u64, deed: &Deed) {
        match deed {
            Deed::Chosen(remedy, condition, reason) => {
                self.line(
                    at,
                    "agent",
                    &format!("chooses {} for {condition}/{reason}", remedy.name()),
                );
            }
            Deed::Acts(_) => {}
            Deed::Over(remedy, outcome) => {
                let (word, said) = (outcome.word(), outcome.message());
                self.line(at, "agent", &format!("{} {word}: {said}", remedy.name()));
            }
        }
    }

    fn report(&mut self, at: u64, report: &Report, embeds: bool) {
        let truth = if embeds { "could embed" } else { "could not embed" };
        let cause = report.cause.as_ref();
        let cause =
            cause.map_or_else(String::new, |it| format!(": {}/{}", it.condition, it.reason));
        let verdict = if report.ready { "Ready" } else { "not Ready" };
        let said = format!("says {verdict}{cause}; next: {} (a client {truth})", report.next);
        if said != self.said {
            self.line(at, "agent", &said);
            self.said = said;
        }
    }
}
