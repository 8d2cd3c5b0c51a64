//! How often a remedy may run. The ledger outlives the agent: it is saved before each
//! repair, so that a crash in the middle of one cannot hide it.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Climbs, Pause};

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
    /// Uptime in that boot, in milliseconds.
    pub uptime_ms: u64,
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

/// Until when all budgets are closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Closed {
    /// The boot that the uptime is of.
    pub boot_id: String,
    /// Uptime, in milliseconds.
    pub uptime_ms: u64,
    /// What was left when this was last saved, in milliseconds: all that another boot knows.
    pub left_ms: u64,
}

/// Between two saves of how much is left while all budgets are closed. A guest that reboots
/// more often than this stays closed.
const LEFT_SAVED_EVERY: Duration = Duration::from_secs(60);

/// How long an unreadable ledger closes all budgets: the longest window that remedies have.
const CLOSED_FOR: Duration = Duration::from_secs(3600);

impl Ledger {
    /// An empty ledger: a guest that was never repaired.
    #[must_use]
    pub fn fresh() -> Self {
        Self { version: 1, ..Self::default() }
    }

    /// A ledger in place of one that could not be read. What it held is not known, so it
    /// allows nothing for one full window, and then starts anew.
    #[must_use]
    pub fn closed(boot_id: &str, uptime: Duration) -> Self {
        Self {
            closed_until: Some(Closed {
                boot_id: boot_id.into(),
                uptime_ms: millis(uptime + CLOSED_FOR),
                left_ms: millis(CLOSED_FOR),
            }),
            ..Self::fresh()
        }
    }

    /// Whether it tells of what has not come yet: a repair, or an end of being closed, that
    /// this boot cannot have come to. It would keep budgets closed for ever.
    #[must_use]
    pub fn is_from_the_future(&self, boot_id: &str, uptime: Duration) -> bool {
        let to_come = |entry: &Entry| {
            entry.boot_id == boot_id && Duration::from_millis(entry.uptime_ms) > uptime
        };
        let too_long = |closed: &Closed| {
            let until = Duration::from_millis(closed.uptime_ms);
            Duration::from_millis(closed.left_ms) > CLOSED_FOR
                || (closed.boot_id == boot_id && until > uptime + CLOSED_FOR)
        };
        self.entries.iter().any(to_come) || self.closed_until.as_ref().is_some_and(too_long)
    }

    /// Goes on in this boot with what an earlier one has left of being closed: a reboot neither
    /// opens it nor closes it for longer.
    pub fn carry_over(&mut self, boot_id: &str, uptime: Duration) {
        if let Some(closed) = self.closed_until.as_mut().filter(|old| old.boot_id != boot_id) {
            boot_id.clone_into(&mut closed.boot_id);
            closed.uptime_ms = millis(uptime + Duration::from_millis(closed.left_ms));
        }
    }

