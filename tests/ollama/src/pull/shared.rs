//! Downloads under way, each shared by everyone who pulls that blob at the moment.
//!
//! Each who waits holds the same [`Interest`]. When the last lets go, the download stops and
//! writes down how far it came, so that the next pull goes on from there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::interval;

use super::download::Download;
use super::progress::{self, Progress};
use super::{PullError, Source};
use crate::store::{Store, make_directories};

/// How often a waiting client hears of it.
const TICK: Duration = Duration::from_millis(60);

type Outcome = Option<Result<(), PullError>>;

/// All downloads under way, by digest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Downloads {
    running: Arc<Mutex<HashMap<String, Weak<Interest>>>>,
    outcomes: Arc<Mutex<HashMap<String, watch::Receiver<Outcome>>>>,
}

#[derive(Debug)]
struct Interest {
    counters: Arc<Counters>,
    outcome: watch::Receiver<Outcome>,
    /// Dropped with the last one who waits, or when the server ends.
    held: Mutex<Option<watch::Sender<()>>>,
}

/// Bytes, for those who report progress.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) total: AtomicU64,
    pub(super) completed: AtomicU64,
}

impl Downloads {
    /// Joins the blob's download, or starts it, and reports until it ends.
    pub(super) async fn fetch(
        &self,
        store: &Store,
        source: &Source,
        digest: &str,
        report: &mpsc::Sender<Progress>,
    ) -> Result<(), PullError> {
        let interest = self.join(store, source, digest).await?;
        let ended = ended(interest.outcome.clone());
        tokio::pin!(ended);
        let mut ticks = interval(TICK);
        ticks.tick().await;
        loop {
            tokio::select! {
                biased;
                result = &mut ended => return result,
                _ = ticks.tick() => {
                    let total = interest.counters.total.load(Ordering::Relaxed);
                    let completed = interest.counters.completed.load(Ordering::Relaxed);
                    // The server says nothing of a blob before the registry has told its size.
                    if total > 0 {
                        progress::send(report, Progress::blob(digest, total, completed)).await;
                    }
                }
            }
        }
    }

    async fn join(
        &self,
        store: &Store,
        source: &Source,
        digest: &str,
    ) -> Result<Arc<Interest>, PullError> {
        if let Some(running) = lock(&self.running).get(digest).and_then(Weak::upgrade) {
            return Ok(running);
        }
        // One that everyone left may still be writing down how far it came.
        let earlier = lock(&self.outcomes).get(digest).cloned();
        if let Some(earlier) = earlier {
            // However it ended, this one starts where it stopped.
            let _ = ended(earlier).await;
        }
        let mut running = lock(&self.running);
        if let Some(other) = running.get(digest).and_then(Weak::upgrade) {
            return Ok(other);
        }
        // Somebody may have removed the directory while the server ran.
        make_directories(&store.blobs()).map_err(PullError::new)?;
        let (held, released) = watch::channel(());
        let (finish, outcome) = watch::channel(None);
        let counters = Arc::new(Counters::default());
        let download = Download::new(store, source, digest, Arc::clone(&counters))?;
        lock(&self.outcomes).insert(digest.to_owned(), outcome.clone());
        let interest = Arc::new(Interest { counters, outcome, held: Mutex::new(Some(held)) });
        running.insert(digest.to_owned(), Arc::downgrade(&interest));
        tokio::spawn(async move { finish.send_replace(Some(download.run(released).await)) });
        Ok(interest)
    }

    /// Stops every download, and waits until each has written down how far it came.
    pub(crate) async fn stop(&self) {
        for interest in lock(&self.running).values().filter_map(Weak::upgrade) {
            lock(&interest.held).take();
        }
        let outcomes: Vec<_> = lock(&self.outcomes).values().cloned().collect();
        for outcome in outcomes {
            let _ = ended(outcome).await;
        }
    }
}

async fn ended(mut outcome: watch::Receiver<Outcome>) -> Result<(), PullError> {
    let result = outcome.wait_for(Option::is_some).await.map_err(PullError::new)?;
    result.clone().unwrap_or(Ok(()))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
