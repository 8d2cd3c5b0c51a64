//! What counts under one configuration. When it is reloaded, what does not hang on a key that
//! has changed is taken over; a look or a proof that is still under way under the old one ends
//! there, and is not believed any more. The pull of another model ends too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::facts::Facts;
use crate::config::{self, Config};
use crate::further::Entry;
use crate::model::{Proofs, Pull, names};
use crate::{firewall, storage};

/// The key that names the server's unit.
const UNIT: &str = "ollama.unit";

/// One configuration, and what was seen under it.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) config: Config,
    /// When it was read, RFC 3339.
    pub(super) loaded_at: String,
    /// Keys whose new value counts only after a restart of the agent.
    pub(super) needs_restart: Vec<String>,
    pub(super) proofs: Arc<Proofs>,
    /// The pull of the source.
    pub(super) pull: Pull,
    /// The models beside the first.
    pub(super) further: Vec<Arc<Entry>>,
    pub(super) probes: Arc<storage::Probes>,
    pub(super) firewall: Arc<firewall::Probe>,
    facts: Mutex<Facts>,
}

impl Current {
    /// Under which nothing has been seen yet.
    pub(super) fn new(config: Config, loaded_at: String) -> Self {
        let further = config.further.iter().cloned().map(Entry::new).map(Arc::new).collect();
        Self {
            further,
            config,
            loaded_at,
            needs_restart: Vec::new(),
            proofs: Arc::default(),
            pull: Pull::default(),
            probes: Arc::default(),
            firewall: Arc::default(),
            facts: Mutex::default(),
        }
    }

    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why no helper may touch the server's unit: a helper goes by the name that is configured
    /// now, and another unit is looked at.
    pub(super) fn unit_renamed(&self) -> Option<String> {
        let renamed = self.needs_restart.iter().any(|key| key == UNIT);
        renamed.then(|| format!("restart the agent first: {UNIT} has changed"))
    }

    /// The same guest under `config`.
    pub(super) fn succeeded_by(&self, mut config: Config, loaded_at: String) -> Self {
        let old = &self.config;
        let mut needs_restart = Vec::new();
        config.place = old.place;
        // The port is open, and the unit's signals are subscribed to, since the agent's start.
        if config.serve != old.serve {
            config.serve = old.serve.clone();
            needs_restart.push("serve.listen".to_owned());
        }
        if config.ollama.unit != old.ollama.unit {
            config.ollama.unit.clone_from(&old.ollama.unit);
            needs_restart.push(UNIT.to_owned());
        }
        let mut facts = std::mem::take(&mut *self.facts());
        if config.network != old.network {
            facts.network = None;
        }
        let mut probes = Arc::clone(&self.probes);
        if config.storage != old.storage {
            facts.storage = None;
            probes = Arc::default();
        }
        if config.ollama != old.ollama {
            facts.ollama = None;
        }
        let mut firewall = Arc::clone(&self.firewall);
        if config.network != old.network || config.ollama != old.ollama {
            facts.firewall = None;
            firewall = Arc::default();
        }
        if config.gpu != old.gpu || config.ollama != old.ollama || config.model != old.model {
            facts.gpu = None;
        }
        let mut proofs = Arc::clone(&self.proofs);
        if config.ollama != old.ollama || config.model != old.model {
            facts.model = None;
            facts.forget_names();
        }
        if config.ollama != old.ollama || promised(&config.model) != promised(&old.model) {
            // What was proven is not what clients are promised now.
            proofs = Arc::default();
        }
        let mut pull = self.pull.clone();
        let wanted = |model: &config::Model| (model.origins(), model.weights.clone());
        let same = names::same(&config.model.source, &old.model.source);
        if config.ollama != old.ollama || !same || wanted(&config.model) != wanted(&old.model) {
            pull = pull.end(same);
        }
        let further = self.further_by(&config);
        let facts = Mutex::new(facts);
        Self { config, loaded_at, needs_restart, proofs, pull, further, probes, firewall, facts }
    }
}

impl Current {
    /// The further models of `config`: what is known of one that is promised as before stays. The
    /// pulls of all others end.
    fn further_by(&self, config: &Config) -> Vec<Arc<Entry>> {
        let same_server = config.ollama == self.config.ollama;
        let known = |model: &config::Model| {
            let same = |old: &&Arc<Entry>| promised(&old.config) == promised(model);
            self.further.iter().filter(|_| same_server).find(same)
        };
        let kept: Vec<_> = config.further.iter().filter_map(known).collect();
        for old in &self.further {
            if !kept.iter().any(|kept| Arc::ptr_eq(kept, old)) {
                // None may begin in its place.
                drop(old.pull.end(false));
            }
        }
        let entry = |model: &config::Model| match known(model) {
            Some(old) => old.succeeded_by(model.clone()),
            None => Entry::new(model.clone()),
        };
        config.further.iter().map(entry).map(Arc::new).collect()
    }
}

