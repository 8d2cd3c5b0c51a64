//! What a person asks of the loop over the control socket.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time;

use super::{Engine, Moment, Remedy};

/// A disk that takes longer to save the ledger is in no state to be acted on.
pub(super) const SAVED_WITHIN: Duration = Duration::from_secs(10);

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Pause repairs for so long.
    Pause(Duration),
    /// End the pause.
    Resume,
}

/// An order, and where its answer goes.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub order: Order,
    /// Takes the answer, in words, once the order was carried out and saved. An error: it was
    /// carried out and could not be saved, so the next agent will not know of it.
    pub answer: oneshot::Sender<Result<String, String>>,
}

impl<R: Remedy> Engine<R> {
    /// Carries out an order. Gives back what was done, in words. The ledger wants saving.
    pub fn obey(&mut self, now: Moment, order: Order) -> String {
        let done = match order {
            Order::Pause(length) => format!("repairs are paused until {}", self.pause(now, length)),
            Order::Resume if self.resume(now.uptime) => "repairs go on".into(),
            Order::Resume => "repairs were not paused".into(),
        };
        tracing::info!(?order, "{done}");
        done
    }
}

/// Answers with what was `done` once `saved` has come to its end, and gives that back.
///
/// # Errors
/// Where it could not be saved, or not in time.
pub async fn answered(
    answer: oneshot::Sender<Result<String, String>>,
    done: String,
    saved: impl Future<Output = Result<(), String>>,
) -> Result<(), String> {
    let saved = time::timeout(SAVED_WITHIN, saved).await;
    let saved = saved.unwrap_or_else(|_| Err("the disk does not answer".into()));
    // Whoever asked may be gone: it is done in any case.
    let _ = answer.send(match &saved {
        Ok(()) => Ok(done),
        Err(error) => Err(format!("{done}, but not across a restart of the agent: {error}")),
    });
    saved
}
