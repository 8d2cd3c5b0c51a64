//! The registry: the one place that knows all concerns by name, and the real guest that the
//! core works on. To add a concern, add its folder, and its line in each table here.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::Notify;
use tokio::time;

use crate::bus::Bus;
use crate::config::Config;
use crate::core::reconcile::Waker;
use crate::core::{
    BootClock, Budget, Clock, Condition, Guest, Judgement, Ledger, Moment, Outcome, ProofReport,
    PullReport, Schedule,
};
use crate::fix;
use crate::ledger_file::LedgerFile;
use crate::model::{Proofs, Pull, PullState, Server};
use crate::ollama::{Answer, Api};
use crate::probe::DiskFacts;
use crate::storage::ProbeError;
use crate::{bootstrap, core, model, network, ollama, storage, system};

/// All conditions, causes before what hangs on them.
pub static CONDITIONS: &[&Condition] = &[
    &bootstrap::BOOTSTRAP_COMPLETE,
    &network::NETWORK_UP,
    &network::ADDRESS_ASSIGNED,
    &storage::DATA_DISK_MOUNTED,
    &storage::DATA_DISK_WRITABLE,
    &ollama::OLLAMA_RUNNING,
    &ollama::OLLAMA_SERVING,
    &ollama::ENDPOINT_REACHABLE,
    &model::MODEL_PRESENT,
    &model::ALIAS_PRESENT,
    &model::EMBEDDING_CORRECT,
    &system::MEMORY_AVAILABLE,
    &system::ROOT_DISK_SPACE,
];

/// The concerns' positions in [`CONCERNS`].
pub mod concern {
    /// cloud-init.
    pub const BOOTSTRAP: usize = 0;
    /// The link.
    pub const NETWORK: usize = 1;
    /// The data disk.
    pub const STORAGE: usize = 2;
    /// The server.
    pub const OLLAMA: usize = 3;
    /// The models.
    pub const MODEL: usize = 4;
    /// The proof, apart from the models: it may take minutes.
    pub const PROOF: usize = 5;
    /// The guest itself.
    pub const SYSTEM: usize = 6;
}

/// All concerns and how often they are looked at without an event.
pub static CONCERNS: [Schedule; 7] = [
    every("bootstrap", 5, 2),
    every("network", 15, 2),
    every("storage", 15, 5),
    every("ollama", 10, 2),
    every("model", 10, 2),
    every("proof", 5, 1),
    every("system", 60, 60),
];

const fn every(concern: &'static str, calm: u64, alert: u64) -> Schedule {
    Schedule { concern, calm: Duration::from_secs(calm), alert: Duration::from_secs(alert) }
}

/// Any remedy of any concern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Of the link.
    Network(network::Remedy),
    /// Of the data disk.
    Storage(storage::Remedy),
    /// Of the server.
    Ollama(ollama::Remedy),
    /// Of the models.
    Model(model::Remedy),
}

impl core::Remedy for Remedy {
    fn name(self) -> &'static str {
        match self {
            Self::Network(remedy) => remedy.name(),
            Self::Storage(remedy) => remedy.name(),
            Self::Ollama(remedy) => remedy.name(),
            Self::Model(remedy) => remedy.name(),
        }
    }

    fn budget(self) -> Budget {
        match self {
            Self::Network(remedy) => remedy.budget(),
            Self::Storage(remedy) => remedy.budget(),
            Self::Ollama(remedy) => remedy.budget(),
            Self::Model(remedy) => remedy.budget(),
        }
    }

    fn deadline(self) -> Duration {
        match self {
            Self::Network(remedy) => remedy.deadline(),
            Self::Storage(remedy) => remedy.deadline(),
            Self::Ollama(remedy) => remedy.deadline(),
            Self::Model(remedy) => remedy.deadline(),
        }
    }

    fn touches(self) -> &'static str {
        match self {
            Self::Network(_) => "network",
            Self::Storage(_) => "disk",
            // A model is changed through the server.
            Self::Ollama(_) | Self::Model(_) => "server",
        }
    }
}

