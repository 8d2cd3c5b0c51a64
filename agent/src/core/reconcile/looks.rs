//! When the loop looks at what.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::core::Schedule;

/// When each concern is looked at next.
pub(super) struct Looks {
    due: Vec<Instant>,
    begun: Vec<Option<Instant>>,
    running: HashSet<usize>,
}

impl Looks {
    /// Each of `concerns` is to be looked at now.
    pub(super) fn all_due(concerns: usize) -> Self {
        let due = vec![Instant::now(); concerns];
        Self { due, begun: vec![None; concerns], running: HashSet::new() }
    }

    /// Begins those that are due and do not run yet.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<usize> {
        let due: Vec<usize> = (0..self.due.len())
            .filter(|concern| {
                let due = self.due.get(*concern).is_some_and(|due| *due <= now);
                due && !self.running.contains(concern)
            })
            .collect();
        for concern in &due {
            self.running.insert(*concern);
            if let Some(begun) = self.begun.get_mut(*concern) {
                *begun = Some(now);
            }
        }
        due
    }

    /// The look at one concern has ended.
    pub(super) fn ended(&mut self, concern: usize) {
        self.running.remove(&concern);
    }

    /// Sets when the next look comes, counted from the beginning of the last.
    pub(super) fn after(&mut self, concern: usize, pause: Duration) {
        let begun = self.begun.get(concern).copied().flatten();
        if let (Some(begun), Some(due)) = (begun, self.due.get_mut(concern)) {
            *due = begun + pause;
        }
    }

    /// Where not all is well, nothing waits for longer than it does then.
    pub(super) fn alert(&mut self, concerns: &[Schedule], is_calm: impl Fn(&Schedule) -> bool) {
        for (concern, schedule) in concerns.iter().enumerate().filter(|(_, one)| !is_calm(one)) {
            if let Some(begun) = self.begun.get(concern).copied().flatten() {
                self.sooner(concern, begun + schedule.alert);
            }
        }
    }

    /// Has a look begin at `at` or soon after. One that has, and has brought nothing, is not
    /// repeated for that: its time comes again as always.
    pub(super) fn confirm(&mut self, concern: usize, at: Instant) {
        let begun = self.begun.get(concern).copied().flatten();
        if begun.is_none_or(|begun| begun < at) {
            self.sooner(concern, at);
        }
    }

    /// Has a look begin at `at`, unless one is to begin before.
    pub(super) fn sooner(&mut self, concern: usize, at: Instant) {
        if let Some(due) = self.due.get_mut(concern) {
            *due = (*due).min(at);
        }
    }

    /// When the next is due of those that do not run.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due
            .iter()
            .enumerate()
            .filter(|(concern, _)| !self.running.contains(concern))
            .map(|(_, due)| *due)
            .min()
    }
}
