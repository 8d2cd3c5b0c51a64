//! A pull as a job of its own: from the sources of a model in their order, until one has it. It is
//! judged by bytes: the server repeats an unchanged line for ever when its source has gone silent,
//! and simply ends the stream when it dies.

mod failure;
mod found;
mod gguf;
mod import;
mod progress;
mod registry;
mod room;
mod stream;
mod withdraw;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::{ask, names};
use crate::config::{self, Origin};
use crate::core::reconcile::Waker;
use crate::core::{BootClock, Clock, PullReport};
use crate::ollama::Api;
use progress::Progress;
use room::Room;

pub use failure::{Failure, Kind};
pub use room::Space;

/// Between two reports of progress.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// What a pull has come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PullState {
    /// None was begun.
    #[default]
    Idle,
    /// One runs.
    Running(PullReport),
    /// The last one succeeded, at this uptime.
    Succeeded(Duration),
    /// The last one failed, and why.
    Failed(Failure),
}

/// The one pull that may run, of one model from one server.
#[derive(Debug, Clone, Default)]
pub struct Pull {
    inner: Arc<Mutex<Inner>>,
    room: Arc<Room>,
    reads: Reads,
}

/// Threads that read files for the server. They may hang with a disk, so there are few.
#[derive(Debug, Clone)]
struct Reads(Arc<Semaphore>);

impl Default for Reads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(4)))
    }
}

#[derive(Debug, Default)]
struct Inner {
    state: PullState,
    /// When anything last moved in the one that runs.
    moved: Option<Instant>,
    /// Uptime at which the last that has ended did so, or its predecessor of another model.
    ended: Duration,
    /// The last that was begun.
    job: Option<AbortHandle>,
    /// Whether none is begun any more.
    over: bool,
    /// How many were begun since the model was last there.
    attempt: u64,
    /// How many were begun in all.
    begun: u64,
    /// The source that the next one begins with: the one behind that which gave other bytes than
    /// it promised.
    first: usize,
    /// Whether no name is left that files were offered as.
    tidied: bool,
}

impl Pull {
    /// What it has come to.
    #[must_use]
    pub fn state(&self) -> PullState {
        let inner = self.inner();
        let mut state = inner.state.clone();
        if let PullState::Running(report) = &mut state {
            report.attempt = inner.attempt;
            report.stalled_seconds = inner.moved.map_or(0, |moved| moved.elapsed().as_secs());
        }
        state
    }

    /// How many were begun.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.inner().begun
    }

    /// The data disk was seen.
    pub fn room(&self, space: Space) {
        self.room.seen(space);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uptime since which none has run. While one runs there is no such time.
    #[must_use]
    pub fn quiet_since(&self) -> Duration {
        let inner = self.inner();
        if matches!(inner.state, PullState::Running(_)) { Duration::MAX } else { inner.ended }
    }

    /// The model is there: how an earlier pull failed says nothing of it any more.
    pub fn settle(&self) {
        let mut inner = self.inner();
        if matches!(inner.state, PullState::Failed(_)) {
            inner.state = PullState::Idle;
        }
        if !matches!(inner.state, PullState::Running(_)) {
            (inner.attempt, inner.first) = (0, 0);
        }
    }

    /// Ends the one that runs, and lets no other begin: what it loads is not wanted any more. The
    /// server ends it too when nobody listens, and keeps what it has got for the next of its
    /// kind. Returns the one that may run in its place, of the `same` model or of another.
    #[must_use]
    pub fn end(&self, same: bool) -> Self {
        let mut inner = self.inner();
        inner.over = true;
        if matches!(inner.state, PullState::Running(_)) {
            inner.ended = BootClock.now().uptime;
        }
        inner.state = PullState::Idle;
        if let Some(job) = inner.job.take() {
            job.abort();
        }
        let begun = if same { inner.begun } else { 0 };
        let next = Inner { ended: inner.ended, begun, ..Inner::default() };
        Self { inner: Arc::new(Mutex::new(next)), ..self.clone() }
    }

    /// Begins to pull the source of `model`. `concern` is looked at again when it ends.
    ///
    /// # Errors
    /// Why it does not.
    pub fn begin(
        &self,
        api: Api,
        model: &config::Model,
        waker: Arc<Waker>,
        concern: usize,
    ) -> Result<(), &'static str> {
        let mut inner = self.inner();
        if inner.over {
            return Err("other settings count by now");
        }
        if matches!(inner.state, PullState::Running(_)) {
            return Err("a pull runs already");
        }
        inner.state = begins(&model.source, String::new());
        inner.moved = None;
        inner.tidied = false;
        inner.attempt += 1;
        inner.begun += 1;
        let mut job = Job {
            pull: self.clone(),
            api,
            model: model.clone(),
            waker: Arc::clone(&waker),
            reported: None,
        };
        let task = tokio::spawn(async move {
            let ended = job.run().await;
            let (pull, model) = (&job.pull, &job.model.source);
            match &ended {
                Ok(()) => tracing::info!(model, "pull succeeded"),
                Err(error) => tracing::warn!(model, %error, "pull failed"),
            }
            let at = BootClock.now().uptime;
            {
                let mut inner = pull.inner();
                inner.state = ended.map_or_else(PullState::Failed, |()| PullState::Succeeded(at));
                inner.ended = at;
            }
            waker.wake(concern);
        });
        inner.job = Some(task.abort_handle());
        Ok(())
    }
}

