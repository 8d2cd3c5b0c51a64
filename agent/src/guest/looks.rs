//! Looks at one concern of the guest that the agent runs in.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::current::Current;
use super::facts::{Seen, fresh};
use super::real::Shared;
use super::{concern, sidecar};
use crate::bus::Bus;
use crate::config::{Config, Place, Vendor};
use crate::core::{BootClock, Clock, Outcome};
use crate::{bootstrap, firewall, fix, gpu, model, names, network, storage, system};

/// Looks at the data disk. In `doubt` no earlier write to it counts.
pub(super) async fn look_at_disk(current: &Current, bus: &Bus, doubt: bool) {
    let at = BootClock.now().uptime;
    let value = storage::look(&current.config.storage, &current.probes, bus, doubt).await;
    if let Some(disk) = value.as_ref().ok().and_then(storage::Facts::on_disk) {
        let space = model::Space {
            free: disk.free_bytes,
            floor: current.config.storage.minimum_free_bytes,
            partials: disk.partials.clone(),
        };
        current.further.iter().for_each(|one| one.pull.room(space.clone()));
        current.pull.room(space);
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

impl Shared {
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
                        if value.as_ref().is_ok_and(|facts| facts.source.is_there()) {
                            current.pull.settle();
                            self.tidy(&current.pull, &api, &config.model).await;
                        }
                        value
                    }
                    None => Err("the server does not answer".into()),
                };
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
        let asks = config.gpu.expected > 0 && config.gpu.vendor == Vendor::Nvidia;
        self.gpu_probe.want(asks, config.place, &self.waker);
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
