//! Whether the server gets anything done, and for whom.

use std::time::Duration;

/// The part of one core that a server uses at least while it works on something. One that is
/// frozen uses none at all.
const WORKING: f64 = 0.01;

/// What half a look at the models may cost the server: a list, and two answers that it reads from
/// the models' files. An idle server with a small model takes 5 ms for all of it; one with a large
/// vocabulary reads more.
const QUESTION: Duration = Duration::from_millis(50);

/// A look so soon after another says nothing: its own knock would pass for work.
const WINDOW: Duration = Duration::from_secs(1);

/// Whether the server gets anything done, told by the CPU time of its control group: it is
/// counted by the kernel, so a server that cannot answer cannot hide it either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Uptime of this look.
    pub at: Duration,
    /// CPU time used until then.
    pub cpu: Option<Duration>,
    /// Uptime since which the CPU time is known without a gap. `None`: it is not.
    pub since: Option<Duration>,
    /// Uptime of the last look that saw it work, for whomever.
    pub last: Option<Duration>,
    /// The same, where it was not the agent itself that had given it work.
    pub served: Option<Duration>,
    /// How much the agent had asked until then.
    pub asked: u64,
    /// Uptime of the last look that it answered.
    pub answered: Option<Duration>,
}

/// What the agent itself has the server do. Without it, each proof would pass for a client's
/// request, and a server that does nothing else for a busy one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Own {
    /// How many looks at the models have begun, and how many have ended.
    pub asked: u64,
    /// Uptime since which no proof has begun or ended, and neither a pull nor a repair of the
    /// models has run. A proof that merely
    /// waits is no work: it is not known whom the server works for then, and clients wait too.
    pub quiet_since: Duration,
}

impl Progress {
    /// What a look at `at` adds, which saw that much CPU time used.
    pub(super) fn follow(self, at: Duration, cpu: Option<Duration>, own: Own) -> Self {
        let soon = at < self.at + WINDOW;
        if soon && self.cpu.zip(cpu).is_some_and(|(before, after)| after >= before) {
            return self;
        }
        let asked = u32::try_from(own.asked.saturating_sub(self.asked)).unwrap_or(u32::MAX);
        let worked = match (self.cpu, cpu) {
            (Some(before), Some(after)) if at > self.at => {
                let used = after.saturating_sub(before);
                let used = used.saturating_sub(QUESTION.saturating_mul(asked)).as_secs_f64();
                used / at.saturating_sub(self.at).as_secs_f64() >= WORKING
            }
            _ => false,
        };
        let since = cpu.map(|_| self.since.unwrap_or(at));
        let last = if worked { Some(at) } else { self.last };
        let served = if worked && own.quiet_since <= self.at { Some(at) } else { self.served };
        Self { at, cpu, since, last, served, asked: own.asked, ..self }
    }

    /// Uptime since which it was watched and seen to do nothing. `None`: its CPU time is not
    /// known, which says nothing of what it does.
    #[must_use]
    pub fn idle_since(&self) -> Option<Duration> {
        self.since.max(self.last.filter(|_| self.since.is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Own = Own { asked: 0, quiet_since: Duration::ZERO };

    fn seconds(value: f64) -> Duration {
        Duration::from_secs_f64(value)
    }

    #[test]
    fn a_frozen_server_makes_no_progress_and_a_busy_one_does() {
        let first = Progress::default().follow(seconds(10.0), Some(seconds(5.0)), NOBODY);
        assert_eq!(first.last, None);
        let frozen = first.follow(seconds(20.0), Some(seconds(5.0)), NOBODY);
        assert_eq!(frozen.last, None);
        let busy = frozen.follow(seconds(30.0), Some(seconds(5.5)), NOBODY);
        assert_eq!(busy.last, Some(seconds(30.0)));
        let frozen_again = busy.follow(seconds(40.0), Some(seconds(5.5)), NOBODY);
        assert_eq!(frozen_again.last, Some(seconds(30.0)));
    }

    #[test]
    fn a_knock_right_after_another_is_no_work() {
        let first = Progress::default().follow(seconds(10.0), Some(seconds(5.0)), NOBODY);
        let again = first.follow(seconds(10.05), Some(seconds(5.002)), NOBODY);
        assert_eq!(again, first);
        let later = again.follow(seconds(12.0), Some(seconds(5.004)), NOBODY);
        assert_eq!(later.idle_since(), Some(seconds(10.0)));
    }

    #[test]
    fn without_accounting_neither_progress_nor_idleness_is_seen() {
        let progress = Progress::default().follow(seconds(1.0), None, NOBODY);
        assert_eq!(progress.idle_since(), None);
        let seen = progress.follow(seconds(2.0), Some(seconds(9.0)), NOBODY);
        assert_eq!((seen.last, seen.idle_since()), (None, Some(seconds(2.0))));
        let idle = seen.follow(seconds(5.0), Some(seconds(9.0)), NOBODY);
        assert_eq!(idle.idle_since(), Some(seconds(2.0)));
        let worked = idle.follow(seconds(6.0), Some(seconds(9.9)), NOBODY);
        assert_eq!(worked.idle_since(), Some(seconds(6.0)));
        assert_eq!(worked.follow(seconds(7.0), None, NOBODY).idle_since(), None);
    }

    #[test]
    fn the_agent_s_own_proof_is_work_and_serves_nobody() {
        // A model that a proof has loaded: 267 ms. One that was loaded: 9 ms.
        let first = Progress::default().follow(seconds(10.0), Some(seconds(5.0)), NOBODY);
        let proven = |at: f64| Own { quiet_since: seconds(at), ..NOBODY };
        let loaded = first.follow(seconds(20.0), Some(seconds(5.267)), proven(14.0));
        assert_eq!((loaded.last, loaded.served), (Some(seconds(20.0)), None));
        // The next one waits since 24: what is done after that may be anybody's.
        let begun = loaded.follow(seconds(25.0), Some(seconds(6.0)), proven(24.0));
        assert_eq!((begun.last, begun.served), (Some(seconds(25.0)), None));
        let busy = begun.follow(seconds(27.0), Some(seconds(6.1)), proven(24.0));
        assert_eq!(busy.served, Some(seconds(27.0)));
        let idle = busy.follow(seconds(37.0), Some(seconds(6.109)), proven(24.0));
        assert_eq!((idle.last, idle.served), (busy.last, busy.served));
    }

    #[test]
    fn the_agent_s_own_questions_are_no_work() {
        let asked = |asked| Own { asked, ..NOBODY };
        let first = Progress::default().follow(seconds(10.0), Some(seconds(5.0)), asked(6));
        // 60 ms for a large vocabulary, within two seconds.
        let seen = first.follow(seconds(12.0), Some(seconds(5.06)), asked(8));
        assert_eq!(seen.idle_since(), Some(seconds(10.0)));
        assert_eq!(
            seen.follow(seconds(14.0), Some(seconds(5.12)), asked(8)).last.unwrap(),
            seconds(14.0)
        );
        assert_eq!(
            seen.follow(seconds(14.0), Some(seconds(5.36)), asked(10)).last.unwrap(),
            seconds(14.0)
        );
    }
}