impl From<Result<fix::Reply, fix::CallError>> for Outcome {
    fn from(reply: Result<fix::Reply, fix::CallError>) -> Self {
        match reply {
            Ok(reply) => match reply.outcome {
                fix::Outcome::Done | fix::Outcome::Unneeded => Self::Succeeded(reply.message),
                fix::Outcome::Refused => Self::Refused(reply.message),
                fix::Outcome::Failed => Self::Failed(reply.message),
            },
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

/// A fact, and the uptime at which its look began.
#[derive(Debug)]
struct Seen<T> {
    at: Duration,
    value: T,
}

/// Facts older than this say nothing any more: the looks of a concern have hung.
const STALE: Duration = Duration::from_secs(90);

/// How long one look may take, but for a proof, which has a deadline of its own.
const LOOK_DEADLINE: Duration = Duration::from_secs(20);

/// What was seen, unless it is too long ago.
fn fresh<T>(seen: Option<&Seen<T>>, uptime: Duration) -> Option<&Seen<T>> {
    seen.filter(|seen| uptime.saturating_sub(seen.at) < STALE)
}

/// Adds judgements that rest on a look that began at `at`.
fn add(all: &mut Vec<Judgement<Remedy>>, at: Duration, judged: Vec<Judgement<Remedy>>) {
    all.extend(judged.into_iter().map(|judgement| judgement.seen(at)));
}

/// Room for an alias: a manifest and a few small layers. The server writes them in place, so
/// on a full disk it would leave an empty manifest where a good one was.
const MANIFEST_ROOM: u64 = 16 << 20;

#[derive(Debug, Default)]
struct Facts {
    bootstrap: Option<Seen<bootstrap::Facts>>,
    network: Option<Seen<Result<network::Facts, String>>>,
    storage: Option<Seen<Result<storage::Facts, String>>>,
    ollama: Option<Seen<ollama::Facts>>,
    model: Option<Seen<Result<model::Facts, String>>>,
    system: Option<Seen<system::Facts>>,
}

impl Facts {
    fn address(&self) -> Option<Ipv4Addr> {
        Some(self.network.as_ref()?.value.as_ref().ok()?.address?.0)
    }

    fn api(&self, client: &Client, port: u16) -> Option<Api> {
        self.ollama.as_ref()?.value.api(client, port)
    }

    /// What the probe said of the data disk, where one is mounted.
    fn disk(&self) -> Option<Result<&DiskFacts, &ProbeError>> {
        match self.storage.as_ref()?.value.as_ref().ok()?.probe.as_ref()? {
            Ok(probe) => probe.disk.as_ref().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// The server that a proof would be of now: one that answers at the client's address.
    fn server(&self) -> Option<Server> {
        let ollama = &self.ollama.as_ref()?.value;
        let unit = ollama.unit.as_ref().ok()?;
        match ollama.at_address {
            Some((address, Answer::Alive)) => Some(Server { address, invocation: unit.invocation }),
            _ => None,
        }
    }
}

/// What looks and repairs share.
#[derive(Debug)]
struct Shared {
    config: Config,
    bus: Arc<Bus>,
    client: Client,
    waker: Arc<Waker>,
    facts: Mutex<Facts>,
    proofs: Proofs,
    pull: Pull,
    /// Tells a proof that its server is not the one any more that clients are sent to.
    moved: Notify,
}

impl Shared {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The guest that the agent runs in.
#[derive(Debug)]
pub struct RealGuest {
    shared: Arc<Shared>,
    ledger: LedgerFile,
}

impl RealGuest {
    /// The guest, of which nothing has been seen yet.
    ///
    /// # Errors
    /// Where no HTTP client can be set up.
    pub fn new(
        config: Config,
        bus: Arc<Bus>,
        waker: Arc<Waker>,
        ledger: LedgerFile,
    ) -> Result<Self, String> {
        let shared = Shared {
            config,
            bus,
            client: Api::client()?,
            waker,
            facts: Mutex::default(),
            proofs: Proofs::default(),
            pull: Pull::default(),
            moved: Notify::new(),
        };
        Ok(Self { shared: Arc::new(shared), ledger })
    }
}

impl Guest for RealGuest {
    type Remedy = Remedy;

    fn conditions(&self) -> &'static [&'static Condition] {
        CONDITIONS
    }

    fn concerns(&self) -> &'static [Schedule] {
        &CONCERNS
    }

    fn look(&self, concern: usize) -> impl Future<Output = ()> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move {
            if concern == concern::PROOF {
                shared.prove().await;
            } else if time::timeout(LOOK_DEADLINE, shared.look(concern)).await.is_err() {
                let name = CONCERNS.get(concern).map_or("?", |schedule| schedule.concern);
                tracing::warn!(concern = name, "a look took too long and was given up");
            }
        }
    }

    fn judge(&self, now: Moment) -> Vec<Judgement<Remedy>> {
        self.shared.judge(now.uptime)
    }

    fn held(&self, remedy: Remedy, now: Moment) -> Option<String> {
        self.shared.held(remedy, now.uptime)
    }

    fn repair(&self, remedy: Remedy) -> impl Future<Output = Outcome> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move { shared.repair(remedy).await }
    }

    fn save(&self, ledger: Ledger) -> impl Future<Output = Result<(), String>> + Send + 'static {
        let file = self.ledger.clone();
        async move { file.save(ledger).await }
    }

    fn proof(&self, now: Moment) -> Option<ProofReport> {
        let (_, began, took) = self.shared.proofs.log().good?;
        Some(ProofReport {
            age_seconds: now.uptime.saturating_sub(began).as_secs_f64(),
            latency_seconds: took.as_secs_f64(),
        })
    }

    fn pull(&self) -> Option<PullReport> {
        match self.shared.pull.state() {
            PullState::Running(report) => Some(report),
            PullState::Idle | PullState::Failed(_) => None,
        }
    }
}

impl Shared {
    /// Looks at one concern. Where something is new, those that hang on it are looked at too.
    async fn look(&self, concern: usize) {
        let at = BootClock.now().uptime;
        let config = &self.config;
        match concern {
            concern::BOOTSTRAP => {
                let value = bootstrap::look(&self.bus).await;
                self.facts().bootstrap = Some(Seen { at, value });
            }
            concern::NETWORK => {
                let value = network::look(&config.network, &self.bus).await;
                let before = self.facts().address();
                self.facts().network = Some(Seen { at, value });
                if self.facts().address() != before {
                    self.waker.wake(concern::OLLAMA);
                }
            }
            concern::STORAGE => {
                let value = storage::look(&config.storage).await;
                self.facts().storage = Some(Seen { at, value });
            }
            concern::OLLAMA => {
                let (address, before) = {
                    let facts = self.facts();
                    let before = facts.ollama.as_ref().map(|seen| &seen.value);
                    let before = before.map(|seen| (seen.progress, seen.starts.clone()));
                    (facts.address(), before.unwrap_or_default())
                };
                let (bus, client) = (&self.bus, &self.client);
                let value = ollama::look(&config.ollama, bus, client, address, before, at).await;
                let served = self.facts().server();
                self.facts().ollama = Some(Seen { at, value });
                if self.facts().server() != served {
                    self.moved.notify_waiters();
                    self.waker.wake(concern::MODEL);
                    self.waker.wake(concern::PROOF);
                }
            }
            concern::MODEL => {
                let api = self.facts().api(&self.client, config.ollama.port);
                let value = match api {
                    Some(api) => model::look(&api, &config.model).await,
                    None => Err("the server does not answer".into()),
                };
                let changed = {
                    let mut facts = self.facts();
                    let before = facts.model.replace(Seen { at, value });
                    let now = facts.model.as_ref().map(|seen| &seen.value);
                    before.as_ref().map(|seen| &seen.value) != now
                };
                if changed {
                    self.waker.wake(concern::PROOF);
                }
            }
            concern::SYSTEM => {
                let value = system::look().await;
                self.facts().system = Some(Seen { at, value });
            }
            _ => {}
        }
    }

