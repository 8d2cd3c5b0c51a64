//! How often a remedy may run. The ledger outlives the agent: it is saved before each
//! repair, so that a crash in the middle of one cannot hide it.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::closing::CLOSED_FOR;
use super::{Climbs, Closed, Pause};

/// At most `limit` runs in any `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Runs.
    pub limit: usize,
    /// Sliding window that they are counted in.
    pub window: Duration,
}

impl Budget {
    /// `limit` runs an hour.
    #[must_use]
    pub const fn hourly(limit: usize) -> Self {
        Self { limit, window: Duration::from_secs(3600) }
    }
}

/// Repairs that are kept for people. At most so many, and so a few tens of kilobytes.
const KEPT: usize = 64;

/// One run of a remedy that counts against its budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The remedy's name.
    pub remedy: String,
    /// The boot it ran in.
    pub boot_id: String,
    /// Uptime in that boot at which it ended, in milliseconds; while it is open, at which it was
    /// counted.
    pub uptime_ms: u64,
    /// Whether its end is not known yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
}

impl Entry {
    /// Whether it is the run of `remedy` that was counted at `counted`, in milliseconds, and has
    /// not ended.
    fn is_under_way(&self, remedy: &str, boot_id: &str, counted: u64) -> bool {
        self.open && self.remedy == remedy && self.boot_id == boot_id && self.uptime_ms == counted
    }
}

/// A repair that is over, as people read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Past {
    /// The remedy's name.
    pub remedy: String,
    /// The condition that it was for.
    pub condition: String,
    /// Its reason.
    pub reason: String,
    /// Wall time, RFC 3339.
    pub started_at: String,
    /// The same in seconds since 1970, for "in the last 24 hours".
    pub started_unix: u64,
    /// How long it ran.
    pub duration_seconds: f64,
    /// `Succeeded`, `Refused`, `Failed`, `TimedOut`, or `Interrupted` where the agent ended
    /// first.
    pub result: String,
    /// What it said.
    pub message: String,
}

/// Everything that outlives the agent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ledger {
    /// Shape of the file. 1.
    pub version: u32,
    /// Runs that may still count.
    pub entries: Vec<Entry>,
    /// Repairs, oldest first.
    pub repairs: VecDeque<Past>,
    /// Set where the file could not be read: until then, as boot and uptime, all budgets
    /// are closed.
    pub closed_until: Option<Closed>,
    /// Set while a person has paused repairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// What has been tried in the episodes that are not over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub climbs: Option<Climbs>,
}

impl Ledger {
    /// An empty ledger: a guest that was never repaired.
    #[must_use]
    pub fn fresh() -> Self {
        Self { version: 1, ..Self::default() }
    }

    /// How long until `remedy` may run: zero means now.
    #[must_use]
    pub fn wait(&self, remedy: &str, budget: Budget, boot_id: &str, uptime: Duration) -> Duration {
        let closed = self.closed_for(boot_id, uptime);
        let mut counted: Vec<Duration> = self
            .entries
            .iter()
            .filter(|entry| entry.remedy == remedy)
            .map(|entry| counts_until(entry, budget.window, boot_id))
            .filter(|until| *until > uptime)
            .collect();
        counted.sort_unstable();
        let spent = if counted.len() < budget.limit {
            Duration::ZERO
        } else {
            counted
                .get(counted.len() - budget.limit)
                .map_or(Duration::MAX, |until| until.saturating_sub(uptime))
        };
        closed.max(spent)
    }

    /// How many runs of `remedy` the budget still allows.
    #[must_use]
    pub fn left(&self, remedy: &str, budget: Budget, boot_id: &str, uptime: Duration) -> usize {
        if !self.closed_for(boot_id, uptime).is_zero() {
            return 0;
        }
        let counts = |entry: &&Entry| {
            entry.remedy == remedy && counts_until(entry, budget.window, boot_id) > uptime
        };
        budget.limit.saturating_sub(self.entries.iter().filter(counts).count())
    }

