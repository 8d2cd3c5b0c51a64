//! One further model: what is done for it, and what is known of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config;
use crate::guest::Seen;
use crate::model::{self, Attempt, Log, Proofs, Pull, PullState, Server};

/// How many times as far apart as those of the first model the proofs are, for each of them that
/// is pinned: all of them cost half as much as those of the first.
const SPREAD: u32 = 2;

/// Between two proofs of one that is not pinned.
const SELDOM: Duration = Duration::from_hours(1);

/// One of them, while the agent runs.
#[derive(Debug)]
pub struct Entry {
    /// As declared.
    pub config: Arc<config::Model>,
    /// What was proven of it.
    pub proofs: Arc<Proofs>,
    /// Its pull.
    pub pull: Pull,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    seen: Option<Seen<Result<model::Facts, String>>>,
    tried: u32,
}

/// What is known of one of them at one instant.
#[derive(Debug, Clone)]
pub struct Further {
    /// As declared.
    pub config: Arc<config::Model>,
    /// What was last seen of it.
    pub seen: Option<Seen<Result<model::Facts, String>>>,
    /// What its last pull has come to.
    pub pull: PullState,
    /// What was proven.
    pub proofs: Log,
    /// How many repairs of it were tried since it was last served.
    pub tried: u32,
}

impl Entry {
    /// One of which nothing is known yet.
    #[must_use]
    pub fn new(config: config::Model) -> Self {
        Self {
            config: Arc::new(config),
            proofs: Arc::default(),
            pull: Pull::default(),
            state: Mutex::default(),
        }
    }

    /// The same model under `config`, which promises the same of it. A pull from other sources
    /// ends.
    #[must_use]
    pub fn succeeded_by(&self, config: config::Model) -> Self {
        let goes_on = self.config.origins() == config.origins();
        Self {
            config: Arc::new(config),
            proofs: Arc::clone(&self.proofs),
            pull: if goes_on { self.pull.clone() } else { self.pull.end(true) },
            state: Mutex::new(self.state().clone()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of it.
    #[must_use]
    pub fn known(&self) -> Further {
        let State { seen, tried } = self.state().clone();
        Further {
            config: Arc::clone(&self.config),
            seen,
            pull: self.pull.state(),
            proofs: self.proofs.log(),
            tried,
        }
    }

    /// Takes what a look saw. Whether that is new.
    pub fn take(&self, seen: Seen<Result<model::Facts, String>>) -> bool {
        if seen.value.as_ref().is_ok_and(|facts| facts.source.is_there()) {
            self.pull.settle();
        }
        let mut state = self.state();
        let before = state.seen.replace(seen);
        before.as_ref().map(|seen| &seen.value) != state.seen.as_ref().map(|seen| &seen.value)
    }

    /// A repair of it was tried.
    pub fn tried(&self) {
        let mut state = self.state();
        state.tried = state.tried.saturating_add(1);
    }

    /// It was proven right: what was tried before has helped.
    pub fn helped(&self) {
        self.state().tried = 0;
    }
}

impl Further {
    /// The facts, where the server gave any.
    #[must_use]
    pub fn facts(&self) -> Option<&model::Facts> {
        self.seen.as_ref()?.value.as_ref().ok()
    }

    /// The alias's weights, where they are known.
    #[must_use]
    pub fn weights(&self) -> Option<&str> {
        self.facts()?.weights.as_deref()
    }

    /// How often it is proven, and how long a proof of it counts, where `first` is for the first
    /// model and so many further ones are `pinned`.
    #[must_use]
    pub fn pace(&self, first: &config::Proof, pinned: usize) -> config::Proof {
        let times = u32::try_from(pinned.max(1)).unwrap_or(u32::MAX).saturating_mul(SPREAD);
        let mut pace = first.clone();
        pace.interval = self.proofs.pace(first).interval.saturating_mul(times);
        let right = matches!(&self.proofs.last, Some((.., Attempt::Good)));
        let far = if self.config.pinned { pace.interval } else { SELDOM.max(pace.interval) };
        if right {
            pace.interval = far;
        }
        // As much longer than the time between two as for the first.
        let margin = first.fresh.saturating_sub(first.interval);
        pace.fresh = far.saturating_mul(if self.config.pinned { 1 } else { 2 }) + margin;
        pace.grace = first.grace.max(pace.fresh);
        pace
    }

    /// Whether a proof by `server` is due at `uptime`. One that has the alias can be proven; one
    /// that gives no list may have it.
    #[must_use]
    pub fn owes_proof(&self, server: Server, uptime: Duration, pace: &config::Proof) -> bool {
        let may = |seen: &Seen<Result<model::Facts, String>>| {
            seen.value.as_ref().map_or(true, |facts| facts.alias.is_there())
        };
        self.seen.as_ref().is_some_and(may)
            && self.proofs.due(server, self.weights(), uptime, pace, None)
    }
}
