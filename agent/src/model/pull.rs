//! A pull as a job of its own. It is judged by bytes: the server repeats an unchanged line
//! for ever when its source has gone silent, and simply ends the stream when it dies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;
use tokio::task::AbortHandle;
use tokio::time::{self, Instant};

use crate::core::reconcile::Waker;
use crate::core::{BootClock, Clock, PullReport};
use crate::ollama::Api;

/// No line of a pull is nearly as long.
const LINE_LIMIT: usize = 64 << 10;

/// Between two reports of progress.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// How long the server may hash what it has loaded. It sends one line before and none until
/// it has read every byte again, from a disk that may be slow.
const VERIFYING: Duration = Duration::from_secs(30 * 60);

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
    Failed(String),
}

/// The one pull that may run, of one model from one server.
#[derive(Debug, Clone, Default)]
pub struct Pull {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    state: PullState,
    /// Uptime at which the last that has ended did so, or its predecessor of another model.
    ended: Duration,
    /// The last that was begun.
    job: Option<AbortHandle>,
    /// Whether none is begun any more.
    over: bool,
}

/// One line of the stream. Everything may be missing; `completed` is while it is 0.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    status: String,
    digest: String,
    total: u64,
    completed: u64,
    error: String,
}

impl Pull {
    /// What it has come to.
    #[must_use]
    pub fn state(&self) -> PullState {
        self.inner().state.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: PullState) {
        self.inner().state = state;
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
    }

    /// Ends the one that runs, and lets no other begin: what it loads is not wanted any more. The
    /// server ends it too when nobody listens, and keeps what it has got for the next of its
    /// kind. Returns the one that may run in its place.
    #[must_use]
    pub fn end(&self) -> Self {
        let mut inner = self.inner();
        inner.over = true;
        if matches!(inner.state, PullState::Running(_)) {
            inner.ended = BootClock.now().uptime;
        }
        inner.state = PullState::Idle;
        if let Some(job) = inner.job.take() {
            job.abort();
        }
        let next = Inner { ended: inner.ended, ..Inner::default() };
        Self { inner: Arc::new(Mutex::new(next)) }
    }

    /// Begins to pull `model`. `concern` is looked at again when it ends.
    ///
    /// # Errors
    /// Why it does not.
    pub fn begin(
        &self,
        api: Api,
        model: String,
        stall: Duration,
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
        inner.state = PullState::Running(PullReport {
            model: model.clone(),
            completed_bytes: 0,
            total_bytes: 0,
            status: "begins".into(),
        });
        let pull = self.clone();
        let job = tokio::spawn(async move {
            let ended = pull.run(&api, &model, stall, &waker).await;
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
        inner.job = Some(job.abort_handle());
        Ok(())
    }

    async fn run(
        &self,
        api: &Api,
        model: &str,
        stall: Duration,
        waker: &Waker,
    ) -> Result<(), String> {
        let request = json!({ "model": model, "stream": true });
        let response = time::timeout(stall, api.post_stream("/api/pull", &request))
            .await
            .map_err(|_| format!("the server did not begin within {} s", stall.as_secs()))?
            .map_err(|error| error.to_string())?;
        let mut stream = response.bytes_stream();
        let mut buffer = Vec::new();
        let mut layers: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let mut said = String::new();
        let (mut moved, mut patience) = (Instant::now(), stall);
        let mut reported: Option<Instant> = None;
        loop {
            let stalled = || format!("nothing has moved for {} s", patience.as_secs());
            let chunk = time::timeout_at(moved + patience, stream.next()).await;
            let chunk = match chunk.map_err(|_| stalled())? {
                Some(chunk) => chunk.map_err(|error| format!("the stream broke: {error}"))?,
                None => return Err("the server ended the stream before success".into()),
            };
            buffer.extend_from_slice(&chunk);
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let rest = buffer.split_off(end + 1);
                let text = std::mem::replace(&mut buffer, rest);
                let line: Line = serde_json::from_slice(&text)
                    .map_err(|error| format!("malformed line: {error}"))?;
                if !line.error.is_empty() {
                    return Err(line.error);
                }
                if line.status == "success" {
                    return Ok(());
                }
                if advance(&mut layers, &line) || line.status != said {
                    moved = Instant::now();
                    patience = patience_after(&line, stall);
                }
                said.clone_from(&line.status);
                if reported.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
                    reported = Some(Instant::now());
                    self.set(PullState::Running(report(model, &layers, line.status)));
                    waker.nudge();
                }
            }
            if buffer.len() > LINE_LIMIT {
                return Err(format!("a line of more than {LINE_LIMIT} bytes"));
            }
            if moved.elapsed() >= patience {
                return Err(format!("nothing has moved for {} s", patience.as_secs()));
            }
        }
    }
}