/// What clients are promised, however the model comes, and whether or not it stays in memory.
fn promised(model: &config::Model) -> config::Model {
    config::Model {
        sources: Vec::new(),
        pull_stall: Duration::ZERO,
        pinned: false,
        required: true,
        ..model.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::facts::Seen;
    use super::*;
    use crate::model::PullState;
    use crate::ollama::Api;

    /// A guest that was looked at in vain.
    fn seen() -> Current {
        let current = Current::new(Config::default(), "then".into());
        let at = Duration::ZERO;
        {
            let mut facts = current.facts();
            facts.network = Some(Seen { at, value: Err("not there".into()) });
            facts.storage = Some(Seen { at, value: Err("not there".into()) });
            facts.model = Some(Seen { at, value: Err("not there".into()) });
            facts.names_bad = Some(at);
        }
        current
    }

    #[test]
    fn what_does_not_hang_on_a_changed_key_is_kept() {
        let mut config = Config::default();
        config.network.link = "ens3".into();
        let before = seen();
        let after = before.succeeded_by(config.clone(), "now".into());
        assert!(after.facts().network.is_none());
        assert!(after.facts().storage.is_some() && after.facts().model.is_some());
        assert!(after.facts().names_bad.is_some());
        assert!(Arc::ptr_eq(&after.proofs, &before.proofs));
        assert!(Arc::ptr_eq(&after.probes, &before.probes));
        // What the firewall's helper was asked before was about the other link.
        assert!(!Arc::ptr_eq(&after.firewall, &before.firewall));
        assert_eq!((after.config, after.loaded_at.as_str()), (config, "now"));
        assert!(after.needs_restart.is_empty());
    }

    #[test]
    fn another_alias_has_to_be_proven() {
        let mut config = Config::default();
        config.model.alias = "another:1".into();
        let before = seen();
        let after = before.succeeded_by(config, "now".into());
        assert!(after.facts().model.is_none() && after.facts().network.is_some());
        assert_eq!(after.facts().names_bad, None);
        assert!(!Arc::ptr_eq(&after.proofs, &before.proofs));
    }

    #[test]
    fn a_model_that_is_to_be_pinned_is_as_proven_as_before() {
        let mut config = Config::default();
        config.model.pinned = !config.model.pinned;
        let before = seen();
        assert!(Arc::ptr_eq(&before.succeeded_by(config, "now".into()).proofs, &before.proofs));
    }

    #[tokio::test]
    async fn the_pull_goes_on_unless_another_model_is_to_be_pulled() {
        let api = Api::at(&Api::client().unwrap(), Ipv4Addr::LOCALHOST.into(), 1);
        let begin = |current: &Current| {
            current.pull.begin(api.clone(), &current.config.model, Arc::default(), 0)
        };
        let before = seen();
        begin(&before).unwrap();
        let mut config = Config::default();
        config.model.alias = "another:1".into();
        let same = before.succeeded_by(config.clone(), "now".into());
        assert!(matches!(same.pull.state(), PullState::Running(_)));
        config.model.source = "another-source:1".into();
        let other = same.succeeded_by(config, "later".into());
        assert_eq!(other.pull.state(), PullState::Idle);
        // A repair that began before the reload comes too late.
        assert!(begin(&before).is_err());
        begin(&other).unwrap();
    }

    #[tokio::test]
    async fn a_further_model_is_as_proven_as_before_and_the_pull_of_one_that_is_gone_ends() {
        let one = |name: &str| config::Model {
            source: format!("{name}:1"),
            alias: format!("{name}-saigak:1"),
            ..config::Model::default()
        };
        let with = |further| Config { further, ..Config::default() };
        let api = Api::at(&Api::client().unwrap(), Ipv4Addr::LOCALHOST.into(), 1);
        let before = Current::new(with(vec![one("a"), one("b")]), "then".into());
        for entry in &before.further {
            entry.pull.begin(api.clone(), &entry.config, Arc::default(), 0).unwrap();
        }
        let optional = config::Model { required: false, pinned: false, ..one("b") };
        let after = before.succeeded_by(with(vec![optional, one("c")]), "now".into());
        let [gone, kept] = &before.further[..] else { panic!("{before:?}") };
        let [same, new] = &after.further[..] else { panic!("{after:?}") };
        assert!(Arc::ptr_eq(&same.proofs, &kept.proofs) && !same.config.required);
        assert!(matches!(same.pull.state(), PullState::Running(_)));
        assert_eq!((gone.pull.state(), new.pull.state()), (PullState::Idle, PullState::Idle));
        // A repair that began before the reload comes too late.
        assert!(gone.pull.begin(api, &gone.config, Arc::default(), 0).is_err());

        let mut moved = with(vec![one("b")]);
        moved.ollama.port = 9;
        let moved = after.succeeded_by(moved, "later".into());
        assert!(!Arc::ptr_eq(&moved.further[0].proofs, &kept.proofs));
        assert_eq!(kept.pull.state(), PullState::Idle);
    }

    #[test]
    fn keys_that_need_a_restart_keep_their_value_and_are_named() {
        let mut config = Config::default();
        config.serve.listen.set_port(9);
        config.ollama.unit = "other.service".into();
        let after = seen().succeeded_by(config, "now".into());
        assert_eq!(after.config, Config::default());
        assert_eq!(after.needs_restart, ["serve.listen", "ollama.unit"]);
        assert!(after.facts().storage.is_some());
        assert!(after.unit_renamed().is_some_and(|why| why.contains("restart the agent first")));
        let back = after.succeeded_by(Config::default(), "later".into());
        assert_eq!(back.unit_renamed(), None);
    }
}
