//! Time. Intervals are measured on the boot clock, which neither jumps nor stops while the
//! guest is suspended; the wall clock only labels events for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// One instant on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Time since the guest's kernel started, suspension included (`CLOCK_BOOTTIME`).
    pub uptime: Duration,
    /// What the wall clock said. It may jump either way: for display only.
    pub wall: SystemTime,
}

/// Where the core takes the time from.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Moment;

    /// How long the guest has been suspended since its kernel started.
    fn asleep(&self) -> Duration {
        Duration::ZERO
    }
}

/// Shorter than this is no sleep: the clocks that tell are read one after the other.
const NAP: Duration = Duration::from_secs(1);

/// How long a guest has slept that had been suspended for `before` in all, and is now for `now`.
#[must_use]
pub fn slept(before: Duration, now: Duration) -> Option<Duration> {
    Some(now.saturating_sub(before)).filter(|time| *time >= NAP)
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct BootClock;

impl Clock for BootClock {
    fn now(&self) -> Moment {
        // CLOCK_BOOTTIME exists since Linux 2.6.39; it cannot fail on a kernel that runs this.
        let uptime = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
        let wall = SystemTime::now();
        Moment { uptime, wall }
    }

    fn asleep(&self) -> Duration {
        let awake = monotonic();
        self.now().uptime.saturating_sub(awake)
    }
}

/// Time since the guest's kernel started, without that in which it was suspended.
fn monotonic() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

/// The uptime at an instant that was stamped on the monotonic clock, which stands still while
/// the guest is suspended: systemd's timestamps are.
#[must_use]
pub fn uptime_at(monotonic: Duration) -> Duration {
    let ago = self::monotonic().saturating_sub(monotonic);
    BootClock.now().uptime.saturating_sub(ago)
}

/// `wall` as RFC 3339 in UTC, to the millisecond. A time before 1970 reads as 1970.
#[must_use]
pub fn rfc3339(wall: SystemTime) -> String {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let millis = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The proleptic Gregorian date of a day counted from 1970-01-01, by Howard Hinnant's
/// `civil_from_days`: eras of 400 years of 146,097 days, years that begin in March.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000Z");
        assert_eq!(at(1_795_218_264), "2026-11-20T23:44:24.000Z");
        assert_eq!(at(4_107_542_399), "2100-02-28T23:59:59.000Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn what_passes_between_two_readings_is_no_sleep() {
        let at = Duration::from_millis;
        assert_eq!(slept(at(5000), at(5999)), None);
        assert_eq!(slept(at(5000), at(4000)), None);
        assert_eq!(slept(at(5000), at(65_000)), Some(at(60_000)));
        let before = BootClock.asleep();
        assert_eq!(slept(before, BootClock.asleep()), None);
    }

    #[test]
    fn the_boot_clock_goes_forward() {
        let first = BootClock.now().uptime;
        assert!(first > Duration::ZERO);
        assert!(BootClock.now().uptime >= first);
    }
}