    /// Counts one run of `remedy` now.
    pub fn reserve(&mut self, remedy: &str, boot_id: &str, uptime: Duration) {
        self.entries.push(Entry {
            remedy: remedy.into(),
            boot_id: boot_id.into(),
            uptime_ms: millis(uptime),
            open: true,
        });
    }

    /// Notes the end of a run that was counted at `counted`: its window begins then. What it did,
    /// it did at some time in between, after a save and looks that may have been slow.
    pub fn close(&mut self, remedy: &str, boot_id: &str, counted: Duration, ended: Duration) {
        let uptime_ms = millis(counted);
        let is_it = |entry: &&mut Entry| entry.is_under_way(remedy, boot_id, uptime_ms);
        if let Some(entry) = self.entries.iter_mut().find(is_it) {
            entry.uptime_ms = uptime_ms.max(millis(ended));
            entry.open = false;
        }
    }

    /// Closes the runs that an earlier agent of this boot left open: nobody knows when in between
    /// they did what. Says whether there were any: then the ledger wants saving.
    pub fn close_all(&mut self, boot_id: &str, uptime: Duration) -> bool {
        let mut any = false;
        for entry in self.entries.iter_mut().filter(|entry| entry.open && entry.boot_id == boot_id)
        {
            entry.uptime_ms = entry.uptime_ms.max(millis(uptime));
            entry.open = false;
            any = true;
        }
        any
    }

    /// Takes back one run that was counted at `counted` and did not come about.
    pub fn release(&mut self, remedy: &str, boot_id: &str, counted: Duration) {
        let uptime_ms = millis(counted);
        let is_it = |entry: &Entry| entry.is_under_way(remedy, boot_id, uptime_ms);
        if let Some(at) = self.entries.iter().position(is_it) {
            self.entries.remove(at);
        }
    }

    /// Forgets what no longer counts, so that it does not count again after a reboot. What is
    /// under way counts from its end on, however long the guest sleeps meanwhile. Says whether
    /// there was anything: then the ledger wants saving.
    pub fn expire(&mut self, boot_id: &str, uptime: Duration) -> bool {
        let before = self.entries.len();
        let counts = |entry: &Entry| {
            let under_way = entry.open && entry.boot_id == boot_id;
            under_way || counts_until(entry, CLOSED_FOR, boot_id) > uptime
        };
        self.entries.retain(counts);
        let closing = self.expire_closing(boot_id, uptime);
        let resumed = self.expire_pause(boot_id, uptime);
        closing || resumed || self.entries.len() != before
    }

    /// Keeps a repair that is over for people.
    pub fn record(&mut self, past: Past) {
        self.repairs.push_back(past);
        while self.repairs.len() > KEPT {
            self.repairs.pop_front();
        }
    }
}

/// The uptime of this boot at which `entry` stops to count. For one of an earlier boot it
/// is the window's length: it is at least as old as this boot, and the wall clock, which
/// would say more, may have jumped.
fn counts_until(entry: &Entry, window: Duration, boot_id: &str) -> Duration {
    if entry.boot_id == boot_id { Duration::from_millis(entry.uptime_ms) + window } else { window }
}

