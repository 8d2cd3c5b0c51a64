//! The looks, judgements and repairs of the guest that the agent runs in.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::Notify;

use super::current::Current;
use super::facts::{Seen, fresh};
use super::{CONDITIONS, Remedy, concern};
use crate::bus::Bus;
use crate::core::reconcile::Waker;
use crate::core::{BootClock, Clock, Judgement, Outcome};
use crate::model::{Pull, PullState};
use crate::ollama::Api;
use crate::{bootstrap, firewall, fix, model, names, network, ollama, storage, system};

/// Adds judgements that rest on a look that began at `at`.
fn add(all: &mut Vec<Judgement<Remedy>>, at: Duration, judged: Vec<Judgement<Remedy>>) {
    all.extend(judged.into_iter().map(|judgement| judgement.seen(at)));
}

/// Room for an alias: a manifest and a few small layers. The server writes them in place, so
/// on a full disk it would leave an empty manifest where a good one was.
const MANIFEST_ROOM: u64 = 16 << 20;

/// Looks at the data disk. In `doubt` no earlier write to it counts.
async fn look_at_disk(current: &Current, doubt: bool) {
    let at = BootClock.now().uptime;
    let value = storage::look(&current.config.storage, &current.probes, doubt).await;
    current.facts().storage = Some(Seen { at, value });
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
    pub(super) pull: Pull,
    /// Proofs so far by result, in the order of [`model::Attempt::WORDS`].
    pub(super) proofs: [AtomicU64; model::Attempt::WORDS.len()],
    pub(super) resolver: names::Resolver,
    /// The address and the way out that were noted last, to be repeated one day.
    pub(super) noted: Mutex<Option<((Ipv4Addr, u8), network::Route)>>,
    /// Tells a proof that another server may be the one now that clients are sent to.
    pub(super) moved: Notify,
}

