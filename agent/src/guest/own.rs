//! What the agent itself has the server do: it must not pass for what clients have it do.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time;

use super::concern;
use super::current::Current;
use super::real::Shared;
use crate::model::PullState;
use crate::{model, ollama};

/// A proof that takes this long waits for something. Loaded, the model embeds the text in tens of
/// milliseconds.
const WAITS: Duration = Duration::from_secs(1);

/// Between two looks at models that are in order, while a proof waits.
const SPARED: Duration = Duration::from_secs(30);

impl Shared {
    /// What the agent itself has the server do.
    pub(super) fn own(&self, current: &Current) -> ollama::Own {
        let pulls = matches!(current.pull.state(), PullState::Running(_));
        let quiet_since = if pulls { Duration::MAX } else { current.proofs.log().quiet_since() };
        ollama::Own { asked: self.asked.load(Ordering::Relaxed), quiet_since }
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

impl Current {
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
        let in_order = |models: &model::Facts| {
            models.source == model::Source::Present && models.alias.serves()
        };
        waits && known.is_some_and(|seen| seen.value.as_ref().is_ok_and(in_order))
    }
}
