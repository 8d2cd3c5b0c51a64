//! Proves the first model, and pins it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::concern;
use super::real::Shared;
use crate::config;
use crate::core::{BootClock, Clock};
use crate::model;
use crate::ollama::Api;

impl Shared {
    /// Proves the server if a proof is due and can be had.
    pub(super) async fn prove(&self) {
        if self.current().works_for_somebody(BootClock.now().uptime) {
            // For whom it works is told by two looks between which no proof began or ended.
            self.look(concern::OLLAMA).await;
        }
        let uptime = BootClock.now().uptime;
        let current = self.current();
        let (config, proofs) = (&current.config, &current.proofs);
        let (server, weights, worked) = {
            let facts = current.facts();
            (facts.provable(), facts.alias_weights().map(str::to_owned), facts.served())
        };
        let Some(server) = server else { return };
        let log = proofs.log();
        if log.due(server, weights.as_deref(), uptime, &log.pace(&config.proof), worked) {
            let api = Api::at(&self.client, server.address.into(), config.ollama.port);
            // A proof asked of an address that is gone would wait for minutes. A server that is
            // merely not seen for a moment may be loading the model for this very proof.
            let replaced = self.until_replaced(server, |now| Arc::ptr_eq(&now.proofs, proofs));
            tokio::select! {
                () = self.watch_the_waiting() => {}
                () = model::prove(
                    proofs,
                    &self.references,
                    &api,
                    server,
                    weights,
                    &config.model,
                ) => {
                    if let Some((_, _, attempt)) = proofs.log().last {
                        self.count(&attempt);
                        // It has loaded the model, if it was not.
                        self.waker.wake(concern::GPU);
                    }
                }
                () = replaced => {}
            }
        }
    }

    /// Pins the model, if that is due and nobody does it already. Nothing waits for it: a proof is
    /// due meanwhile, and a look at the server as well.
    pub(super) async fn pin(&self) {
        let current = self.current();
        let (config, proofs) = (&current.config, &current.proofs);
        let Some(server) = current.facts().provable() else { return };
        if !model::owes_pin(proofs, server, &config.model) {
            return;
        }
        let Ok(_turn) = self.pins.try_lock() else { return };
        let api = Api::at(&self.client, server.address.into(), config.ollama.port);
        let _work = self.work.begin();
        model::pin(proofs, &api, server, &config.model).await;
    }

    /// Takes away the names that imports of `model`, which is there, have left behind. Who only looks
    /// changes nothing.
    pub(super) async fn tidy(&self, pull: &model::Pull, api: &Api, model: &config::Model) {
        if self.notes && pull.owes_tidying() {
            let _work = self.work.begin();
            pull.tidy(api, &model.source).await;
        }
    }

    pub(super) fn count(&self, attempt: &model::Attempt) {
        let at = model::Attempt::WORDS.iter().position(|word| *word == attempt.word());
        if let Some(count) = at.and_then(|at| self.proofs.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