/// Takes in one line; says whether any byte moved. Hashing and writing the manifest come
/// without bytes: they count by their new status.
fn advance(layers: &mut BTreeMap<String, (u64, u64)>, line: &Line) -> bool {
    if line.digest.is_empty() {
        return false;
    }
    let layer = layers.entry(line.digest.clone()).or_insert((line.total, 0));
    let before = layer.1;
    *layer = (line.total, line.completed);
    line.completed != before
}

/// How long nothing may move after `line`.
fn patience_after(line: &Line, stall: Duration) -> Duration {
    if line.status.starts_with("verifying") { stall.max(VERIFYING) } else { stall }
}

fn report(model: &str, layers: &BTreeMap<String, (u64, u64)>, status: String) -> PullReport {
    let sum = |pick: fn(&(u64, u64)) -> u64| layers.values().map(pick).fold(0, u64::saturating_add);
    PullReport {
        model: model.into(),
        completed_bytes: sum(|layer| layer.1),
        total_bytes: sum(|layer| layer.0),
        status,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    fn line(json: &str) -> Line {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn only_changed_bytes_count_as_movement() {
        let mut layers = BTreeMap::new();
        let early = line(r#"{"status":"pulling ab","digest":"ab","total":100}"#);
        assert!(!advance(&mut layers, &early));
        let moved = line(r#"{"status":"pulling ab","digest":"ab","total":100,"completed":40}"#);
        assert!(advance(&mut layers, &moved));
        assert!(!advance(&mut layers, &moved));
        assert!(!advance(&mut layers, &line(r#"{"status":"pulling manifest"}"#)));
        assert!(!advance(&mut layers, &line(r#"{"status":"verifying sha256 digest"}"#)));
        let other = line(r#"{"status":"pulling cd","digest":"cd","total":10,"completed":10}"#);
        assert!(advance(&mut layers, &other));
        let report = report("m", &layers, "s".into());
        assert_eq!((report.completed_bytes, report.total_bytes), (50, 110));
    }

    #[test]
    fn only_a_failure_is_forgotten_once_the_model_is_there() {
        let pull = Pull::default();
        let succeeded = PullState::Succeeded(Duration::from_secs(9));
        for (before, after) in
            [(PullState::Failed("refused".into()), PullState::Idle), (succeeded.clone(), succeeded)]
        {
            pull.set(before);
            pull.settle();
            assert_eq!(pull.state(), after);
        }
    }

    #[tokio::test]
    async fn the_server_has_worked_until_a_pull_has_ended_whatever_became_of_it() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let api = Api::at(&Api::client().unwrap(), Ipv4Addr::LOCALHOST.into(), port);
        let (pull, waker) = (Pull::default(), Arc::<Waker>::default());
        assert_eq!(pull.quiet_since(), Duration::ZERO);
        let began = BootClock.now().uptime;
        pull.begin(api, "m:1".into(), Duration::from_secs(60), Arc::clone(&waker), 0).unwrap();
        let job = pull.inner().job.clone().unwrap();
        while !job.is_finished() {
            tokio::task::yield_now().await;
        }
        assert!(matches!(pull.state(), PullState::Failed(_)));
        assert!(pull.quiet_since() >= began && pull.quiet_since() < Duration::MAX);
        // To forget the failure is to forget nothing of that.
        pull.settle();
        assert!(pull.quiet_since() >= began);
    }

    #[tokio::test]
    async fn a_pull_that_is_ended_leaves_its_server_and_none_comes_after_it() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let api = Api::at(&Api::client().unwrap(), Ipv4Addr::LOCALHOST.into(), port);
        let pull = Pull::default();
        let begin = || {
            let stall = Duration::from_secs(60);
            pull.begin(api.clone(), "m:1".into(), stall, Arc::default(), 0)
        };
        assert_eq!(begin(), Ok(()));
        assert_eq!(begin(), Err("a pull runs already"));
        let (mut server, _) = listener.accept().await.unwrap();
        assert_eq!(pull.quiet_since(), Duration::MAX);
        let next = pull.end();
        assert_eq!((pull.state(), next.state()), (PullState::Idle, PullState::Idle));
        // The server has worked for it until now.
        let now = BootClock.now().uptime;
        assert!(next.quiet_since() > Duration::ZERO && next.quiet_since() <= now);
        // The request, and then the end: whoever has asked is gone.
        let mut asked = Vec::new();
        server.read_to_end(&mut asked).await.unwrap();
        assert_eq!(begin(), Err("other settings count by now"));
    }

    #[test]
    fn hashing_may_take_longer_than_loading_may_stand_still() {
        let stall = Duration::from_secs(60);
        let after = |status: &str| {
            patience_after(&Line { status: status.into(), ..Line::default() }, stall)
        };
        assert_eq!(after("pulling ab"), stall);
        assert_eq!(after("verifying sha256 digest"), VERIFYING);
        assert_eq!(after("writing manifest"), stall);
    }
}
