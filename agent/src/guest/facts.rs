//! What was last seen of each concern.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Client;

use crate::core::{SetAsideReport, slept};
use crate::model::Server;
use crate::ollama::{Answer, Api};
use crate::probe::DiskFacts;
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

/// How long a good answer of the resolver counts while nothing is to be pulled.
const NAMES_COUNT: Duration = Duration::from_secs(60);

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

    /// Whether the registry's name is to be asked for at `uptime`: a good answer counts for a
    /// while, unless a pull is wanted.
    #[must_use]
    pub fn asks_for_names(&self, uptime: Duration) -> bool {
        let model = self.model.as_ref().and_then(|seen| seen.value.as_ref().ok());
        let wanted = model.is_some_and(|model| !model.source.is_there());
        let good = self.names.as_ref().filter(|seen| seen.value.is_good());
        wanted || good.is_none_or(|seen| uptime.saturating_sub(seen.at) >= NAMES_COUNT)
    }

    /// Takes what a look that began at `at` saw of the registry's name. Without an address no name
    /// can resolve: for how long it does not is counted from then on.
    pub fn take_names(&mut self, at: Duration, value: names::Facts) {
        let network = self.network.as_ref().and_then(|seen| seen.value.as_ref().ok());
        let before = self.names_bad.filter(|_| network.is_none_or(|link| link.address.is_some()));
        self.names_bad = value.is_bad().then(|| before.unwrap_or(at));
        self.names = Some(Seen { at, value });
    }

    /// Forgets what was seen of the registry's name: it may be another one, or is asked for in
    /// another way from now on.
    pub fn forget_names(&mut self) {
        self.names = None;
        self.names_bad = None;
    }

    /// Why a pull would be in vain at `uptime`, as far as the registry's name tells.
    pub(super) fn names_forbid_pull(&self, uptime: Duration) -> Option<String> {
        let lasts = uptime.saturating_sub(self.names_bad?);
        fresh(self.names.as_ref(), uptime)?.value.forbids_pull(lasts)
    }

    /// What the firewall does, where that is known.
    pub(super) fn firewall(&self, uptime: Duration) -> Option<&firewall::Facts> {
        fresh(self.firewall.as_ref(), uptime)?.value.as_ref().ok()
    }

    /// What was seen of the data disk.
    pub(super) fn disk(&self) -> Option<&storage::Facts> {
        self.storage.as_ref()?.value.as_ref().ok()
    }

    /// The blobs that repairs have set aside on the data disk, where that is known.
    pub(super) fn set_aside(&self) -> Option<SetAsideReport> {
        let probe = self.disk()?.probe.as_ref()?.as_ref().ok()?;
        let found = probe.disk.as_ref()?.set_aside;
        Some(SetAsideReport { files: found.files, bytes: found.bytes })
    }

    /// Where the server keeps its models, below the data disk at `path`: in that directory itself
    /// where it is not known, and where it is to be brought from elsewhere.
    pub(super) fn store(&self, path: &Path) -> PathBuf {
        let server = self.ollama.as_ref().map(|seen| &seen.value);
        let store = server.and_then(|server| server.store(path).ok()?);
        store.unwrap_or_default()
    }

    /// What the data disk at `path` tells of the alias's weights.
    pub(super) fn recorded(&self, path: &Path) -> model::Recorded {
        self.recorded_of(path, |disk| Some(&disk.alias_weights))
    }

    /// The same for a further model with that alias.
    pub(super) fn recorded_further(&self, path: &Path, alias: &str) -> model::Recorded {
        self.recorded_of(path, |disk| disk.further_weights.get(alias))
    }

    fn recorded_of(
        &self,
        path: &Path,
        weights: impl Fn(&DiskFacts) -> Option<&BTreeMap<PathBuf, String>>,
    ) -> model::Recorded {
        let server = self.ollama.as_ref().ok_or("the server is looked at first")?;
        let Some(store) = server.value.store(path)? else { return Ok(None) };
        let probe = self.disk().and_then(|disk| disk.probe.as_ref());
        match probe.ok_or("the data disk is looked at first")? {
            Ok(seen) => {
                let by_store = seen.disk.as_ref().and_then(weights);
                Ok(by_store.and_then(|weights| weights.get(&store)).cloned())
            }
            Err(error) => Err(error.to_string()),
        }
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
    fn names_that_do_not_resolve_hold_pulls_back_for_ten_minutes_in_a_row() {
        let facts = |answer| names::Facts { host: "x.example".into(), answer, proxy: None };
        let mut seen = Facts::default();
        let mut held = |at: u64, answer| {
            let at = Duration::from_secs(at);
            seen.take_names(at, facts(answer));
            seen.names_forbid_pull(at).is_some()
        };
        let good = || names::Answer::Resolved(Ipv4Addr::LOCALHOST.into());
        assert!(!held(0, good()));
        assert!(held(10, names::Answer::Silent));
        assert!(held(609, names::Answer::Refused("unknown".into())));
        assert!(!held(610, names::Answer::Silent));
        assert!(!held(620, good()));
        assert!(held(630, names::Answer::Silent));
    }

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
    fn models_that_no_helper_looks_for_are_not_told_to_be_missing() {
        let disk = Path::new("/var/lib/ollama");
        let kept = |place: &str| {
            let settings = ollama::Settings { home_path: Some(place.into()), ..Default::default() };
            let before = Default::default();
            let own = ollama::Own::default();
            let unit = Ok(Unit::fake());
            let value =
                ollama::Facts::of(unit, None, Answer::Silent, None, before, own, Duration::ZERO);
            let value = ollama::Facts { settings, ..value };
            let store = value.store(disk);
            let facts =
                Facts { ollama: Some(Seen { at: Duration::ZERO, value }), ..Facts::default() };
            (store, facts.recorded(disk))
        };
        assert_eq!(kept("/home"), (Ok(None), Ok(None)));
        let (store, recorded) = kept("/var/lib/ollama");
        assert_eq!(store, Ok(Some(".ollama/models".into())));
        assert_eq!(recorded.unwrap_err(), "the data disk is looked at first");
        let (store, recorded) = kept("/var/lib/ollama/home");
        let why = "models are kept in /var/lib/ollama/home/.ollama/models, which is not looked at";
        assert_eq!((store.unwrap_err(), recorded.unwrap_err()), (why.into(), why.into()));
    }

    #[test]
    fn names_have_their_ten_minutes_anew_with_each_address_and_not_without_one() {
        let silent = || {
            let (host, answer) = ("x.example".into(), names::Answer::Silent);
            names::Facts { host, answer, proxy: None }
        };
        let at = Duration::from_secs;
        let seen_at = |address| {
            let value = Ok(network::Facts { address, ..network::Facts::fake() });
            Some(Seen { at: at(0), value })
        };
        let mut seen = Facts { network: seen_at(None), ..Facts::default() };
        for looked in [0, 600, 1200] {
            seen.take_names(at(looked), silent());
            assert!(seen.names_forbid_pull(at(looked)).is_some(), "after {looked} s");
        }
        seen.network = seen_at(Some((Ipv4Addr::new(10, 0, 2, 2), 24)));
        seen.forget_names();
        assert_eq!(seen.names_forbid_pull(at(1201)), None);
        seen.take_names(at(1210), silent());
        assert!(seen.names_forbid_pull(at(1210)).is_some());
        seen.take_names(at(1810), silent());
        assert_eq!(seen.names_forbid_pull(at(1810)), None);
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
