//! The looks, judgements and repairs of the guest that the agent runs in.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::Notify;

use super::current::Current;
use super::facts::{Seen, fresh};
use super::known::{Known, wanted};
use super::others::Turns;
use super::own::Work;
use super::{Remedy, concern, sidecar};
use crate::bus::Bus;
use crate::config::{Config, Place, Vendor};
use crate::core::reconcile::Waker;
use crate::core::{BootClock, Clock, Judgement, Moment, Outcome};
use crate::ollama::Api;
use crate::{bootstrap, firewall, fix, gpu, model, names, network, ollama, storage, system};

/// Looks at the data disk. In `doubt` no earlier write to it counts.
async fn look_at_disk(current: &Current, bus: &Bus, doubt: bool) {
    let at = BootClock.now().uptime;
    let value = storage::look(&current.config.storage, &current.probes, bus, doubt).await;
    if let Some(free) = value.as_ref().ok().and_then(storage::Facts::free_bytes) {
        current.pull.room(free);
        current.further.iter().for_each(|one| one.pull.room(free));
    }
    current.facts().storage = Some(Seen { at, value });
}

/// Whether a look takes the place of what was seen before: one that failed takes nothing from an
/// answer that is not too old yet.
fn counts<T>(
    before: Option<&Seen<Result<T, String>>>,
    value: &Result<T, String>,
    at: Duration,
) -> bool {
    value.is_ok() || fresh(before, at).is_none_or(|seen| seen.value.is_err())
}

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

    /// Looks at one concern. Where something is new, those that hang on it are looked at too.
    pub(super) async fn look(&self, concern: usize) {
        let at = BootClock.now().uptime;
        let current = self.current();
        let config = &current.config;
        if !sidecar::looks_at(config.place, concern) {
            return;
        }
        match concern {
            concern::BOOTSTRAP => {
                let value = bootstrap::look(&self.bus).await;
                current.facts().bootstrap = Some(Seen { at, value });
            }
            concern::NETWORK => {
                let value = network::look(&config.network, &self.bus).await;
                let before = current.facts().address();
                let held = value.as_ref().ok().filter(|facts| facts.has_lease() && facts.works());
                let may_note =
                    |facts: &&network::Facts| facts.may_repeat && facts.repeats.is_none();
                self.remember_lease(held.filter(may_note));
                current.facts().network = Some(Seen { at, value });
                if current.facts().address() != before {
                    current.facts().forget_names();
                    self.waker.wake(concern::OLLAMA);
                    self.waker.wake(concern::NAMES);
                }
            }
            concern::STORAGE => {
                // A server that is away may have lost its disk: what was written before is old.
                let doubt = current.facts().server().is_none();
                look_at_disk(&current, &self.bus, doubt).await;
            }
            concern::OLLAMA if config.place == Place::Sidecar => self.look_beside(at).await,
            concern::OLLAMA => self.look_at_server(&current, at).await,
            concern::MODEL if current.spares_models(at) => {}
            concern::MODEL => {
                let (api, recorded) = {
                    let facts = current.facts();
                    let api = facts.api(&self.client, config.ollama.port);
                    (api, facts.recorded(&config.storage.path))
                };
                let value = match api {
                    Some(api) => {
                        self.asked.fetch_add(1, Ordering::Relaxed);
                        let value = model::look(&api, &config.model, &recorded).await;
                        self.asked.fetch_add(1, Ordering::Relaxed);
                        value
                    }
                    None => Err("the server does not answer".into()),
                };
                let there = |facts: &model::Facts| facts.source.is_there();
                if value.as_ref().is_ok_and(there) {
                    current.pull.settle();
                }
                let changed = {
                    let mut facts = current.facts();
                    let before = facts.model.replace(Seen { at, value });
                    let now = facts.model.as_ref().map(|seen| &seen.value);
                    before.as_ref().map(|seen| &seen.value) != now
                };
                self.check_files(&current);
                if changed {
                    current.facts().model_since = at;
                    self.waker.wake(concern::OLLAMA);
                    self.waker.wake(concern::PROOF);
                    self.waker.wake(concern::NAMES);
                }
            }
            concern::SYSTEM => {
                let value = system::look().await;
                current.facts().system = Some(Seen { at, value });
            }
            concern::FIREWALL => {
                let value = firewall::look(&current.firewall).await;
                let mut facts = current.facts();
                if counts(facts.firewall.as_ref(), &value, at) {
                    facts.firewall = Some(Seen { at, value });
                }
            }
            concern::GPU => self.look_at_gpus(&current, at).await,
            concern::NAMES if current.facts().asks_for_names(at) => {
                let value = self.look_at_names(config).await;
                current.facts().take_names(at, value);
            }
            _ => {}
        }
    }

    async fn look_at_names(&self, config: &Config) -> names::Facts {
        match config.model.first_registry() {
            Some(host) => names::look(host, &config.ollama.unit, &self.resolver, &self.bus).await,
            None => names::Facts::unneeded(),
        }
    }

    async fn look_at_gpus(&self, current: &Current, at: Duration) {
        let config = &current.config;
        let asks = config.place == Place::Guest
            && config.gpu.expected > 0
            && config.gpu.vendor == Vendor::Nvidia;
        self.gpu_probe.want(asks, &self.waker);
        if config.gpu.expected == 0 {
            return;
        }
        let (server, before) = {
            let facts = current.facts();
            let before = facts.gpu.as_ref().map(|seen| seen.value.placed.clone());
            (facts.answering(&self.client, config.ollama.port), before.unwrap_or_default())
        };
        let value = gpu::look(config, server, before, at).await;
        current.facts().gpu = Some(Seen { at, value });
    }

    /// Has a helper note down a lease that is new, or brings something new at its renewal, in case
    /// that it is to be repeated one day.
    /// The daemon itself has no say in what is noted.
    fn remember_lease(&self, facts: Option<&network::Facts>) {
        let held = facts.and_then(|facts| facts.lease);
        if !self.notes || held.is_none() {
            return;
        }
        {
            let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            if *noted == held {
                return;
            }
            *noted = held;
        }
        let noted = Arc::clone(&self.noted);
        tokio::spawn(async move {
            match fix::call(fix::Name::NetworkNote).await.into() {
                Outcome::Succeeded(reply) => tracing::info!(%reply, "the lease is noted"),
                other => {
                    tracing::warn!(outcome = ?other, "the lease is not noted");
                    // The next look tries again.
                    let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
                    if *noted == held {
                        *noted = None;
                    }
                }
            }
        });
    }

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
        if proofs.log().due(server, weights.as_deref(), uptime, &config.proof, worked) {
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

    pub(super) fn count(&self, attempt: &model::Attempt) {
        let at = model::Attempt::WORDS.iter().position(|word| *word == attempt.word());
        if let Some(count) = at.and_then(|at| self.proofs.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
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

    pub(super) async fn repair(&self, remedy: Remedy) -> Outcome {
        // cloud-init may have begun since it was last looked at.
        self.look(concern::BOOTSTRAP).await;
        if let Remedy::Ollama(_) | Remedy::Model(_) | Remedy::Further(_) = remedy {
            // A server looks stuck, or without its models, before its disk is known to be.
            let current = self.current();
            if sidecar::looks_at(current.config.place, concern::STORAGE) {
                look_at_disk(&current, &self.bus, true).await;
            }
            if let Remedy::Ollama(_) = remedy {
                // And like one that nobody reaches, before its firewall is.
                self.look(concern::FIREWALL).await;
            }
            // And it may have recovered meanwhile.
            self.look(concern::OLLAMA).await;
            if let Remedy::Further(_) = remedy {
                self.look_at_further().await;
            }
            if !wanted(&self.judge(BootClock.now().uptime), remedy) {
                return Outcome::Refused("what it would mend is not seen any more".into());
            }
        }
        if let Some(why) = self.held(remedy, BootClock.now()) {
            return Outcome::Refused(why);
        }
        let current = self.current();
        let config = &current.config;
        match remedy {
            Remedy::Network(remedy) => network::apply(remedy, &config.network, &self.bus).await,
            Remedy::Storage(remedy) => storage::apply(remedy).await,
            Remedy::Gpu(remedy) => gpu::apply(remedy, &self.gpu_probe).await,
            Remedy::Ollama(remedy) => ollama::apply(remedy).await,
            Remedy::Further(remedy) => self.repair_further(remedy, &current).await,
            Remedy::Model(remedy) => {
                let api = current.facts().api(&self.client, config.ollama.port);
                let Some(api) = api else {
                    return Outcome::Refused("the server does not answer".into());
                };
                let recorded = current.facts().recorded(&config.storage.path);
                let (model, waker) = (&config.model, Arc::clone(&self.waker));
                let (pull, concern) = (&current.pull, concern::MODEL);
                let _work = remedy.asks_server().then(|| self.work.begin());
                let outcome =
                    model::apply(remedy, model, api, &recorded, pull, waker, concern).await;
                if remedy == model::Remedy::Unload {
                    current.proofs.doubt();
                    self.waker.wake(concern::PROOF);
                }
                if remedy == model::Remedy::DropDamaged
                    && let Outcome::Succeeded(_) = outcome
                {
                    // What was found before counts no more.
                    self.files.renew();
                }
                outcome
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::model::{Alias, Facts, PullState, Source};

    #[test]
    fn a_look_that_fails_takes_nothing_from_a_good_answer_until_that_is_too_old() {
        let at = Duration::from_secs(1000);
        let seen = |value| Seen { at, value };
        let (good, bad) = (seen(Ok(1)), seen(Err("away".to_owned())));
        let failed = Err("away".to_owned());
        assert!(!counts(Some(&good), &failed, at + Duration::from_secs(30)));
        assert!(counts(Some(&good), &failed, at + Duration::from_secs(600)));
        assert!(counts(Some(&good), &Ok(2), at));
        assert!(counts(Some(&bad), &failed, at));
        assert!(counts(None, &failed, at));
    }

    #[test]
    fn nothing_is_mended_that_is_not_seen_broken_any_more() {
        let pull = Remedy::Model(model::Remedy::Pull);
        let judged = |facts: Result<&Facts, &str>| {
            model::check(facts, Duration::ZERO, &PullState::Idle, &config::Model::default())
        };
        let gone = Facts { source: Source::Missing, alias: Alias::Matches, weights: None };
        assert!(wanted(&judged(Ok(&gone)), pull));
        assert!(!wanted(&judged(Ok(&gone)), Remedy::Ollama(ollama::Remedy::Restart)));
        let there = Facts { source: Source::Present, ..gone.clone() };
        assert!(!wanted(&judged(Ok(&there)), pull));
        assert!(!wanted(&judged(Err("silent")), pull) && !wanted(&[], pull));
    }
}
