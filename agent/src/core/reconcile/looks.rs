//! When the loop looks at what.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::core::Schedule;

/// When each concern is looked at next.
pub(super) struct Looks {
    due: Vec<Instant>,
    begun: Vec<Option<Instant>>,
    /// Before this none begins, whoever asks for one.
    rests: Vec<Instant>,
    running: HashSet<usize>,
}

impl Looks {
    /// Each of `concerns` is to be looked at now.
    pub(super) fn all_due(concerns: usize) -> Self {
        let now = vec![Instant::now(); concerns];
        let (begun, rests) = (vec![None; concerns], now.clone());
        Self { due: now, begun, rests, running: HashSet::new() }
    }

    /// Begins those that are due and do not run yet.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<usize> {
        let due: Vec<usize> = (0..self.due.len())
            .filter(|concern| {
                let due = self.due_at(*concern).is_some_and(|due| due <= now);
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

    /// The look at one concern has ended. The next begins no sooner than it has taken, or than
    /// `interval`, whichever is less: where looks take longer than their interval, the guest is
    /// slow already, and one after the other without a pause would make it slower.
    pub(super) fn ended(&mut self, concern: usize, now: Instant, interval: Duration) {
        self.running.remove(&concern);
        let begun = self.begun.get(concern).copied().flatten();
        if let (Some(begun), Some(rests)) = (begun, self.rests.get_mut(concern)) {
            *rests = now + now.saturating_duration_since(begun).min(interval);
        }
    }

    /// When the next look at one concern may begin.
    fn due_at(&self, concern: usize) -> Option<Instant> {
        let rests = self.rests.get(concern).copied()?;
        self.due.get(concern).map(|due| rests.max(*due))
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
        let idle = (0..self.due.len()).filter(|concern| !self.running.contains(concern));
        idle.filter_map(|concern| self.due_at(concern)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_takes_longer_than_its_interval_is_followed_by_a_pause() {
        let interval = Duration::from_secs(2);
        let mut looks = Looks::all_due(1);
        let start = looks.next().unwrap();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(looks.take_due(start), [0]);
        looks.after(0, interval);
        looks.ended(0, after(5), interval);
        looks.sooner(0, after(5));
        assert_eq!(looks.next(), Some(after(7)), "whoever asks");
        assert!(looks.take_due(after(6)).is_empty());
        assert_eq!(looks.take_due(after(7)), [0]);
        // A quick one holds up no event that comes right after it.
        let soon = after(7) + Duration::from_millis(20);
        looks.ended(0, soon, interval);
        looks.sooner(0, soon);
        assert_eq!(looks.next(), Some(soon + Duration::from_millis(20)));
    }
}
