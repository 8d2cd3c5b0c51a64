//! The guest that the agent runs in, as the core sees it.

use std::iter;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time;

use super::current::Current;
use super::others::Turns;
use super::own::Work;
use super::real::Shared;
use super::{CONCERNS, Remedy, concern, conditions, sidecar};
use crate::bus::Bus;
use crate::config::{Config, ConfigError, Place};
use crate::core::reconcile::Waker;
use crate::core::{
    BootClock, Clock, Condition, ConfigurationReport, Guest, Judgement, Ledger, ModelReport,
    Moment, Outcome, ProofReport, PullReport, Schedule, SetAsideReport, rfc3339,
};
use crate::gpu;
use crate::ledger_file::LedgerFile;
use crate::model::{self, PullState};
use crate::names;
use crate::ollama::Api;

/// How long one look may take, but for a proof, which has a deadline of its own.
const LOOK_DEADLINE: Duration = Duration::from_secs(20);

/// The guest that the agent runs in.
#[derive(Debug, Clone)]
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
        gpu_probe: Arc<gpu::Probe>,
        ledger: LedgerFile,
        references: model::References,
    ) -> Result<Self, String> {
        let current = Current::new(config, rfc3339(BootClock.now().wall));
        let doubted = ledger.beside(model::FileCheck::NOTE);
        let shared = Shared {
            bus,
            client: Api::client()?,
            waker,
            current: Mutex::new(Arc::new(current)),
            renewed: AtomicBool::new(false),
            unusable: Mutex::default(),
            asked: AtomicU64::new(0),
            work: Work::default(),
            proofs: Default::default(),
            resolver: names::Resolver::default(),
            gpu_probe,
            files: model::FileCheck::at_start(doubted, ledger.is_read_only()),
            noted: Arc::default(),
            notes: !ledger.is_read_only(),
            moved: Notify::new(),
            patience: Mutex::default(),
            references: Arc::new(references),
            pins: tokio::sync::Mutex::default(),
            further: Turns::default(),
        };
        Ok(Self { shared: Arc::new(shared), ledger })
    }

    fn place(&self) -> Place {
        self.shared.current().config.place
    }

    /// What tells, beside a server in another container, whether that is stuck. Without end.
    pub async fn ask_patiently(self) {
        self.shared.ask_patiently().await;
    }

    /// Goes by another configuration from now on, or keeps the old one and says why. Gives back
    /// the keys whose new value counts only after a restart of the agent.
    ///
    /// # Errors
    /// What is wrong with the new one.
    pub fn reconfigure(&self, new: Result<Config, ConfigError>) -> Result<Vec<String>, String> {
        let outcome = new.map_err(|error| error.to_string()).map(|config| {
            let now = rfc3339(BootClock.now().wall);
            let mut current = self.shared.current.lock().unwrap_or_else(PoisonError::into_inner);
            let next = current.succeeded_by(config, now);
            if !Arc::ptr_eq(&next.proofs, &current.proofs) {
                self.shared.renewed.store(true, Ordering::Relaxed);
            }
            *current = Arc::new(next);
            current.needs_restart.clone()
        });
        let unusable = outcome.as_ref().err().cloned();
        *self.shared.unusable.lock().unwrap_or_else(PoisonError::into_inner) = unusable;
        self.shared.moved.notify_waiters();
        for concern in 0..CONCERNS.len() {
            self.shared.waker.wake(concern);
        }
        outcome
    }
}

impl Guest for RealGuest {
    type Remedy = Remedy;

    fn conditions(&self) -> &'static [&'static Condition] {
        conditions(self.place())
    }

    fn concerns(&self) -> &'static [Schedule] {
        &CONCERNS
    }

    fn look(&self, concern: usize) -> impl Future<Output = ()> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move {
            if concern == concern::PROOF {
                shared.prove().await;
                // Nothing of the first model waits for the others.
                let other = Arc::clone(&shared);
                tokio::spawn(async move { shared.pin().await });
                tokio::spawn(async move { other.prove_further().await });
                return;
            }
            if concern == concern::MODEL {
                let other = Arc::clone(&shared);
                tokio::spawn(async move {
                    let _ = time::timeout(LOOK_DEADLINE, other.look_at_further()).await;
                });
            }
            if time::timeout(LOOK_DEADLINE, shared.look(concern)).await.is_err() {
                let name = CONCERNS.get(concern).map_or("?", |schedule| schedule.concern);
                tracing::warn!(concern = name, "a look took too long and was given up");
            }
        }
    }

    fn judge(&self, now: Moment) -> Vec<Judgement<Remedy>> {
        self.shared.judge(now.uptime)
    }

    fn held(&self, remedy: Remedy, now: Moment) -> Option<String> {
        self.shared.held(remedy, now)
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
        let (_, began, took) = self.shared.current().proofs.log().good?;
        Some(ProofReport {
            age_seconds: now.uptime.saturating_sub(began).as_secs_f64(),
            latency_seconds: took.as_secs_f64(),
        })
    }

    fn pull(&self) -> Option<PullReport> {
        let current = self.shared.current();
        let further = current.further.iter().map(|one| &one.pull);
        iter::once(&current.pull).chain(further).find_map(|pull| match pull.state() {
            PullState::Running(report) => Some(report),
            PullState::Idle | PullState::Succeeded(_) | PullState::Failed(_) => None,
        })
    }

    fn pulls(&self) -> Vec<(String, u64)> {
        let current = self.shared.current();
        let further = current.further.iter().map(|one| (&*one.config, &one.pull));
        let all = iter::once((&current.config.model, &current.pull)).chain(further);
        all.map(|(model, pull)| (model.source.clone(), pull.begun())).collect()
    }

    fn set_aside(&self) -> Option<SetAsideReport> {
        self.shared.current().facts().set_aside()
    }

    fn models(&self, now: Moment) -> Vec<ModelReport> {
        self.shared.known(|known| known.models(now.uptime))
    }

    fn remedies(&self) -> Vec<Remedy> {
        let place = self.place();
        Remedy::all().into_iter().filter(|remedy| sidecar::has(place, *remedy)).collect()
    }

    fn renewed(&self) -> Vec<&'static str> {
        let renewed = self.shared.renewed.swap(false, Ordering::Relaxed);
        renewed.then_some(CONCERNS[concern::MODEL].concern).into_iter().collect()
    }

    fn configuration(&self) -> Option<ConfigurationReport> {
        let current = self.shared.current();
        let error = self.shared.unusable.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let needs_restart = current.needs_restart.clone();
        Some(ConfigurationReport { loaded_at: current.loaded_at.clone(), error, needs_restart })
    }

    fn proofs(&self) -> Vec<(&'static str, u64)> {
        let counts = self.shared.proofs.iter().map(|count| count.load(Ordering::Relaxed));
        model::Attempt::WORDS.into_iter().zip(counts).collect()
    }
}
