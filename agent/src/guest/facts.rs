//! What was last seen of each concern.

mod disk;
mod resolving;

use std::net::Ipv4Addr;
use std::time::Duration;

use reqwest::Client;

use crate::core::slept;
use crate::model::Server;
use crate::ollama::{Answer, Api};
use crate::{bootstrap, firewall, further, gpu, model, names, network, ollama, storage, system};

/// A fact, and the uptime at which its look began.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen<T> {
    /// Uptime at which the look began.
    pub at: Duration,
    /// What it saw.
    pub value: T,
}

/// Facts older than this say nothing any more: the looks of a concern have hung.
const STALE: Duration = Duration::from_secs(90);

/// What was seen, unless it is too long ago.
pub(crate) fn fresh<T>(seen: Option<&Seen<T>>, uptime: Duration) -> Option<&Seen<T>> {
    seen.filter(|seen| uptime.saturating_sub(seen.at) < STALE)
}

/// What was last seen of each concern. `None`: nothing yet.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// cloud-init.
    pub bootstrap: Option<Seen<bootstrap::Facts>>,
    /// The link.
    pub network: Option<Seen<Result<network::Facts, String>>>,
    /// The data disk.
    pub storage: Option<Seen<Result<storage::Facts, String>>>,
    /// The server.
    pub ollama: Option<Seen<ollama::Facts>>,
    /// How long the server beside has let the agent wait.
    pub patience: ollama::Patience,
    /// How long the guest had been suspended when that look began.
    pub asleep: Duration,
    /// The models.
    pub model: Option<Seen<Result<model::Facts, String>>>,
    /// Uptime of the first look that saw the models as they are now.
    pub model_since: Duration,
    /// What is known of the models' files.
    pub files: model::Files,
    /// The models beside the first.
    pub further: Vec<further::Further>,
    /// The guest itself.
    pub system: Option<Seen<system::Facts>>,
    /// How names resolve.
    pub names: Option<Seen<names::Facts>>,
    /// Uptime of the first look since when names do not resolve; none while they may.
    pub names_bad: Option<Duration>,
    /// The firewall, or why it is not known.
    pub firewall: Option<Seen<Result<firewall::Facts, String>>>,
    /// The GPUs.
    pub gpu: Option<Seen<gpu::Facts>>,
    /// What their probe has said.
    pub gpu_probe: gpu::Seen,
}

impl Facts {
    /// The guest's primary address.
    #[must_use]
    pub fn address(&self) -> Option<Ipv4Addr> {
        Some(self.network.as_ref()?.value.as_ref().ok()?.address?.0)
    }

    /// The server that answers, and the id of its start.
    pub(super) fn answering(&self, client: &Client, port: u16) -> Option<(Api, u128)> {
        let invocation = self.ollama.as_ref()?.value.unit.as_ref().ok()?.invocation;
        Some((self.api(client, port)?, invocation))
    }

    /// What the last look at the server remembers for the next one, at which the guest has been
    /// suspended for `asleep` in all. A server that has slept meanwhile was not seen to do nothing,
    /// and systemd's count of its starts has slept with it: both are watched anew.
    #[must_use]
    pub fn remembered(&self, asleep: Duration) -> (ollama::Progress, ollama::Starts) {
        let slept = slept(self.asleep, asleep);
        let seen = self.ollama.as_ref().filter(|_| slept.is_none()).map(|seen| &seen.value);
        seen.map(|seen| (seen.progress, seen.starts.clone())).unwrap_or_default()
    }

    /// Takes what a look at the server saw that began at `at`, when the guest had been suspended
    /// for `asleep` in all: only what saw the server since counts for the next one.
    pub fn take_server(&mut self, at: Duration, asleep: Duration, value: ollama::Facts) {
        self.ollama = Some(Seen { at, value });
        self.asleep = asleep;
    }

    pub(super) fn api(&self, client: &Client, port: u16) -> Option<Api> {
        self.ollama.as_ref()?.value.api(client, port)
    }

    /// The server that the models were asked of, if it was looked at since they are as they are.
    pub(super) fn server_of_models(&self) -> Option<&ollama::Facts> {
        let (server, models) = (self.ollama.as_ref()?, self.model.as_ref()?);
        let started = server.value.unit.as_ref().ok()?.started;
        (server.at >= self.model_since && models.at >= started).then_some(&server.value)
    }

