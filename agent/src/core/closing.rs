//! A ledger that cannot be believed: nobody knows what was repaired before, so nothing is for
//! one full window. Neither a reboot nor a clock that is wrong opens it sooner, or keeps it
//! closed for ever.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::{Entry, millis};
use super::episode::{Climb, REST_CAP};
use super::{Climbs, LONGEST_PAUSE, Ledger};

/// Until when all budgets are closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Closed {
    /// The boot that the uptime is of.
    boot_id: String,
    /// Uptime, in milliseconds.
    uptime_ms: u64,
    /// What was left when this was last saved, in milliseconds: all that another boot knows.
    left_ms: u64,
}

/// Between two saves of how much is left while all budgets are closed. A guest that reboots
/// more often than this stays closed.
const LEFT_SAVED_EVERY: Duration = Duration::from_secs(60);

/// How long an unreadable ledger closes all budgets: the longest window that remedies have.
pub(super) const CLOSED_FOR: Duration = Duration::from_secs(3600);

impl Ledger {
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

    /// Whether it tells of what this boot cannot have come to yet: a repair, or too late an end
    /// of a wait. It would keep repairs from running for ever.
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
        let too_far = |climbs: &Climbs| {
            let waits = |climb: &Climb| Duration::from_millis(climb.not_before_ms);
            let longest = uptime + REST_CAP;
            climbs.boot_id == boot_id && climbs.climbs.iter().any(|climb| waits(climb) > longest)
        };
        self.entries.iter().any(to_come)
            || self.closed_until.as_ref().is_some_and(too_long)
            || self.climbs.as_ref().is_some_and(too_far)
            || self.pause_at(boot_id, uptime + LONGEST_PAUSE).is_some()
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

    /// Opens the budgets once their time has come, and else keeps what is left of it.
    pub(super) fn expire_closing(&mut self, boot_id: &str, uptime: Duration) -> bool {
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
    pub(super) fn closed_for(&self, boot_id: &str, uptime: Duration) -> Duration {
        self.closed_until.as_ref().map_or(Duration::ZERO, |closed| {
            if closed.boot_id == boot_id {
                Duration::from_millis(closed.uptime_ms).saturating_sub(uptime)
            } else {
                Duration::from_millis(closed.left_ms)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::core::{Budget, Moment};

    const TWO: Budget = Budget { limit: 2, window: Duration::from_secs(100) };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
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
        let mut paused = Ledger::fresh();
        paused.pause("b", Moment { uptime: at(100), wall: UNIX_EPOCH }, LONGEST_PAUSE);
        assert!(!paused.is_from_the_future("b", at(100)));
        assert!(paused.is_from_the_future("b", at(99)));
        let climb = Climb { not_before_ms: millis(at(100) + REST_CAP), ..Climb::default() };
        let climbs = Climbs { boot_id: "b".into(), climbs: vec![climb], ..Climbs::default() };
        let resting = Ledger { climbs: Some(climbs), ..Ledger::fresh() };
        assert!(!resting.is_from_the_future("b", at(100)));
        assert!(resting.is_from_the_future("b", at(99)));
    }

    #[test]
    fn a_closed_ledger_is_open_for_good_after_its_window() {
        let mut ledger = Ledger::closed("b", at(50));
        assert!(!ledger.expire("b", at(60)));
        assert!(ledger.expire("b", at(50) + CLOSED_FOR));
        assert_eq!(ledger.wait("x", TWO, "later", at(1)), Duration::ZERO);
        assert_eq!(ledger, Ledger::fresh());
    }
}
