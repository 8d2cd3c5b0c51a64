//! What must not be done now, from what was seen of all concerns. Pure, as [`Known`] is.

use super::Remedy;
use super::known::Known;
use super::sidecar;
use crate::config::{self, Place};
use crate::core::Moment;
use crate::model::PullState;
use crate::{bootstrap, firewall, further, gpu, model, ollama, storage, system};

/// Room for an alias: a manifest and a few small layers. The server writes them in place, so
/// on a full disk it would leave an empty manifest where a good one was.
const MANIFEST_ROOM: u64 = 16 << 20;

impl Known<'_> {
    /// Why `remedy` must not run now, if so.
    #[must_use]
    pub fn held(&self, remedy: Remedy, now: Moment) -> Option<String> {
        let (facts, uptime) = (self.facts, now.uptime);
        if self.config.place == Place::Sidecar {
            let pull = Remedy::Further(further::Remedy::Pull);
            return match sidecar::has(Place::Sidecar, remedy) {
                true if remedy == pull && self.pulls() => Some("another pull goes on".into()),
                true => None,
                false => Some("it needs a guest of its own".into()),
            };
        }
        let bootstrap = facts.bootstrap.as_ref().map(|seen| &seen.value);
        let config = &self.config.bootstrap;
        if let Remedy::Network(_) = remedy {
            return bootstrap::holds_network(bootstrap, config, uptime);
        }
        if let Some(why) = bootstrap::holds_all(bootstrap, config, uptime) {
            return Some(why);
        }
        match remedy {
            Remedy::Ollama(remedy) => {
                let disturbs = remedy != ollama::Remedy::Start;
                let spares = remedy.spares_server();
                if !spares && matches!(self.pull, PullState::Running(_)) {
                    return Some("a pull goes on".into());
                }
                if let Some(why) = storage::forbids_restart(facts.disk()).filter(|_| disturbs) {
                    return Some(why);
                }
                let gpu = gpu::forbids_restart(&facts.gpu_probe, &self.config.gpu, uptime);
                if let Some(why) = gpu.filter(|_| disturbs) {
                    return Some(why);
                }
                let locked_out = facts.firewall(uptime).and_then(firewall::Facts::locks_out);
                if let Some(by) = locked_out.filter(|_| disturbs) {
                    return Some(format!("whether it serves is not seen: {by} drops its port"));
                }
                if remedy == ollama::Remedy::UseDataDisk && facts.may_have_alias() {
                    return Some("the server may have the alias where its models are".into());
                }
                let seen = facts.ollama.as_ref().map(|seen| &seen.value);
                ollama::held(remedy, seen, uptime)
            }
            Remedy::Model(remedy) => self.holds_model(remedy, &self.config.model, self.pull, now),
            Remedy::Further(remedy) => self.holds_further(remedy, now),
            Remedy::Storage(storage::Remedy::MakeRoom) if self.pulls() => {
                Some("a pull goes on".into())
            }
            Remedy::Network(_) | Remedy::Storage(_) | Remedy::Gpu(_) => None,
        }
    }

    /// Why `remedy` must not be done to the further model that it is for.
    fn holds_further(&self, remedy: further::Remedy, now: Moment) -> Option<String> {
        // A repair that is asked for and would be of none is told so when it runs.
        let one = self.subject(remedy, now.uptime)?;
        let model = self.facts.model.as_ref().and_then(|seen| seen.value.as_ref().ok());
        let lacks_first = model.is_some_and(|model| !model.source.is_there());
        if remedy == further::Remedy::Pull {
            if lacks_first && *self.pull == PullState::Idle {
                return Some(format!("{} comes first", self.config.model.source));
            }
            if self.pulls() {
                return Some("another pull goes on".into());
            }
        }
        self.holds_model(remedy.of_first(), &one.config, &one.pull, now)
    }

    /// Why `remedy` must not be done to `model`, whose last pull has come to `pull`.
    fn holds_model(
        &self,
        remedy: model::Remedy,
        model: &config::Model,
        pull: &PullState,
        now: Moment,
    ) -> Option<String> {
        let (facts, uptime) = (self.facts, now.uptime);
        if remedy == model::Remedy::Unload {
            // What is unloaded must be loaded again.
            return storage::forbids_restart(facts.disk())
                .or_else(|| gpu::forbids_restart(&facts.gpu_probe, &self.config.gpu, uptime));
        }
        if remedy == model::Remedy::DropDamaged && self.pulls() {
            return Some("a pull goes on".into());
        }
        // A file needs neither a name nor a clock. And only the first model's name is asked for.
        let registries = model.registries();
        let asked = self.config.model.first_registry();
        if remedy == model::Remedy::Pull
            && registries.as_ref().is_some_and(|hosts| hosts.iter().eq(&asked))
            && let Some(why) = facts.names_forbid_pull(uptime)
        {
            return Some(why);
        }
        let needed = match (remedy, pull) {
            (model::Remedy::Pull, PullState::Failed(failure)) => {
                let lacks = failure.lacks_room(uptime).unwrap_or_default();
                lacks.max(self.config.storage.minimum_free_bytes)
            }
            (model::Remedy::Pull, _) => self.config.storage.minimum_free_bytes,
            (model::Remedy::CreateAlias, _) => MANIFEST_ROOM,
            // The one renames, the other writes nothing.
            (model::Remedy::DropDamaged | model::Remedy::Unload, _) => 0,
        };
        if remedy == model::Remedy::Pull
            && registries.is_some()
            && let Some(why) = system::holds_pull(now.wall)
        {
            return Some(why);
        }
        // A server that has just been restarted may keep its models elsewhere by now.
        let Some(server) = facts.server_of_models() else {
            return Some("the server is looked at first".into());
        };
        let elsewhere = server.keeps_elsewhere(&self.config.storage.path);
        if elsewhere.is_some() {
            return elsewhere;
        }
        if remedy == model::Remedy::DropDamaged
            && let Err(why) = server.store(&self.config.storage.path)
        {
            return Some(why);
        }
        let store = facts.store(&self.config.storage.path);
        storage::refuses_write(facts.disk(), &store, needed)
    }
}
