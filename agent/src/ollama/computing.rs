//! What the processes that compute for the server have used, from one look to the next.

use std::time::Duration;

use crate::probe::{Runner, RunnerFacts};

/// The part of one core that a process uses at least while it computes or loads.
pub(super) const WORKING: f64 = 0.01;

/// What a process may use without being at work: the kernel counts whole ticks, of 10 ms mostly,
/// and two of them may end just before a look.
const TICKS: Duration = Duration::from_millis(20);

/// Bytes a second that one which loads a model reads at least. A slower disk loads none in the five
/// minutes that the server waits; the server's knocks at a runner are a few hundred bytes each.
const LOADING: f64 = 1_000_000.0;

/// All runners together. Where there is none, nothing was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Computing {
    /// CPU time of all of them.
    pub cpu: Duration,
    /// Bytes that they have read.
    pub read: u64,
    /// The process that was started last, what it does as the kernel's letter, and when it was
    /// started, as uptime. `None`: there is none.
    pub newest: Option<(i32, char, Duration)>,
}

impl Computing {
    /// What a look has found.
    #[must_use]
    pub fn of(facts: &RunnerFacts) -> Self {
        let newest = facts.runners.iter().max_by_key(|runner| runner.started_milliseconds);
        let sum =
            |of: fn(&Runner) -> u64| facts.runners.iter().map(of).fold(0, u64::saturating_add);
        let newest = newest.map(|runner| {
            let letter = runner.state.chars().next().unwrap_or('?');
            (runner.pid, letter, Duration::from_millis(runner.started_milliseconds))
        });
        Self {
            cpu: Duration::from_millis(sum(|runner| runner.cpu_milliseconds)),
            read: sum(|runner| runner.read_bytes),
            newest,
        }
    }

    /// When the one that was started last was, as uptime. Before all others where there is none.
    fn started(&self) -> Option<Duration> {
        self.newest.map(|(.., started)| started)
    }

    /// Whether they have got anything done in the `elapsed` time since `before`: computed, loaded,
    /// or another one was started.
    #[must_use]
    pub(super) fn has_worked(&self, before: &Self, elapsed: Duration) -> bool {
        let seconds = elapsed.as_secs_f64();
        let cpu = self.cpu.saturating_sub(before.cpu).saturating_sub(TICKS).as_secs_f64();
        // Below 2^52, a byte more or less is none here.
        #[expect(clippy::cast_precision_loss, reason = "it is a rate")]
        let read = self.read.saturating_sub(before.read) as f64;
        let another = self.started() > before.started();
        another || cpu >= WORKING * seconds || read >= LOADING * seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner(pid: i32, cpu: u64, read: u64, started: u64) -> Runner {
        Runner {
            pid,
            name: "llama-server".into(),
            state: "S".into(),
            cpu_milliseconds: cpu,
            read_bytes: read,
            started_milliseconds: started,
        }
    }

    fn of(runners: &[Runner]) -> Computing {
        Computing::of(&RunnerFacts { runners: runners.to_vec() })
    }

    #[test]
    fn one_that_computes_loads_or_was_just_started_works() {
        let seconds = Duration::from_secs;
        let before = of(&[runner(7, 5000, 1 << 30, 100)]);
        assert_eq!(before.newest, Some((7, 'S', Duration::from_millis(100))));
        let later = |cpu: u64, read: u64| of(&[runner(7, 5000 + cpu, (1 << 30) + read, 100)]);
        assert!(!later(0, 0).has_worked(&before, seconds(2)));
        // Twenty knocks a second at one that stands still.
        assert!(!later(30, 10_000).has_worked(&before, seconds(2)));
        assert!(later(40, 0).has_worked(&before, seconds(2)));
        // A load from a disk that gives little, and costs no CPU.
        assert!(later(1, 4_000_000).has_worked(&before, seconds(2)));
        let another = of(&[runner(7, 5000, 1 << 30, 100), runner(9, 0, 0, 300)]);
        assert!(another.has_worked(&before, seconds(2)));
        assert!(!before.has_worked(&another, seconds(2)), "one has ended");
        let none = of(&[]);
        assert_eq!(none, Computing::default());
        assert!(!none.has_worked(&before, seconds(2)), "all have ended");
        assert!(before.has_worked(&none, seconds(2)), "one was started");
    }
}