    /// Proves the server if a proof is due and can be had.
    async fn prove(&self) {
        let uptime = BootClock.now().uptime;
        let (server, alias) = {
            let facts = self.facts();
            let model = facts.model.as_ref().and_then(|seen| seen.value.as_ref().ok());
            (facts.server(), model.is_some_and(|model| model.alias != model::Alias::Missing))
        };
        let Some(server) = server.filter(|_| alias) else { return };
        if self.proofs.log().due(server, uptime, self.config.proof.interval) {
            let api = Api::at(&self.client, server.address.into(), self.config.ollama.port);
            // A proof asked of an address that is gone would wait for minutes.
            tokio::select! {
                () = model::prove(&self.proofs, &api, server, &self.config.model) => {}
                () = self.moved.notified() => {}
            }
        }
    }

    fn judge(&self, uptime: Duration) -> Vec<Judgement<Remedy>> {
        let facts = self.facts();
        let config = &self.config;
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
            add(&mut all, seen.at, ollama::check(&seen.value, &config.ollama, uptime));
        }
        if let Some(seen) = fresh(facts.model.as_ref(), uptime) {
            let model = seen.value.as_ref().map_err(String::as_str);
            add(&mut all, seen.at, model::check(model, &self.pull.state(), &config.model));
        }
        if let Some(server) = facts.server() {
            let progress = ollama.map(|seen| seen.value.progress).unwrap_or_default();
            let log = self.proofs.log();
            all.push(model::check_proof(&log, server, &progress, &config.proof, uptime));
        }
        if let Some(seen) = fresh(facts.system.as_ref(), uptime) {
            add(&mut all, seen.at, system::check(&seen.value));
        }
        all
    }

