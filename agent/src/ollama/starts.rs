//! How often the unit was started lately, as far as was seen. systemd counts starts against
//! the unit's limit and tells nobody the count.

use std::time::Duration;

use super::unit::Unit;

/// Longer intervals than this are taken to leave room: a unit that may start five times a day
/// must not be left down for a day.
const INTERVAL_CAP: Duration = Duration::from_secs(60);

/// How far back systemd's own restarts count: at three seconds apart, with a start that fails
/// at once, there are fifteen of them.
const CRASHES_SINCE: Duration = Duration::from_secs(60);

/// The starts that were seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Starts {
    /// Uptimes of the starts within the last interval, oldest first.
    seen: Vec<Duration>,
    /// Uptime of the first look. What was before is not known.
    since: Option<Duration>,
    last: Option<(u128, u32)>,
    /// Uptimes at which systemd was seen to have restarted it by itself, oldest first.
    by_systemd: Vec<Duration>,
}

impl Starts {
    /// Takes in what was seen of the unit at `uptime`.
    #[must_use]
    pub(super) fn follow(mut self, unit: &Unit, uptime: Duration) -> Self {
        let now = (unit.invocation, unit.restarts);
        let automatic = self.last.map_or(0, |(_, before)| unit.restarts.saturating_sub(before));
        let changed = self.is_new(unit);
        // systemd's own restarts between two looks are counted, if not dated, by it.
        let starts = automatic.max(u32::from(changed && unit.invocation != 0));
        self.seen.extend((0..starts).map(|_| unit.started));
        if self.last.is_some_and(|(_, before)| unit.restarts < before) {
            // Somebody started it anew; systemd counts from zero, too.
            self.by_systemd.clear();
        }
        self.by_systemd.extend((0..automatic).map(|_| uptime));
        self.by_systemd.retain(|at| uptime.saturating_sub(*at) < CRASHES_SINCE);
        let interval = interval(unit);
        self.seen.retain(|start| uptime.saturating_sub(*start) < interval);
        self.since.get_or_insert(uptime);
        self.last = Some(now);
        self
    }

    /// Whether this is a start of the unit that was not there at the last look.
    #[must_use]
    pub(super) fn is_new(&self, unit: &Unit) -> bool {
        self.last.is_none_or(|(invocation, _)| invocation != unit.invocation)
    }

    /// How often systemd restarted it by itself within the last minute, by its `NRestarts`.
    #[must_use]
    pub(super) fn by_systemd(&self, uptime: Duration) -> usize {
        let recent = |at: &&Duration| uptime.saturating_sub(**at) < CRASHES_SINCE;
        self.by_systemd.iter().filter(recent).count()
    }

    /// Why another start at `uptime` could hit the limit. With `surely`, not only what was
    /// seen counts: while it is not known what was before the first look, one start within
    /// the interval is taken for as many as there may have been.
    #[must_use]
    pub(super) fn would_hit(&self, unit: &Unit, uptime: Duration, surely: bool) -> Option<String> {
        let interval = interval(unit);
        let burst = usize::try_from(unit.start_burst).unwrap_or(usize::MAX);
        if burst == 0 || interval.is_zero() {
            return None;
        }
        let recent = self.seen.iter().filter(|at| uptime.saturating_sub(**at) < interval).count();
        let blind = self.since.is_none_or(|since| uptime.saturating_sub(since) < interval);
        // One start is left for a person, but where the limit is a single one.
        (recent > 0 && (recent + 1 >= burst || (surely && blind))).then(|| {
            format!(
                "the unit was started {recent} times in {} s, and its limit is {burst}",
                interval.as_secs()
            )
        })
    }
}

fn interval(unit: &Unit) -> Duration {
    unit.start_interval.min(INTERVAL_CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn unit(invocation: u128, started: u64, restarts: u32) -> Unit {
        Unit { restarts, invocation, started: at(started), ..Unit::fake() }
    }

    #[test]
    fn the_last_start_of_the_limit_is_left_for_a_person() {
        let mut starts = Starts::default().follow(&unit(1, 10, 0), at(50));
        for start in 0..3 {
            assert_eq!(starts.would_hit(&unit(1, 60, 0), at(63), true), None);
            starts = starts.follow(&unit(2 + start, 60, 0), at(61));
        }
        assert_eq!(starts.would_hit(&unit(4, 60, 0), at(63), true), None);
        starts = starts.follow(&unit(5, 60, 0), at(61));
        assert!(starts.would_hit(&unit(5, 60, 0), at(63), false).is_some());
        assert_eq!(starts.would_hit(&unit(5, 60, 0), at(71), true), None);
    }

    #[test]
    fn restarts_by_systemd_count_though_they_were_not_seen() {
        let starts = Starts::default().follow(&unit(1, 10, 0), at(50));
        let starts = starts.follow(&unit(2, 60, 4), at(61));
        assert!(starts.would_hit(&unit(2, 60, 4), at(61), false).is_some());
    }

    #[test]
    fn crashes_are_counted_for_a_minute() {
        let mut starts = Starts::default().follow(&unit(1, 10, 40), at(50));
        assert_eq!(starts.by_systemd(at(50)), 0, "what was before the first look is not dated");
        for crash in 1..=3 {
            starts = starts.follow(&unit(2, 50, 40 + crash), at(50 + 3 * u64::from(crash)));
        }
        assert_eq!(starts.by_systemd(at(60)), 3);
        assert_eq!(starts.by_systemd(at(114)), 2);
        // A person's restart begins the count anew.
        let starts = starts.follow(&unit(3, 61, 0), at(62));
        assert_eq!(starts.by_systemd(at(62)), 0);
    }

    #[test]
    fn a_restart_waits_until_what_was_before_the_first_look_counts_no_more() {
        let starts = Starts::default().follow(&unit(1, 48, 0), at(50));
        assert!(starts.would_hit(&unit(1, 48, 0), at(51), true).is_some());
        assert_eq!(starts.would_hit(&unit(1, 48, 0), at(51), false), None);
        assert_eq!(starts.would_hit(&unit(1, 48, 0), at(58), true), None);
    }

    #[test]
    fn a_unit_that_may_start_once_can_be_started_when_no_start_was_seen() {
        let once = Unit { start_burst: 1, ..unit(1, 10, 0) };
        let starts = Starts::default().follow(&once, at(50));
        assert_eq!(starts.would_hit(&once, at(70), true), None);
        let again = Unit { start_burst: 1, ..unit(2, 70, 0) };
        let starts = starts.follow(&again, at(71));
        assert!(starts.would_hit(&again, at(72), false).is_some());
    }

    #[test]
    fn a_unit_without_a_limit_may_always_start() {
        let unlimited = Unit { start_interval: Duration::ZERO, ..unit(1, 50, 0) };
        let starts = Starts::default().follow(&unlimited, at(50));
        assert_eq!(starts.would_hit(&unlimited, at(50), true), None);
    }
}
