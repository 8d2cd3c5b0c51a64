//! What the loop counts about itself, for the metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What makes the loop turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nothing happened for so long that it was time to look.
    Timer,
    /// A look has ended.
    Look,
    /// A repair has ended.
    Repair,
    /// Somebody asked for something over the control socket.
    Order,
    /// Links, addresses, routes.
    Netlink,
    /// A signal on the system bus.
    Bus,
    /// The mount table.
    Mounts,
    /// NVIDIA's driver.
    Gpu,
}

impl Source {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 8] = [
        Self::Timer,
        Self::Look,
        Self::Repair,
        Self::Order,
        Self::Netlink,
        Self::Bus,
        Self::Mounts,
        Self::Gpu,
    ];

    /// The label in the metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Timer => "timer",
            Self::Look => "look",
            Self::Repair => "repair",
            Self::Order => "order",
            Self::Netlink => "netlink",
            Self::Bus => "bus",
            Self::Mounts => "mounts",
            Self::Gpu => "gpu",
        }
    }
}

/// Wake-ups by source, and what the last turn took.
#[derive(Debug, Default)]
pub struct Tally {
    wakes: [AtomicU64; Source::ALL.len()],
    turn_nanos: AtomicU64,
}

impl Tally {
    /// Counts one wake-up.
    pub fn woken(&self, source: Source) {
        if let Some(count) = self.wakes.get(source as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Wake-ups by `source` so far.
    #[must_use]
    pub fn wakes(&self, source: Source) -> u64 {
        self.wakes.get(source as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Notes what a turn took, from its beginning until the loop waits again.
    pub(super) fn turned(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.turn_nanos.store(nanos, Ordering::Relaxed);
    }

    /// What the last turn took.
    #[must_use]
    pub fn last_turn(&self) -> Duration {
        Duration::from_nanos(self.turn_nanos.load(Ordering::Relaxed))
    }
}