    /// Whether it is closed because an earlier one could not be read.
    #[must_use]
    pub fn is_closed(&self, boot_id: &str, uptime: Duration) -> bool {
        !self.closed_for(boot_id, uptime).is_zero()
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
        });
    }

    /// Takes back one run that was counted at `counted` and did not come about.
    pub fn release(&mut self, remedy: &str, boot_id: &str, counted: Duration) {
        let uptime_ms = millis(counted);
        let is_it = |entry: &Entry| {
            entry.remedy == remedy && entry.boot_id == boot_id && entry.uptime_ms == uptime_ms
        };
        if let Some(at) = self.entries.iter().position(is_it) {
            self.entries.remove(at);
        }
    }

    /// Forgets what no longer counts, so that it does not count again after a reboot. Says
    /// whether there was anything: then the ledger wants saving.
    pub fn expire(&mut self, boot_id: &str, uptime: Duration) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| counts_until(entry, CLOSED_FOR, boot_id) > uptime);
        let closing = self.expire_closing(boot_id, uptime);
        let resumed = self.expire_pause(boot_id, uptime);
        closing || resumed || self.entries.len() != before
    }

    /// Opens the budgets once their time has come, and else keeps what is left of it.
    fn expire_closing(&mut self, boot_id: &str, uptime: Duration) -> bool {
        let left = self.closed_for(boot_id, uptime);
        let Some(closed) = &mut self.closed_until else { return false };
        if left.is_zero() {
            self.closed_until = None;
            return true;
        }
        let known = Duration::from_millis(closed.left_ms);
        let wants_saving = known.saturating_sub(left) >= LEFT_SAVED_EVERY;
        if wants_saving {
            closed.left_ms = millis(left);
        }
        wants_saving
    }

    /// How long all budgets stay closed.
    fn closed_for(&self, boot_id: &str, uptime: Duration) -> Duration {
        self.closed_until.as_ref().map_or(Duration::ZERO, |closed| {
            if closed.boot_id == boot_id {
                Duration::from_millis(closed.uptime_ms).saturating_sub(uptime)
            } else {
                Duration::from_millis(closed.left_ms)
            }
        })
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

fn millis(time: Duration) -> u64 {
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
    fn an_unreadable_ledger_is_closed_for_one_window_and_not_for_ever() {
        let ledger = Ledger::closed("b", at(50));
        assert_eq!(ledger.left("x", TWO, "b", at(50)), 0);
        assert_eq!(ledger.wait("x", TWO, "b", at(50)), CLOSED_FOR);
        assert_eq!(ledger.wait("x", TWO, "b", at(50) + CLOSED_FOR), Duration::ZERO);
        assert_eq!(ledger.wait("x", TWO, "later", at(10)), CLOSED_FOR);
    }

    #[test]
    fn reboots_neither_open_a_closed_ledger_nor_keep_it_closed_for_ever() {
        let mut ledger = Ledger::closed("boot 0", at(50));
        assert!(!ledger.expire("boot 0", at(100)));
        // Each boot lasts for ten minutes.
        for boot in 1..6 {
            let before = format!("boot {}", boot - 1);
            assert!(ledger.expire(&before, at(50 + 600)), "{before}");
            let id = format!("boot {boot}");
            ledger.carry_over(&id, at(50));
            let left = CLOSED_FOR.saturating_sub(at(600 * boot));
            assert_eq!(ledger.wait("x", TWO, &id, at(50)), left, "{id}");
            ledger.carry_over(&id, at(90));
            assert_eq!(ledger.wait("x", TWO, &id, at(90)), left.saturating_sub(at(40)));
        }
        assert!(ledger.expire("boot 5", at(50 + 600)));
        assert_eq!(ledger, Ledger::fresh());
    }

    #[test]
    fn what_cannot_have_been_yet_is_from_the_future() {
        let mut ledger = Ledger::fresh();
        ledger.reserve("x", "b", at(100));
        assert!(!ledger.is_from_the_future("b", at(100)));
        assert!(ledger.is_from_the_future("b", at(99)));
        assert!(!ledger.is_from_the_future("another boot", at(1)));
        let mut closed = Ledger::closed("b", at(50));
        assert!(!closed.is_from_the_future("b", at(50)));
        assert!(closed.is_from_the_future("b", at(49)));
        assert!(!closed.is_from_the_future("another boot", at(1)));
        if let Some(closed) = &mut closed.closed_until {
            closed.left_ms += 1;
        }
        assert!(closed.is_from_the_future("another boot", at(1)));
    }

    #[test]
    fn a_repair_at_each_boot_does_not_use_the_budget_up_over_the_years() {
        let mut ledger = Ledger::fresh();
        for boot in 0..20 {
            let id = format!("boot {boot}");
            assert_eq!(ledger.wait("x", TWO, &id, at(30)), Duration::ZERO, "{id}");
            ledger.reserve("x", &id, at(30));
            assert!(!ledger.expire(&id, at(40)));
            assert!(ledger.expire(&id, at(7200)));
            assert!(!ledger.expire(&id, at(7201)));
        }
    }

    #[test]
    fn a_closed_ledger_is_open_for_good_after_its_window() {
        let mut ledger = Ledger::closed("b", at(50));
        assert!(!ledger.expire("b", at(60)));
        assert!(ledger.expire("b", at(50) + CLOSED_FOR));
        assert_eq!(ledger.wait("x", TWO, "later", at(1)), Duration::ZERO);
        assert_eq!(ledger, Ledger::fresh());
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
