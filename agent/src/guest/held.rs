//! What must not be done now, from what was seen of all concerns. Pure, as [`Known`] is.

use std::time::Duration;

use super::Remedy;
use super::facts::Seen;
use super::known::Known;
use super::sidecar;
use crate::config::{self, Place};
use crate::core::Moment;
use crate::model::PullState;
use crate::probe::DiskFacts;
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
            Remedy::Storage(storage::Remedy::MakeRoom) if self.resumes(uptime) => {
                Some("a pull is to go on from what the last one has left".into())
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

    /// Bytes that must be free before a model begins to come. What an earlier pull has left had its
    /// room above the floor; whether it is that model's, the server tells before any bytes come.
    fn wanted(&self) -> u64 {
        let on_disk = self.facts.disk().and_then(storage::Facts::on_disk);
        let kept = on_disk.map_or(0, DiskFacts::partial_bytes);
        self.config.storage.minimum_free_bytes.saturating_sub(kept)
    }

    /// Whether a model that is missing comes as soon as it can, and maybe from what a pull before
    /// has left: that is not in the way of anything then.
    fn resumes(&self, uptime: Duration) -> bool {
        let missing = |seen: Option<&Seen<Result<model::Facts, String>>>| {
            let model = seen.and_then(|seen| seen.value.as_ref().ok());
            model.is_some_and(|model| !model.source.is_there())
        };
        let further = self.facts.further.iter().map(|one| (one.seen.as_ref(), &one.pull));
        let mut all = further.chain([(self.facts.model.as_ref(), self.pull)]);
        let comes = all.any(|(seen, pull)| missing(seen) && lacks(pull, uptime).is_none());
        let Some(disk) = self.facts.disk().and_then(storage::Facts::on_disk) else { return false };
        comes && disk.partial_bytes() > 0 && disk.free_bytes >= self.wanted()
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
        let needed = match remedy {
            model::Remedy::Pull => lacks(pull, uptime).unwrap_or_default().max(self.wanted()),
            model::Remedy::CreateAlias => MANIFEST_ROOM,
            // The one renames, the other writes nothing.
            model::Remedy::DropDamaged | model::Remedy::Unload => 0,
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

/// Bytes that a disk lacks for what the last pull would have brought, where that is known.
fn lacks(pull: &PullState, uptime: Duration) -> Option<u64> {
    match pull {
        PullState::Failed(failure) => failure.lacks_room(uptime),
        PullState::Idle | PullState::Running(_) | PullState::Succeeded(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::facts::Facts;
    use super::*;
    use crate::config::Config;
    use crate::model::{Kind, Log, Source};
    use crate::probe::StorageFacts;

    const GIB: u64 = 1 << 30;
    const NOW: Duration = Duration::from_secs(100);

    /// A guest with so much room, of which a download takes so much, and with that model.
    fn seen(free: u64, partial: u64, source: Source) -> Facts {
        let disk = json!({
            "readOnly": false, "freeBytes": free, "totalBytes": 9 * GIB,
            "freeInodes": 9, "totalInodes": 9, "top": { "uid": 1, "gid": 1, "mode": 0o755 },
            "wrongOwner": { "count": 0, "truncated": false }, "links": [], "entriesSeen": 1,
            "leftAlone": { "hardLinks": 0, "symlinks": 0, "setId": 0, "special": 0 },
            "immutable": { "count": 0 },
            "partials": if partial == 0 { json!({}) } else { json!({ "ab": partial }) },
        });
        let probe =
            StorageFacts { wanted: None, disk: Some(serde_json::from_value(disk).unwrap()) };
        let disk = storage::Facts { mount: None, link: None, probe: Some(Ok(probe)), write: None };
        let model = model::Facts { source, alias: model::Alias::Missing, weights: None };
        Facts {
            storage: Some(Seen { at: NOW, value: Ok(disk) }),
            model: Some(Seen { at: NOW, value: Ok(model) }),
            ..Facts::default()
        }
    }

    fn asked<T>(facts: &Facts, pull: &PullState, question: impl FnOnce(Known<'_>) -> T) -> T {
        let (config, proofs) = (Config::default(), Log::default());
        question(Known { config: &config, facts, pull, proofs: &proofs })
    }

    #[test]
    fn what_a_pull_has_left_is_no_clutter_while_its_rest_has_room() {
        let resumes =
            |facts: &Facts, pull: &PullState| asked(facts, pull, |known| known.resumes(NOW));
        let wanted = |facts: &Facts| asked(facts, &PullState::Idle, |known| known.wanted());
        let (idle, failed) = (PullState::Idle, PullState::Failed("refused".into()));
        let cut = seen(GIB / 2, GIB / 2, Source::Missing);
        assert_eq!(wanted(&cut), GIB / 2);
        assert!(resumes(&cut, &idle) && resumes(&cut, &failed));
        // It cannot be finished: there was never as much room, or not for the rest.
        assert!(!resumes(&seen(GIB / 2, GIB / 4, Source::Missing), &idle));
        let failure =
            model::Failure { kind: Kind::NoRoom { bytes: GIB, at: NOW }, why: String::new() };
        assert!(!resumes(&cut, &PullState::Failed(failure)));
        // It is of no model that is missing, or there is none.
        assert!(!resumes(&seen(GIB / 2, GIB / 2, Source::Present), &idle));
        assert!(!resumes(&seen(GIB, 0, Source::Missing), &idle));
        assert!(!resumes(&Facts::default(), &idle));
        assert_eq!(wanted(&Facts::default()), GIB);
    }
}