impl Shared {
    pub(super) fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared {
    /// Looks at one concern. Where something is new, those that hang on it are looked at too.
    pub(super) async fn look(&self, concern: usize) {
        let at = BootClock.now().uptime;
        let current = self.current();
        let config = &current.config;
        match concern {
            concern::BOOTSTRAP => {
                let value = bootstrap::look(&self.bus).await;
                current.facts().bootstrap = Some(Seen { at, value });
            }
            concern::NETWORK => {
                let value = network::look(&config.network, &self.bus).await;
                let before = current.facts().address();
                let held = value.as_ref().ok().filter(|facts| facts.has_lease() && facts.works());
                self.remember_lease(held.filter(|facts| facts.may_repeat));
                current.facts().network = Some(Seen { at, value });
                if current.facts().address() != before {
                    current.facts().names = None;
                    self.waker.wake(concern::OLLAMA);
                    self.waker.wake(concern::NAMES);
                }
            }
            concern::STORAGE => {
                // A server that is away may have lost its disk: what was written before is old.
                let doubt = current.facts().server().is_none();
                look_at_disk(&current, doubt).await;
            }
            concern::OLLAMA => {
                let (address, before) = {
                    let facts = current.facts();
                    let before = facts.ollama.as_ref().map(|seen| &seen.value);
                    let before = before.map(|seen| (seen.progress, seen.starts.clone()));
                    (facts.address(), before.unwrap_or_default())
                };
                let (bus, client) = (&self.bus, &self.client);
                let value = ollama::look(&config.ollama, bus, client, address, before, at).await;
                let served = current.facts().server();
                current.facts().ollama = Some(Seen { at, value });
                if current.facts().server() != served {
                    self.moved.notify_waiters();
                    self.waker.wake(concern::STORAGE);
                    self.waker.wake(concern::MODEL);
                    self.waker.wake(concern::PROOF);
                    self.waker.wake(concern::FIREWALL);
                }
            }
            concern::MODEL => {
                let api = current.facts().api(&self.client, config.ollama.port);
                let value = match api {
                    Some(api) => model::look(&api, &config.model).await,
                    None => Err("the server does not answer".into()),
                };
                let there = |facts: &model::Facts| facts.source == model::Source::Present;
                if value.as_ref().is_ok_and(there) {
                    self.pull.settle();
                }
                let changed = {
                    let mut facts = current.facts();
                    let before = facts.model.replace(Seen { at, value });
                    let now = facts.model.as_ref().map(|seen| &seen.value);
                    before.as_ref().map(|seen| &seen.value) != now
                };
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
                let value = firewall::look().await;
                current.facts().firewall = Some(Seen { at, value });
            }
            concern::NAMES if current.facts().asks_for_names(at) => {
                let host = model::names::registry_host(&config.model.source).to_owned();
                let value = names::look(host, &config.ollama.unit, &self.resolver, &self.bus).await;
                current.facts().names = Some(Seen { at, value });
            }
            _ => {}
        }
    }

    /// Has a helper note down a lease that is new, in case that it is to be repeated one day.
    /// The daemon itself has no say in what is noted.
    fn remember_lease(&self, facts: Option<&network::Facts>) {
        let held = facts.and_then(|facts| Some((facts.address?, facts.route?)));
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() || *noted == held {
            return;
        }
        *noted = held;
        tokio::spawn(async {
            match fix::call(fix::Name::NetworkLease).await {
                Ok(reply) => tracing::info!(%reply, "the lease is noted"),
                Err(error) => tracing::warn!(%error, "the lease is not noted"),
            }
        });
    }

    /// Proves the server if a proof is due and can be had.
    pub(super) async fn prove(&self) {
        let uptime = BootClock.now().uptime;
        let current = self.current();
        let (config, proofs) = (&current.config, &current.proofs);
        let (server, alias) = {
            let facts = current.facts();
            let model = facts.model.as_ref().map(|seen| &seen.value);
            // A server that gives no list may still serve, or no longer: the proof tells.
            let there = |model: &Result<model::Facts, _>| {
                model.as_ref().map_or(true, |model| model.alias.is_there())
            };
            (facts.server(), model.is_some_and(there))
        };
        let Some(server) = server.filter(|_| alias) else { return };
        if proofs.log().due(server, uptime, config.proof.interval) {
            let api = Api::at(&self.client, server.address.into(), config.ollama.port);
            // A proof asked of an address that is gone would wait for minutes. A server that is
            // merely not seen for a moment may be loading the model for this very proof.
            let replaced = async {
                loop {
                    self.moved.notified().await;
                    let current = self.current();
                    let other = current.facts().server().is_some_and(|now| now != server);
                    if other || !Arc::ptr_eq(&current.proofs, proofs) {
                        break;
                    }
                }
            };
            tokio::select! {
                () = model::prove(proofs, &api, server, &config.model) => {
                    if let Some((_, _, attempt)) = proofs.log().last {
                        self.count(&attempt);
                    }
                }
                () = replaced => {}
            }
        }
    }

    fn count(&self, attempt: &model::Attempt) {
        let at = model::Attempt::WORDS.iter().position(|word| *word == attempt.word());
        if let Some(count) = at.and_then(|at| self.proofs.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn judge(&self, uptime: Duration) -> Vec<Judgement<Remedy>> {
        let current = self.current();
        let facts = current.facts();
        let config = &current.config;
        let mut all = Vec::with_capacity(CONDITIONS.len());
        if let Some(seen) = fresh(facts.bootstrap.as_ref(), uptime) {
            all.push(bootstrap::check(&seen.value).seen(seen.at));
        }
        if let Some(Seen { at, value: Ok(network) }) = fresh(facts.network.as_ref(), uptime) {
            add(&mut all, *at, network::check(network));
        }
        if let Some(Seen { at, value: Ok(storage) }) = fresh(facts.storage.as_ref(), uptime) {
            add(&mut all, *at, storage::check(storage, &config.storage));
        }
        let ollama = fresh(facts.ollama.as_ref(), uptime);
        if let Some(seen) = ollama {
            let mut judged = ollama::check(&seen.value, &config.ollama, &config.storage, uptime);
            if let Some(firewall) = facts.firewall(uptime) {
                ollama::filter(&mut judged, firewall);
            }
            add(&mut all, seen.at, judged);
        }
        if let Some(seen) = fresh(facts.names.as_ref(), uptime) {
            all.push(names::check(&seen.value).seen(seen.at));
        }
        if let Some(seen) = fresh(facts.model.as_ref(), uptime) {
            let model = seen.value.as_ref().map_err(String::as_str);
            let pull = self.pull.state();
            add(&mut all, seen.at, model::check(model, seen.at, &pull, &config.model));
        }
        if let Some(server) = facts.server() {
            let progress = ollama.map(|seen| seen.value.progress).unwrap_or_default();
            let log = current.proofs.log();
            all.push(model::check_proof(&log, server, &progress, &config.proof, uptime));
        }
        if let Some(seen) = fresh(facts.system.as_ref(), uptime) {
            add(&mut all, seen.at, system::check(&seen.value));
        }
        all
    }

    pub(super) fn held(&self, remedy: Remedy, uptime: Duration) -> Option<String> {
        let current = self.current();
        let facts = current.facts();
        let bootstrap = facts.bootstrap.as_ref().map(|seen| &seen.value);
        let config = &current.config.bootstrap;
        if let Remedy::Network(_) = remedy {
            return bootstrap::holds_network(bootstrap, config, uptime);
        }
        if let Some(why) = bootstrap::holds_all(bootstrap, config, uptime) {
            return Some(why);
        }
        match remedy {
            Remedy::Ollama(remedy) => {
                let disturbs = remedy != ollama::Remedy::Start;
                if disturbs && matches!(self.pull.state(), PullState::Running(_)) {
                    return Some("a pull goes on".into());
                }
                if let Some(why) = storage::forbids_restart(facts.disk()).filter(|_| disturbs) {
                    return Some(why);
                }
                let locked_out = facts.firewall(uptime).and_then(firewall::Facts::locks_out);
                if let Some(by) = locked_out.filter(|_| disturbs) {
                    return Some(format!("whether it serves is not seen: {by} drops its port"));
                }
                if remedy == ollama::Remedy::UseDataDisk && facts.may_have_alias() {
                    return Some(
                        "the server has the alias where its models are, and serves".into(),
                    );
                }
                let seen = facts.ollama.as_ref().map(|seen| &seen.value);
                ollama::held(remedy, seen, uptime)
            }
            Remedy::Model(remedy) => {
                if remedy == model::Remedy::DropDamaged
                    && matches!(self.pull.state(), PullState::Running(_))
                {
                    return Some("a pull goes on".into());
                }
                let names = fresh(facts.names.as_ref(), uptime).map(|seen| &seen.value);
                if remedy == model::Remedy::Pull
                    && let Some(why) = names.and_then(names::Facts::forbids_pull)
                {
                    return Some(why);
                }
                let needed = match remedy {
                    model::Remedy::Pull => current.config.storage.minimum_free_bytes,
                    model::Remedy::CreateAlias => MANIFEST_ROOM,
                    // It makes room.
                    model::Remedy::DropDamaged => 0,
                };
                if remedy == model::Remedy::Pull
                    && let Some(why) = system::holds_pull(BootClock.now().wall)
                {
                    return Some(why);
                }
                // A server that has just been restarted may keep its models elsewhere by now.
                let Some(server) = facts.server_of_models() else {
                    return Some("the server is looked at first".into());
                };
                let elsewhere = server.keeps_elsewhere(&current.config.storage.path);
                if elsewhere.is_some() {
                    return elsewhere;
                }
                storage::refuses_write(facts.disk(), needed)
            }
            Remedy::Network(_) | Remedy::Storage(_) => None,
        }
    }

    pub(super) async fn repair(&self, remedy: Remedy) -> Outcome {
        // cloud-init may have begun since it was last looked at.
        self.look(concern::BOOTSTRAP).await;
        if let Remedy::Ollama(_) | Remedy::Model(_) = remedy {
            // A server looks stuck, or without its models, before its disk is known to be.
            look_at_disk(&self.current(), true).await;
            // And like one that nobody reaches, before its firewall is.
            self.look(concern::FIREWALL).await;
        }
        if let Some(why) = self.held(remedy, BootClock.now().uptime) {
            return Outcome::Refused(why);
        }
        let current = self.current();
        let config = &current.config;
        match remedy {
            Remedy::Network(remedy) => network::apply(remedy, &config.network, &self.bus).await,
            Remedy::Storage(remedy) => storage::apply(remedy).await,
            Remedy::Ollama(remedy) => ollama::apply(remedy).await,
            Remedy::Model(remedy) => {
                let api = current.facts().api(&self.client, config.ollama.port);
                let Some(api) = api else {
                    return Outcome::Refused("the server does not answer".into());
                };
                let waker = Arc::clone(&self.waker);
                let model = &config.model;
                model::apply(remedy, model, api, &self.pull, waker, concern::MODEL).await
            }
        }
    }
}
