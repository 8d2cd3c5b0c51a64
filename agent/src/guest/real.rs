//! The guest that the agent runs in: its looks, judgements and repairs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::Notify;
use tokio::time;

use super::facts::{Facts, Seen, fresh};
use super::{CONCERNS, CONDITIONS, Remedy, concern};
use crate::bus::Bus;
use crate::config::Config;
use crate::core::reconcile::Waker;
use crate::core::{
    BootClock, Clock, Condition, Guest, Judgement, Ledger, Moment, Outcome, ProofReport,
    PullReport, Schedule,
};
use crate::ledger_file::LedgerFile;
use crate::model::{Proofs, Pull, PullState};
use crate::ollama::Api;
use crate::{bootstrap, model, network, ollama, storage, system};

/// How long one look may take, but for a proof, which has a deadline of its own.
const LOOK_DEADLINE: Duration = Duration::from_secs(20);

/// Adds judgements that rest on a look that began at `at`.
fn add(all: &mut Vec<Judgement<Remedy>>, at: Duration, judged: Vec<Judgement<Remedy>>) {
    all.extend(judged.into_iter().map(|judgement| judgement.seen(at)));
}

/// Room for an alias: a manifest and a few small layers. The server writes them in place, so
/// on a full disk it would leave an empty manifest where a good one was.
const MANIFEST_ROOM: u64 = 16 << 20;

/// What looks and repairs share.
#[derive(Debug)]
struct Shared {
    config: Config,
    bus: Arc<Bus>,
    client: Client,
    waker: Arc<Waker>,
    facts: Mutex<Facts>,
    probes: storage::Probes,
    proofs: Proofs,
    pull: Pull,
    /// Tells a proof that another server may be the one now that clients are sent to.
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
            probes: storage::Probes::default(),
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
            PullState::Idle | PullState::Succeeded(_) | PullState::Failed(_) => None,
        }
    }

    fn remedies(&self) -> Vec<Remedy> {
        Remedy::all()
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
                // A server that is away may have lost its disk: what was written before is old.
                let doubt = self.facts().server().is_none();
                let value = storage::look(&config.storage, &self.probes, doubt).await;
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
                    self.waker.wake(concern::STORAGE);
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
                    self.facts().model_since = at;
                    self.waker.wake(concern::OLLAMA);
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
            (facts.server(), model.is_some_and(|model| model.alias.is_there()))
        };
        let Some(server) = server.filter(|_| alias) else { return };
        if self.proofs.log().due(server, uptime, self.config.proof.interval) {
            let api = Api::at(&self.client, server.address.into(), self.config.ollama.port);
            // A proof asked of an address that is gone would wait for minutes. A server that is
            // merely not seen for a moment may be loading the model for this very proof.
            let replaced = async {
                loop {
                    self.moved.notified().await;
                    if self.facts().server().is_some_and(|now| now != server) {
                        break;
                    }
                }
            };
            tokio::select! {
                () = model::prove(&self.proofs, &api, server, &self.config.model) => {}
                () = replaced => {}
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
            add(
                &mut all,
                seen.at,
                ollama::check(&seen.value, &config.ollama, &config.storage, uptime),
            );
        }
        if let Some(seen) = fresh(facts.model.as_ref(), uptime) {
            let model = seen.value.as_ref().map_err(String::as_str);
            let pull = self.pull.state();
            add(&mut all, seen.at, model::check(model, seen.at, &pull, &config.model));
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
                if let Some(why) = storage::forbids_restart(facts.disk()).filter(|_| disturbs) {
                    return Some(why);
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
                let needed = match remedy {
                    model::Remedy::Pull => self.config.storage.minimum_free_bytes,
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
                let elsewhere = server.keeps_elsewhere(&self.config.storage.path);
                if elsewhere.is_some() {
                    return elsewhere;
                }
                storage::refuses_write(facts.disk(), needed)
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
