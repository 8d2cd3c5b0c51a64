//! Who asks the loop for looks.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;

use crate::core::{Source, Tally};

/// Asks for looks. Cheap, and safe to call from anywhere and any number of times.
#[derive(Debug, Default)]
pub struct Waker {
    concerns: AtomicU32,
    notify: Notify,
    tally: Tally,
}

impl Waker {
    /// Asks for a look at the concern in this position (below 32).
    pub fn wake(&self, concern: usize) {
        self.concerns.fetch_or(1 << (concern & 31), Ordering::AcqRel);
        self.notify.notify_one();
    }

    /// The same, for an event that came from outside.
    pub fn wake_by(&self, source: Source, concern: usize) {
        self.tally.woken(source);
        self.wake(concern);
    }

    /// What the loop has counted.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Asks for a new report without a look: something to show has changed by itself.
    pub fn nudge(&self) {
        self.notify.notify_one();
    }

    /// Completes once somebody has asked for something since the last time.
    pub(super) async fn woken(&self) {
        self.notify.notified().await;
    }

    /// The concerns that were asked for since this was last called, a bit for each.
    pub(super) fn take(&self) -> u32 {
        self.concerns.swap(0, Ordering::AcqRel)
    }
}