/// One that runs.
struct Job {
    pull: Pull,
    api: Api,
    model: config::Model,
    waker: Arc<Waker>,
    /// When its progress was last told.
    reported: Option<Instant>,
}

impl Job {
    /// Asks one source after another, from the first that has not lied lately.
    async fn run(&mut self) -> Result<(), Failure> {
        let origins = self.model.origins();
        let first = self.pull.inner().first;
        let (mut told, mut lacking) = (Vec::new(), None);
        for place in (first..).take(origins.len()) {
            let Some(origin) = origins.get(place % origins.len()) else { break };
            let Err(mut failure) = self.fetch(origin).await else { return Ok(()) };
            if origins.len() > 1 {
                failure.why = format!("{origin}: {}", failure.why);
            }
            match failure.kind {
                // What is wrong on the disk is removed first.
                Kind::Mismatch => {
                    self.pull.inner().first = (place + 1) % origins.len();
                    return Err(failure);
                }
                // Another may have fewer, or tell the truth of how many it has.
                Kind::NoRoom { bytes, .. } => {
                    lacking = Some(lacking.map_or(bytes, |least: u64| least.min(bytes)));
                    told.push(failure.why);
                }
                Kind::Other => told.push(failure.why),
            }
        }
        let told = told.join("; ");
        Err(match lacking {
            Some(bytes) => Failure::no_room(bytes, told),
            None => told.into(),
        })
    }

    async fn fetch(&mut self, origin: &Origin) -> Result<(), Failure> {
        let source = self.model.source.clone();
        self.reported = None;
        {
            let mut inner = self.pull.inner();
            inner.state = begins(&source, origin.to_string());
            inner.moved = None;
        }
        match origin {
            Origin::Name { name, insecure } => {
                self.pull(name, *insecure, &origin.to_string()).await?;
                self.is_declared(name).await?;
                if !names::same(name, &source) {
                    self.api.copy(name, &source, ask::DEADLINE).await?;
                }
                Ok(())
            }
            Origin::Path(path) => self.import(path).await,
        }
    }

    /// A tag may mean another model by now than the one that is declared.
    async fn is_declared(&self, name: &str) -> Result<(), Failure> {
        let Some(declared) = &self.model.weights else { return Ok(()) };
        let shown = ask::show(&self.api, name).await?;
        match shown.weights() {
            Some(own) if own == declared => Ok(()),
            own => Err(not_declared(own, declared)),
        }
    }

    /// Tells how far it has come, now and then.
    fn tell(&mut self, progress: &Progress, source: &str) {
        if self.reported.is_some_and(|at| at.elapsed() < REPORT_EVERY) {
            return;
        }
        let now = Instant::now();
        self.reported = Some(now);
        {
            let mut inner = self.pull.inner();
            inner.state = PullState::Running(progress.report(&self.model.source, source, now));
            inner.moved = Some(progress.moved);
        }
        self.waker.nudge();
    }
}

/// Nothing has come yet.
fn begins(model: &str, source: String) -> PullState {
    let (model, status) = (model.to_owned(), "begins".into());
    PullState::Running(PullReport { model, source, status, ..PullReport::default() })
}

/// `own`: the weights that a source has, where they are known.
fn not_declared(own: Option<&str>, declared: &str) -> Failure {
    let own = own.unwrap_or("not known");
    format!("its weights are {own:.12}, and {declared:.12} are declared").into()
}

fn stalled(patience: Duration) -> Failure {
    format!("nothing has moved for {} s", patience.as_secs()).into()
}

#[cfg(test)]
mod tests;