/// Whole milliseconds, as times stand in the ledger.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Budget = Budget { limit: 2, window: Duration::from_secs(100) };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_third_run_waits_for_the_first_to_leave_the_window() {
        let mut ledger = Ledger::fresh();
        ledger.reserve("x", "b", at(10));
        assert_eq!(ledger.wait("x", TWO, "b", at(10)), Duration::ZERO);
        assert_eq!(ledger.left("x", TWO, "b", at(10)), 1);
        ledger.reserve("x", "b", at(30));
        assert_eq!(ledger.left("x", TWO, "b", at(40)), 0);
        assert_eq!(ledger.left("x", TWO, "b", at(115)), 1);
        assert_eq!(ledger.wait("x", TWO, "b", at(40)), at(70));
        assert_eq!(ledger.wait("x", TWO, "b", at(110)), Duration::ZERO);
        assert_eq!(ledger.wait("y", TWO, "b", at(40)), Duration::ZERO);
    }

    #[test]
    fn a_reboot_does_not_refill_the_budget() {
        let mut ledger = Ledger::fresh();
        ledger.reserve("x", "before", at(9000));
        ledger.reserve("x", "before", at(9001));
        assert_eq!(ledger.wait("x", TWO, "after", at(5)), at(95));
        assert_eq!(ledger.wait("x", TWO, "after", at(100)), Duration::ZERO);
    }

    #[test]
    fn a_repair_at_each_boot_does_not_use_the_budget_up_over_the_years() {
        let mut ledger = Ledger::fresh();
        for boot in 0..20 {
            let id = format!("boot {boot}");
            assert_eq!(ledger.wait("x", TWO, &id, at(30)), Duration::ZERO, "{id}");
            ledger.reserve("x", &id, at(30));
            ledger.close("x", &id, at(30), at(31));
            assert!(!ledger.expire(&id, at(40)));
            assert!(ledger.expire(&id, at(7200)));
            assert!(!ledger.expire(&id, at(7201)));
        }
    }

    #[test]
    fn a_run_that_did_not_come_about_is_given_back() {
        let mut ledger = Ledger::fresh();
        ledger.reserve("x", "b", at(10));
        ledger.reserve("x", "b", at(20));
        ledger.release("x", "b", at(20));
        assert_eq!(ledger.wait("x", TWO, "b", at(21)), Duration::ZERO);
        assert_eq!(ledger.entries.len(), 1);
    }

    #[test]
    fn a_window_begins_with_the_end_of_a_run_however_late_it_came_about() {
        const ONE: Budget = Budget { limit: 1, ..TWO };
        let mut ledger = Ledger::fresh();
        ledger.reserve("x", "b", at(10));
        ledger.close("x", "b", at(10), at(50));
        assert_eq!(ledger.wait("x", ONE, "b", at(110)), at(40));
        // The agent ends in the middle of the next one, and another one finds it.
        ledger.reserve("x", "b", at(150));
        assert!(!ledger.close_all("another boot", at(5)));
        assert!(ledger.close_all("b", at(170)));
        assert!(!ledger.close_all("b", at(200)));
        assert_eq!(ledger.wait("x", ONE, "b", at(250)), at(20));
    }

    #[test]
    fn a_run_in_which_the_guest_slept_for_hours_counts_from_its_end_on() {
        const ONE: Budget = Budget { limit: 1, ..TWO };
        let mut ledger = Ledger::fresh();
        ledger.reserve("x", "b", at(10));
        assert!(!ledger.expire("b", at(9000)));
        ledger.close("x", "b", at(10), at(9001));
        assert_eq!(ledger.wait("x", ONE, "b", at(9001)), at(100));
    }

    #[test]
    fn of_two_runs_of_one_instant_only_the_open_one_is_closed() {
        let mut ledger = Ledger::fresh();
        ledger.reserve("x", "b", at(10));
        ledger.close("x", "b", at(10), at(10));
        ledger.reserve("x", "b", at(10));
        ledger.close("x", "b", at(10), at(50));
        let known: Vec<_> = ledger.entries.iter().map(|run| (run.uptime_ms, run.open)).collect();
        assert_eq!(known, [(10_000, false), (50_000, false)]);
    }

    #[test]
    fn repairs_are_bounded() {
        let mut ledger = Ledger::fresh();
        for n in 0..100 {
            ledger.record(Past {
                remedy: "x".into(),
                condition: "C".into(),
                reason: "R".into(),
                started_at: String::new(),
                started_unix: n,
                duration_seconds: 0.0,
                result: "Failed".into(),
                message: String::new(),
            });
        }
        assert_eq!(ledger.repairs.len(), KEPT);
        assert_eq!(ledger.repairs.back().map(|past| past.started_unix), Some(99));
    }
}
