//! Whether the server gets anything done, and for whom.

use std::time::Duration;

use super::computing::{Computing, WORKING};

/// What half a look at the models may cost the server: a list, and two answers that it reads from
/// the models' files. An idle server with a small model takes 5 ms for all of it; one with a large
/// vocabulary reads more.
const QUESTION: Duration = Duration::from_millis(50);

/// How long what computes must have stood still, for nobody to be served: between two requests it
/// rests for milliseconds.
const STANDS: Duration = Duration::from_secs(10);

/// A look so soon after another says nothing: its own knock would pass for work.
const WINDOW: Duration = Duration::from_secs(1);

/// Whether the server gets anything done, told by the CPU time of its control group: it is
/// counted by the kernel, so a server that cannot answer cannot hide it either. While a proof
/// waits, by what the processes that compute have used: clients who ask, and wait as well, keep
/// the server itself at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Uptime of this look.
    pub at: Duration,
    /// CPU time used until then.
    pub cpu: Option<Duration>,
    /// What the processes that compute have used until then, where that was asked for.
    pub computing: Option<Computing>,
    /// Whether this start of the server was seen with a runner: until then, having none says
    /// nothing of how it computes.
    pub has_had_runner: bool,
    /// Both, as they were at the last look that saw it work, or at the first.
    pub base: (Option<Duration>, Option<Computing>),
    /// Uptime at which a GPU was last seen to compute, and whether that is told at all.
    pub gpu: Option<Duration>,
    /// See `gpu`.
    pub gpu_told: bool,
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
    /// Uptime at which a proof was last seen to wait, or not even to be let in. A server that
    /// rests after it has had nothing to do.
    pub wanted: Option<Duration>,
}

impl Progress {
    /// What a look at `at` adds, which saw that much CPU time used.
    pub(super) fn follow(
        self,
        at: Duration,
        cpu: Option<Duration>,
        computing: Option<Computing>,
        own: Own,
    ) -> Self {
        let soon = at < self.at + WINDOW;
        if soon && self.cpu.zip(cpu).is_some_and(|(before, after)| after >= before) {
            return self;
        }
        let computing = computing.filter(|told| told.newest.is_some() || self.has_had_runner);
        let asked = u32::try_from(own.asked.saturating_sub(self.asked)).unwrap_or(u32::MAX);
        let elapsed = at.saturating_sub(self.at);
        let worked = match (self.computing, computing, self.cpu, cpu) {
            _ if elapsed.is_zero() => false,
            (Some(before), Some(now), ..) => now.has_worked(&before, elapsed),
            (_, _, Some(before), Some(after)) => {
                let used = after.saturating_sub(before);
                let used = used.saturating_sub(QUESTION.saturating_mul(asked)).as_secs_f64();
                used >= WORKING * elapsed.as_secs_f64()
            }
            _ => false,
        };
        let since = cpu.map(|_| self.since.unwrap_or(at));
        let last = if worked { Some(at) } else { self.last };
        // What computes stands still while a proof waits: whoever keeps the server itself at work
        // is not served either.
        let stands = !worked && computing.is_some() && self.computing.is_some();
        let for_long = last.is_none_or(|last| at.saturating_sub(last) >= STANDS);
        let stands = stands && for_long && own.wanted > last;
        let served = match (worked, stands) {
            (true, _) if own.quiet_since <= self.at => Some(at),
            (_, true) => None,
            _ => self.served,
        };
        let (cpu_then, computing_then) = if worked { (None, None) } else { self.base };
        let base = (cpu_then.or(cpu), computing_then.or(computing));
        let seen = computing.is_some_and(|computing| computing.newest.is_some());
        let has_had_runner = self.has_had_runner || seen;
        let asked = own.asked;
        Self { at, cpu, computing, has_had_runner, base, since, last, served, asked, ..self }
    }

    /// Uptime since which it was watched and seen to do nothing. `None`: its CPU time is not
    /// known, which says nothing of what it does.
    #[must_use]
    pub fn idle_since(&self) -> Option<Duration> {
        self.since.map(|since| since.max(self.last.max(self.gpu).unwrap_or_default()))
    }

