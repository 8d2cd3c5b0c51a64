//! The guest that the agent runs in: what its looks and repairs share, and what is made of it.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::Notify;

use super::Remedy;
use super::current::Current;
use super::known::Known;
use super::others::Turns;
use super::own::Work;
use crate::bus::Bus;
use crate::core::reconcile::Waker;
use crate::core::{Judgement, Moment};
use crate::{gpu, model, names, ollama};

/// What looks and repairs share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) bus: Arc<Bus>,
    pub(super) client: Client,
    pub(super) waker: Arc<Waker>,
    pub(super) current: Mutex<Arc<Current>>,
    /// Whether another model has been promised since the core was last told.
    pub(super) renewed: AtomicBool,
    /// Why a newer configuration could not be used.
    pub(super) unusable: Mutex<Option<String>>,
    /// How many looks at the models have begun, and how many have ended.
    pub(super) asked: AtomicU64,
    /// What repairs have the server do.
    pub(super) work: Work,
    /// Proofs so far by result, in the order of [`model::Attempt::WORDS`].
    pub(super) proofs: [AtomicU64; model::Attempt::WORDS.len()],
    pub(super) resolver: names::Resolver,
    pub(super) gpu_probe: Arc<gpu::Probe>,
    /// The check of the models' files.
    pub(super) files: model::FileCheck,
    /// The lease that was noted last, to be repeated one day: see [`network::Facts::lease`].
    pub(super) noted: Arc<Mutex<Option<u64>>>,
    /// Whether it may note one: who only looks changes nothing.
    pub(super) notes: bool,
    /// Tells a proof that another server may be the one now that clients are sent to.
    pub(super) moved: Notify,
    /// How long the server beside has let the agent wait.
    pub(super) patience: Mutex<ollama::Patience>,
    /// What proofs are held against.
    pub(super) references: Arc<model::References>,
    /// Held while a model is being pinned.
    pub(super) pins: tokio::sync::Mutex<()>,
    /// Held while the further models are looked at, and while one of them is proven.
    pub(super) further: Turns,
}

impl Shared {
    pub(super) fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn judge(&self, uptime: Duration) -> Vec<Judgement<Remedy>> {
        self.known(|known| known.judge(uptime))
    }

    pub(super) fn held(&self, remedy: Remedy, now: Moment) -> Option<String> {
        if let Remedy::Ollama(_) = remedy
            && let Some(why) = self.current().unit_renamed()
        {
            return Some(why);
        }
        self.known(|known| known.held(remedy, now))
    }

    pub(super) fn known<T>(&self, of: impl FnOnce(Known<'_>) -> T) -> T {
        let current = self.current();
        let (pull, proofs) = (current.pull.state(), current.proofs.log());
        let mut facts = current.facts();
        facts.gpu_probe = self.gpu_probe.seen();
        facts.files = self.files.files();
        facts.patience = *self.patience.lock().unwrap_or_else(PoisonError::into_inner);
        facts.further = current.further.iter().map(|one| one.known()).collect();
        let facts = &*facts;
        of(Known { config: &current.config, facts, pull: &pull, proofs: &proofs })
    }
}
