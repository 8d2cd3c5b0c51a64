//! What the agent itself has the server do: it must not pass for what clients have it do.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time;

use super::concern;
use super::current::Current;
use super::real::Shared;
use crate::core::{BootClock, Clock};
use crate::{model, ollama};

/// A proof that takes this long waits for something. Loaded, the model embeds the text in tens of
/// milliseconds.
const WAITS: Duration = Duration::from_secs(1);

/// Between two looks at models that are in order, while a proof waits.
const SPARED: Duration = Duration::from_secs(30);

/// What repairs have the server do.
#[derive(Debug, Default)]
pub(super) struct Work(Mutex<Worked>);

#[derive(Debug, Default)]
struct Worked {
    /// How many are under way.
    running: u32,
    /// Uptime at which the last one ended, or was given up.
    until: Duration,
}

/// One of them is under way while this is kept.
#[derive(Debug)]
pub(super) struct Working<'a>(&'a Work);

impl Work {
    fn worked(&self) -> MutexGuard<'_, Worked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One begins.
    pub(super) fn begin(&self) -> Working<'_> {
        self.worked().running += 1;
        Working(self)
    }

    /// Uptime since which none was under way. While one is there is no such time.
    fn quiet_since(&self) -> Duration {
        let worked = self.worked();
        if worked.running > 0 { Duration::MAX } else { worked.until }
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        let mut worked = self.0.worked();
        worked.running -= 1;
        worked.until = BootClock.now().uptime;
    }
}

impl Shared {
    /// What the agent itself has the server do.
    pub(super) fn own(&self, current: &Current) -> ollama::Own {
        let (pull, proofs) = (current.pull.quiet_since(), current.proofs.log().quiet_since());
        let further = (current.further.iter())
            .map(|one| one.pull.quiet_since().max(one.proofs.log().quiet_since()));
        let quiet_since =
            further.fold(pull.max(proofs).max(self.work.quiet_since()), Duration::max);
        let wanted = current.wanted(BootClock.now().uptime);
        ollama::Own { asked: self.asked.load(Ordering::Relaxed), quiet_since, wanted }
    }

    /// Has the server looked at while a proof waits: what it does then is told by looks between
    /// which no proof began or ended, and they must come before the last good one is too old.
    /// Without end.
    pub(super) async fn watch_the_waiting(&self) {
        let mut pause = WAITS;
        loop {
            time::sleep(pause).await;
            self.waker.wake(concern::OLLAMA);
            pause = pause.saturating_mul(2);
        }
    }
}

/// A server that was seen to work within this time may do so for clients.
const WORKS: Duration = Duration::from_secs(30);

impl Current {
    /// Whether the server has been seen to work not long before `uptime`, for whomever.
    pub(super) fn works_for_somebody(&self, uptime: Duration) -> bool {
        let facts = self.facts();
        let last = facts.ollama.as_ref().and_then(|seen| seen.value.progress.last);
        last.is_some_and(|last| uptime.saturating_sub(last) < WORKS)
    }

    /// Uptime at which a proof was last seen to wait for something, or not even to be let in to
    /// wait: `uptime` for one that waits then. `None`: none does, and the last was let in.
    pub(super) fn wanted(&self, uptime: Duration) -> Option<Duration> {
        let log = self.proofs.log();
        let waits = |(_, began): &(_, Duration)| uptime.saturating_sub(*began) >= WAITS;
        let waits = log.running.filter(waits).map(|_| uptime);
        waits.or(log.refused_since.map(|_| log.ended))
    }

    /// Whether the models are not asked for at `uptime`: they were in order just now, and a proof
    /// waits. What the server does then tells whether it is busy or stuck, and each question of
    /// the agent's own would blur that.
    pub(super) fn spares_models(&self, uptime: Duration) -> bool {
        let running = self.proofs.log().running;
        let facts = self.facts();
        let waits = running.is_some_and(|(server, began)| {
            facts.server() == Some(server) && uptime.saturating_sub(began) >= WAITS
        });
        let known = facts.model.as_ref().filter(|seen| uptime.saturating_sub(seen.at) < SPARED);
        let in_order = |models: &model::Facts| models.source.is_there() && models.alias.serves();
        waits && known.is_some_and(|seen| seen.value.as_ref().is_ok_and(in_order))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_is_the_agent_s_own_work_until_it_ends_or_is_given_up() {
        let work = Work::default();
        assert_eq!(work.quiet_since(), Duration::ZERO);
        let (one, other) = (work.begin(), work.begin());
        drop(one);
        assert_eq!(work.quiet_since(), Duration::MAX);
        let before = BootClock.now().uptime;
        drop(other);
        assert!((before..=BootClock.now().uptime).contains(&work.quiet_since()));
    }
}
