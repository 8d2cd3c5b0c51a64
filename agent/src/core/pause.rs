//! A person takes over: repairs pause, checks go on. A pause ends by itself, and with the boot
//! that it was asked for in; a restart of the agent does not end it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::millis;
use super::{Ledger, Moment, rfc3339};

/// The longest pause: a guest that was forgotten heals by itself the next day.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// A pause of all repairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// The boot that the uptime is of.
    boot_id: String,
    /// Uptime at which it ends, in milliseconds.
    uptime_ms: u64,
    /// The same as wall time when it was asked for, RFC 3339: for people.
    until: String,
}

impl Pause {
    /// Until when, RFC 3339.
    #[must_use]
    pub fn until(&self) -> &str {
        &self.until
    }

    /// Uptime at which it ends.
    #[must_use]
    pub fn ends(&self) -> Duration {
        Duration::from_millis(self.uptime_ms)
    }

    fn counts(&self, boot_id: &str, uptime: Duration) -> bool {
        // One that is longer than any can be was not asked for: the file is wrong.
        let left = self.ends().saturating_sub(uptime);
        self.boot_id == boot_id && !left.is_zero() && left <= LONGEST_PAUSE
    }
}

impl Ledger {
    /// Pauses repairs for `length` from now on, [`LONGEST_PAUSE`] at most; an earlier pause is
    /// replaced.
    pub fn pause(&mut self, boot_id: &str, now: Moment, length: Duration) -> &Pause {
        let length = length.min(LONGEST_PAUSE);
        self.paused.insert(Pause {
            boot_id: boot_id.into(),
            uptime_ms: millis(now.uptime + length),
            until: rfc3339(now.wall + length),
        })
    }

    /// Ends a pause; says whether there was one.
    pub fn resume(&mut self) -> bool {
        self.paused.take().is_some()
    }

    /// The pause that counts at `uptime`.
    #[must_use]
    pub fn pause_at(&self, boot_id: &str, uptime: Duration) -> Option<&Pause> {
        self.paused.as_ref().filter(|pause| pause.counts(boot_id, uptime))
    }

    /// Forgets a pause that is over; says whether there was one.
    pub(super) fn expire_pause(&mut self, boot_id: &str, uptime: Duration) -> bool {
        let over = self.paused.as_ref().is_some_and(|pause| !pause.counts(boot_id, uptime));
        over && self.resume()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> Moment {
        let uptime = Duration::from_secs(seconds);
        Moment { uptime, wall: UNIX_EPOCH + uptime }
    }

    #[test]
    fn a_pause_ends_by_itself_and_with_its_boot() {
        let mut ledger = Ledger::fresh();
        ledger.pause("b", at(100), Duration::from_secs(60));
        let pause = ledger.pause_at("b", at(159).uptime).unwrap();
        assert_eq!(pause.until(), "1970-01-01T00:02:40.000Z");
        assert!(ledger.pause_at("b", at(160).uptime).is_none());
        assert!(ledger.pause_at("the next boot", at(1).uptime).is_none());
        assert!(!ledger.expire_pause("b", at(159).uptime));
        assert!(ledger.expire_pause("b", at(160).uptime));
        assert_eq!(ledger, Ledger::fresh());
    }

    #[test]
    fn no_pause_is_longer_than_a_day_and_the_last_one_counts() {
        let mut ledger = Ledger::fresh();
        ledger.pause("b", at(0), Duration::MAX);
        assert_eq!(ledger.pause_at("b", Duration::ZERO).unwrap().ends(), LONGEST_PAUSE);
        ledger.pause("b", at(0), Duration::from_secs(1));
        assert!(ledger.pause_at("b", at(1).uptime).is_none());
        assert!(ledger.resume());
        assert!(!ledger.resume());
    }

    #[test]
    fn a_pause_that_nobody_can_have_asked_for_is_none() {
        let mut ledger = Ledger::fresh();
        ledger.pause("b", at(1000), LONGEST_PAUSE);
        assert!(ledger.pause_at("b", at(1000).uptime).is_some());
        assert!(ledger.pause_at("b", at(999).uptime).is_none());
        assert!(ledger.expire_pause("b", at(999).uptime));
    }
}
