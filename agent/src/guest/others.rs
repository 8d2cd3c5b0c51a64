//! The looks at the models beside the first, their proofs, and their repairs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::concern;
use super::current::Current;
use super::facts::Seen;
use super::real::Shared;
use crate::core::{BootClock, Clock, Outcome};
use crate::further::{self, Entry};
use crate::model::{self, Attempt, Server};
use crate::ollama::Api;

/// Nothing of this is done twice at a time.
#[derive(Debug, Default)]
pub(super) struct Turns {
    pub(super) looks: tokio::sync::Mutex<()>,
    pub(super) proofs: tokio::sync::Mutex<()>,
}

impl Shared {
    /// Looks at each of them. Where something is new, they are proven, and all are judged anew.
    pub(super) async fn look_at_further(&self) {
        let current = self.current();
        if current.further.is_empty() || current.spares_models(BootClock.now().uptime) {
            return;
        }
        let _turn = self.further.looks.lock().await;
        let mut changed = false;
        for one in &current.further {
            let at = BootClock.now().uptime;
            let (api, recorded) = {
                let (facts, storage) = (current.facts(), &current.config.storage);
                let api = facts.api(&self.client, current.config.ollama.port);
                (api, facts.recorded_further(&storage.path, &one.config.alias))
            };
            let value = match api {
                Some(api) => {
                    self.asked.fetch_add(1, Ordering::Relaxed);
                    let value = model::look(&api, &one.config, &recorded).await;
                    self.asked.fetch_add(1, Ordering::Relaxed);
                    if value.as_ref().is_ok_and(|facts| facts.source.is_there()) {
                        self.tidy(&one.pull, &api, &one.config).await;
                    }
                    value
                }
                None => Err("the server does not answer".into()),
            };
            changed |= one.take(Seen { at, value });
        }
        if changed {
            self.waker.wake(concern::OLLAMA);
            self.waker.wake(concern::PROOF);
        }
        self.waker.nudge();
    }

    /// Proves those of which a proof is due, one after the other, and pins them.
    pub(super) async fn prove_further(&self) {
        let Ok(_turn) = self.further.proofs.try_lock() else { return };
        let current = self.current();
        let pinned = current.further.iter().filter(|one| one.config.pinned).count();
        for one in &current.further {
            let Some(server) = current.facts().server() else { return };
            let (known, uptime) = (one.known(), BootClock.now().uptime);
            let pace = known.pace(&current.config.proof, pinned);
            if !known.owes_proof(server, uptime, &pace) {
                continue;
            }
            let api = Api::at(&self.client, server.address.into(), current.config.ollama.port);
            let weights = known.weights().map(str::to_owned);
            let replaced = self.until_replaced(server, |now| has(now, one));
            tokio::select! {
                () = model::prove(&one.proofs, &self.references, &api, server, weights, &one.config)
                    => self.proven(one, &api, server).await,
                () = replaced => return,
            }
        }
    }

    /// Waits until another server answers than this one, or the settings are no longer `same`.
    pub(super) async fn until_replaced(&self, server: Server, same: impl Fn(&Current) -> bool) {
        loop {
            // Made before anything is read, so that nothing is missed in between.
            let moved = self.moved.notified();
            let current = self.current();
            let other = current.facts().server().is_some_and(|now| now != server);
            if other || !same(&current) {
                break;
            }
            moved.await;
        }
    }

    /// A proof of one of them has ended.
    async fn proven(&self, one: &Entry, api: &Api, server: Server) {
        if let Some((.., attempt)) = one.proofs.log().last {
            self.count(&attempt);
            if attempt == Attempt::Good {
                one.helped();
            }
        }
        self.waker.nudge();
        if model::owes_pin(&one.proofs, server, &one.config) {
            let _work = self.work.begin();
            model::pin(&one.proofs, api, server, &one.config).await;
        }
    }

    /// Repairs the one that is named now.
    pub(super) async fn repair_further(
        &self,
        remedy: further::Remedy,
        current: &Current,
    ) -> Outcome {
        let uptime = BootClock.now().uptime;
        let subject = self.known(|known| known.subject(remedy, uptime).cloned());
        let is_it = |one: &&Arc<Entry>| {
            subject.as_ref().is_some_and(|known| Arc::ptr_eq(&known.config, &one.config))
        };
        let Some(one) = current.further.iter().find(is_it) else {
            return Outcome::Refused("what it would mend is not seen any more".into());
        };
        let (api, recorded) = {
            let (facts, storage) = (current.facts(), &current.config.storage);
            let api = facts.api(&self.client, current.config.ollama.port);
            (api, facts.recorded_further(&storage.path, &one.config.alias))
        };
        let Some(api) = api else {
            return Outcome::Refused("the server does not answer".into());
        };
        let _work = self.work.begin();
        let waker = Arc::clone(&self.waker);
        let outcome = further::apply(remedy, one, api, &recorded, waker, concern::MODEL).await;
        self.waker.wake(concern::PROOF);
        outcome
    }
}

/// Whether the same is still known of it.
fn has(current: &Current, one: &Entry) -> bool {
    current.further.iter().any(|now| Arc::ptr_eq(&now.proofs, &one.proofs))
}