    fn held(&self, remedy: Remedy, uptime: Duration) -> Option<String> {
        let facts = self.facts();
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
                if disturbs && matches!(self.pull.state(), PullState::Running(_)) {
                    return Some("a pull goes on".into());
                }
                // A server that waits for its disk is not mended by a restart.
                if disturbs && facts.disk() == Some(Err(&ProbeError::Silent)) {
                    return Some("the data disk does not answer".into());
                }
                let seen = facts.ollama.as_ref().map(|seen| &seen.value);
                ollama::held(remedy, seen, uptime)
            }
            Remedy::Model(remedy) => {
                let needed = match remedy {
                    model::Remedy::Pull => self.config.storage.minimum_free_bytes,
                    model::Remedy::CreateAlias => MANIFEST_ROOM,
                };
                match facts.disk() {
                    Some(Ok(disk)) if !disk.read_only && !disk.needs_owner() => {
                        (disk.free_bytes < needed).then(|| "the data disk has no room".into())
                    }
                    Some(Ok(_)) => Some("the data disk is not writable".into()),
                    Some(Err(error)) => Some(format!("the data disk: {error}")),
                    None => Some("no data disk is mounted".into()),
                }
            }
            Remedy::Network(_) | Remedy::Storage(_) => None,
        }
    }

    async fn repair(&self, remedy: Remedy) -> Outcome {
        // cloud-init may have begun since it was last looked at.
        self.look(concern::BOOTSTRAP).await;
        if let Some(why) = self.held(remedy, BootClock.now().uptime) {
            return Outcome::Refused(why);
        }
        match remedy {
            Remedy::Network(remedy) => {
                network::apply(remedy, &self.config.network, &self.bus).await
            }
            Remedy::Storage(remedy) => storage::apply(remedy).await,
            Remedy::Ollama(remedy) => ollama::apply(remedy).await,
            Remedy::Model(remedy) => {
                let api = self.facts().api(&self.client, self.config.ollama.port);
                let Some(api) = api else {
                    return Outcome::Refused("the server does not answer".into());
                };
                let waker = Arc::clone(&self.waker);
                let model = &self.config.model;
                model::apply(remedy, model, api, &self.pull, waker, concern::MODEL).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::core::{Engine, Remedy as _};

    fn all() -> Vec<Remedy> {
        let mut all: Vec<Remedy> = network::Remedy::ALL.map(Remedy::Network).to_vec();
        all.extend(storage::Remedy::ALL.map(Remedy::Storage));
        all.extend(ollama::Remedy::ALL.map(Remedy::Ollama));
        all.extend(model::Remedy::ALL.map(Remedy::Model));
        all
    }

    #[test]
    fn conditions_stand_in_order() {
        let moment = BootClock.now();
        let engine = Engine::<Remedy>::new(
            CONDITIONS,
            core::AgentReport::default(),
            Ledger::fresh(),
            moment,
        );
        assert!(engine.is_ok());
    }

    #[test]
    fn names_of_conditions_and_remedies_are_unique() {
        let names: HashSet<_> = CONDITIONS.iter().map(|condition| condition.name).collect();
        assert_eq!(names.len(), CONDITIONS.len());
        let names: HashSet<_> = all().iter().map(|remedy| remedy.name()).collect();
        assert_eq!(names.len(), all().len());
    }

    #[test]
    fn budgets_fit_the_ledger_s_window() {
        for remedy in all() {
            assert!(remedy.budget().limit > 0);
            assert!(remedy.budget().window <= Duration::from_secs(3600), "{}", remedy.name());
        }
    }

    #[test]
    fn every_condition_belongs_to_a_concern() {
        let concerns: HashSet<_> = CONCERNS.iter().map(|schedule| schedule.concern).collect();
        for condition in CONDITIONS {
            assert!(concerns.contains(condition.concern), "{}", condition.name);
        }
    }
}