    /// What it was seen to do since it is idle, signal by signal, for a person who doubts it.
    #[must_use]
    pub fn evidence(&self) -> String {
        let used = |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64();
        let mut told = Vec::new();
        if let (Some(now), Some(then)) = (self.computing, self.base.1) {
            let (cpu, read) = (used(now.cpu, then.cpu), now.read.saturating_sub(then.read) >> 20);
            if let Some((pid, letter, _)) = now.newest {
                told.push(format!("runner {pid} (state {letter}) used {cpu:.1} s of CPU"));
                told.push(format!("read {read} MiB"));
            } else {
                told.push("its runner is gone".into());
            }
        } else {
            told.push("no runner was seen".into());
        }
        if let (Some(now), Some(then)) = (self.cpu, self.base.0) {
            told.push(format!("all of the unit used {:.0} s of CPU", used(now, then)));
        }
        told.push(if self.gpu_told { "no GPU computed" } else { "no GPU was asked" }.into());
        told.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Own = Own { asked: 0, quiet_since: Duration::ZERO, wanted: None };
    const A_PROOF: Own = Own { wanted: Some(Duration::MAX), ..NOBODY };

    fn seconds(value: f64) -> Duration {
        Duration::from_secs_f64(value)
    }

    #[test]
    fn a_frozen_server_makes_no_progress_and_a_busy_one_does() {
        let first = Progress::default().follow(seconds(10.0), Some(seconds(5.0)), None, NOBODY);
        assert_eq!(first.last, None);
        let frozen = first.follow(seconds(20.0), Some(seconds(5.0)), None, NOBODY);
        assert_eq!(frozen.last, None);
        let busy = frozen.follow(seconds(30.0), Some(seconds(5.5)), None, NOBODY);
        assert_eq!(busy.last, Some(seconds(30.0)));
        let frozen_again = busy.follow(seconds(40.0), Some(seconds(5.5)), None, NOBODY);
        assert_eq!(frozen_again.last, Some(seconds(30.0)));
    }

    #[test]
    fn a_knock_right_after_another_is_no_work() {
        let first = Progress::default().follow(seconds(10.0), Some(seconds(5.0)), None, NOBODY);
        let again = first.follow(seconds(10.05), Some(seconds(5.002)), None, NOBODY);
        assert_eq!(again, first);
        let later = again.follow(seconds(12.0), Some(seconds(5.004)), None, NOBODY);
        assert_eq!(later.idle_since(), Some(seconds(10.0)));
    }

    #[test]
    fn without_accounting_neither_progress_nor_idleness_is_seen() {
        let progress = Progress::default().follow(seconds(1.0), None, None, NOBODY);
        assert_eq!(progress.idle_since(), None);
        let seen = progress.follow(seconds(2.0), Some(seconds(9.0)), None, NOBODY);
        assert_eq!((seen.last, seen.idle_since()), (None, Some(seconds(2.0))));
        let idle = seen.follow(seconds(5.0), Some(seconds(9.0)), None, NOBODY);
        assert_eq!(idle.idle_since(), Some(seconds(2.0)));
        let worked = idle.follow(seconds(6.0), Some(seconds(9.9)), None, NOBODY);
        assert_eq!(worked.idle_since(), Some(seconds(6.0)));
        assert_eq!(worked.follow(seconds(7.0), None, None, NOBODY).idle_since(), None);
    }

    #[test]
    fn the_agent_s_own_proof_is_work_and_serves_nobody() {
        // A model that a proof has loaded: 267 ms. One that was loaded: 9 ms.
        let first = Progress::default().follow(seconds(10.0), Some(seconds(5.0)), None, NOBODY);
        let proven = |at: f64| Own { quiet_since: seconds(at), ..NOBODY };
        let loaded = first.follow(seconds(20.0), Some(seconds(5.267)), None, proven(14.0));
        assert_eq!((loaded.last, loaded.served), (Some(seconds(20.0)), None));
        // The next one waits since 24: what is done after that may be anybody's.
        let begun = loaded.follow(seconds(25.0), Some(seconds(6.0)), None, proven(24.0));
        assert_eq!((begun.last, begun.served), (Some(seconds(25.0)), None));
        let busy = begun.follow(seconds(27.0), Some(seconds(6.1)), None, proven(24.0));
        assert_eq!(busy.served, Some(seconds(27.0)));
        let idle = busy.follow(seconds(37.0), Some(seconds(6.109)), None, proven(24.0));
        assert_eq!((idle.last, idle.served), (busy.last, busy.served));
    }

    #[test]
    fn the_agent_s_own_questions_are_no_work() {
        let asked = |asked| Own { asked, ..NOBODY };
        let first = Progress::default().follow(seconds(10.0), Some(seconds(5.0)), None, asked(6));
        // 60 ms for a large vocabulary, within two seconds.
        let seen = first.follow(seconds(12.0), Some(seconds(5.06)), None, asked(8));
        assert_eq!(seen.idle_since(), Some(seconds(10.0)));
        assert_eq!(
            seen.follow(seconds(14.0), Some(seconds(5.12)), None, asked(8)).last.unwrap(),
            seconds(14.0)
        );
        assert_eq!(
            seen.follow(seconds(14.0), Some(seconds(5.36)), None, asked(10)).last.unwrap(),
            seconds(14.0)
        );
    }

    #[test]
    fn a_runner_that_stands_still_is_not_hidden_by_clients_who_ask() {
        let used = |cpu, started| Computing {
            cpu: seconds(cpu),
            read: 0,
            newest: Some((412, 'T', seconds(started))),
        };
        let mut now = Progress::default().follow(seconds(10.0), Some(seconds(5.0)), None, NOBODY);
        // A quarter of a core for requests that wait like the proof.
        for look in 1..=32 {
            let (at, cpu) = (10.0 + 2.0 * f64::from(look), 5.0 + 0.5 * f64::from(look));
            now = now.follow(seconds(at), Some(seconds(cpu)), Some(used(9.0, 1.0)), A_PROOF);
        }
        assert_eq!(now.idle_since(), Some(seconds(12.0)), "the first two told of the unit alone");
        assert_eq!(now.served, None, "nor is anybody served");
        let told = now.evidence();
        assert!(told.contains("runner 412 (state T) used 0.0 s of CPU, read 0 MiB"), "{told}");
        assert!(told.contains("all of the unit used 16 s of CPU, no GPU was asked"), "{told}");
        let computes = now.follow(seconds(76.0), Some(seconds(22.0)), Some(used(9.5, 1.0)), NOBODY);
        assert_eq!((computes.last, computes.served), (Some(seconds(76.0)), Some(seconds(76.0))));
        let gpu = Progress { gpu: Some(seconds(74.0)), gpu_told: true, ..now };
        assert_eq!(gpu.idle_since(), Some(seconds(74.0)));
    }

    #[test]
    fn a_server_that_rests_after_its_clients_have_gone_has_served_them() {
        let used = |cpu| Computing { cpu: seconds(cpu), ..Computing::default() };
        let busy = Own { wanted: Some(seconds(18.0)), ..NOBODY };
        let mut now = Progress { has_had_runner: true, ..Progress::default() };
        for (at, cpu) in [(10.0, 1.0), (20.0, 3.0)] {
            now = now.follow(seconds(at), Some(seconds(cpu)), Some(used(cpu)), busy);
        }
        for at in [30.0, 40.0] {
            now = now.follow(seconds(at), Some(seconds(3.0)), Some(used(3.0)), busy);
            assert_eq!(now.served, Some(seconds(20.0)), "the last refusal was before that");
        }
        let refused = Own { wanted: Some(seconds(41.0)), ..NOBODY };
        now = now.follow(seconds(42.0), Some(seconds(3.0)), Some(used(3.0)), refused);
        assert_eq!(now.served, None);
    }

    #[test]
    fn a_runner_that_is_gone_computes_nothing_and_one_that_never_was_says_nothing() {
        let none = Some(Computing::default());
        let looks = |first: Progress| {
            let step = |now: Progress, look: u32| {
                let (at, cpu) = (f64::from(10 + 2 * look), f64::from(5 + look));
                now.follow(seconds(at), Some(seconds(cpu)), none, A_PROOF)
            };
            (1..=9).fold(first, step)
        };
        let first = Progress::default().follow(seconds(10.0), Some(seconds(5.0)), None, NOBODY);
        assert_eq!(looks(first).idle_since(), Some(seconds(28.0)), "all that is known is the CPU");
        let runner = Computing { newest: Some((412, 'R', seconds(1.0))), ..Computing::default() };
        let first =
            Progress::default().follow(seconds(10.0), Some(seconds(5.0)), Some(runner), NOBODY);
        let gone = looks(first);
        assert_eq!((gone.idle_since(), gone.served), (Some(seconds(10.0)), None));
        assert!(gone.evidence().contains("its runner is gone"), "{}", gone.evidence());
    }
}
