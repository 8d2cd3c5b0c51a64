//! Carries out a repair in the guest that the agent runs in, if it still is one.

use std::sync::Arc;

use super::known::wanted;
use super::looks::look_at_disk;
use super::real::Shared;
use super::{Remedy, concern, sidecar};
use crate::core::{BootClock, Clock, Outcome};
use crate::{gpu, model, network, ollama, storage};

impl Shared {
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
                    // The models first: they lack what was set aside, and a guest whose last
                    // proof still counts must not be ready for want of another reason.
                    self.look(concern::MODEL).await;
                    self.look_at_further().await;
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
    use std::time::Duration;

    use super::*;
    use crate::config;
    use crate::model::{Alias, Facts, PullState, Source};

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
