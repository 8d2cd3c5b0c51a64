//! The table of loaded models.
//!
//! The scheduler keeps it locked while it pings or stops a runner, so `/api/ps` waits that long
//! for a runner that hangs. It is not locked while a model is being loaded.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::child::Runner;
use super::{Lease, Shown, Target};
use crate::clock;

/// Loaded models by their file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loaded {
    table: Arc<Mutex<Table>>,
}

pub(super) type Table = BTreeMap<PathBuf, Running>;

/// One loaded model.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) shown: Shown,
    pub(crate) num_ctx: u64,
    /// RFC 3339: when it is unloaded unless it is used again.
    pub(crate) expires_at: String,
    pub(super) runner: Runner,
    pub(super) keep_alive: Duration,
    /// Requests that hold a lease.
    users: usize,
    idle_since: Instant,
}

impl Running {
    pub(super) fn new(target: &Target, runner: Runner, keep_alive: Duration) -> Self {
        Self {
            shown: target.shown.clone(),
            num_ctx: target.num_ctx,
            expires_at: clock::after(keep_alive),
            runner,
            keep_alive,
            users: 0,
            idle_since: Instant::now(),
        }
    }

    /// Bytes of it that lie on a GPU.
    pub(crate) fn vram(&self) -> u64 {
        self.runner.vram
    }

    pub(super) fn lend(
        &mut self,
        file: PathBuf,
        release: tokio::sync::mpsc::UnboundedSender<PathBuf>,
    ) -> Lease {
        self.users += 1;
        Lease { port: self.runner.port, file, release }
    }

    /// One request less. The clock starts again when it was the last.
    pub(super) fn give_back(&mut self) {
        self.users = self.users.saturating_sub(1);
        if self.users == 0 {
            self.idle_since = Instant::now();
            self.expires_at = clock::after(self.keep_alive);
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.users == 0
    }

    /// When to unload it. `None` while it is used, and where that is beyond the clock's reach.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.is_idle() { self.idle_since.checked_add(self.keep_alive) } else { None }
    }
}

impl Loaded {
    pub(super) async fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().await
    }

    /// Looks at each loaded model.
    pub(crate) async fn list<T>(&self, look: impl FnMut(&Running) -> T) -> Vec<T> {
        self.lock().await.values().map(look).collect()
    }
}