    /// Whether the server may have the alias, as far as is known. One that does not run has none
    /// to lose; of one that runs and is silent, only what this very one has said counts.
    pub(super) fn may_have_alias(&self) -> bool {
        let unit = self.ollama.as_ref().and_then(|seen| seen.value.unit.as_ref().ok());
        let Some(unit) = unit else { return true };
        let said = self.model.as_ref().filter(|seen| seen.at >= unit.started);
        let model = said.and_then(|seen| seen.value.as_ref().ok());
        let lacks = model.is_some_and(|model| model.alias == model::Alias::Missing);
        ollama::is_active(unit) && !lacks
    }

    /// What the firewall does, where that is known.
    pub(super) fn firewall(&self, uptime: Duration) -> Option<&firewall::Facts> {
        fresh(self.firewall.as_ref(), uptime)?.value.as_ref().ok()
    }

    /// The server to prove now: one that has the alias. One that gives no list may still serve,
    /// or no longer: the proof tells.
    #[must_use]
    pub fn provable(&self) -> Option<Server> {
        let model = &self.model.as_ref()?.value;
        self.server().filter(|_| model.as_ref().map_or(true, |model| model.alias.is_there()))
    }

    /// The alias's weights, where they are known.
    #[must_use]
    pub fn alias_weights(&self) -> Option<&str> {
        self.model.as_ref()?.value.as_ref().ok()?.weights.as_deref()
    }

    /// Uptime of the last look that saw the server work for clients.
    #[must_use]
    pub fn served(&self) -> Option<Duration> {
        self.ollama.as_ref()?.value.progress.served
    }

    /// The server that a proof would be of now: one that answers at the client's address. Where
    /// the guest has another address by now, nobody has asked there yet.
    #[must_use]
    pub fn server(&self) -> Option<Server> {
        let ollama = &self.ollama.as_ref()?.value;
        let unit = ollama.unit.as_ref().ok()?;
        match ollama.at_address {
            Some((address, Answer::Alive)) if self.address().is_none_or(|own| own == address) => {
                Some(Server { address, invocation: unit.invocation })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Alias, Source};
    use crate::ollama::Unit;

    #[test]
    fn a_look_that_is_given_up_does_not_hide_that_the_guest_has_slept() {
        let at = Duration::from_secs;
        let mut facts = Facts::default();
        let unit = Unit { cpu: Some(at(5)), ..Unit::fake() };
        let value = ollama::Facts::of(
            Ok(unit),
            None,
            Answer::Silent,
            None,
            facts.remembered(at(0)),
            ollama::Own::default(),
            at(110),
        );
        let watched = value.progress;
        facts.take_server(at(110), at(0), value.clone());
        assert_eq!(facts.remembered(at(0)).0, watched);
        for _ in 0..2 {
            assert_eq!(facts.remembered(at(600)).0, ollama::Progress::default());
        }
        // One that began before the guest slept comes late.
        facts.take_server(at(111), at(0), value.clone());
        assert_eq!(facts.remembered(at(600)).0, ollama::Progress::default());
        facts.take_server(at(720), at(600), value);
        assert_eq!(facts.remembered(at(600)).0, watched);
    }

    #[test]
    fn a_silent_server_may_have_the_alias() {
        let at = Duration::from_secs(10);
        let unit = |state: &str, started| {
            let started = Duration::from_secs(started);
            let unit = Unit { active_state: state.into(), started, ..Unit::fake() };
            let before = Default::default();
            let value = ollama::Facts::of(
                Ok(unit),
                None,
                Answer::Silent,
                None,
                before,
                ollama::Own::default(),
                at,
            );
            Some(Seen { at, value })
        };
        let model = |alias| {
            let value = Ok(model::Facts { source: Source::Missing, alias, weights: None });
            Some(Seen { at, value })
        };
        let may = |ollama, model| {
            let facts = Facts { ollama, model, ..Facts::default() };
            facts.may_have_alias()
        };
        assert!(may(unit("active", 5), None));
        assert!(may(unit("active", 5), model(Alias::Matches)));
        assert!(!may(unit("active", 5), model(Alias::Missing)));
        // What another server has said.
        assert!(may(unit("active", 11), model(Alias::Missing)));
        assert!(!may(unit("failed", 5), None));
    }
}
