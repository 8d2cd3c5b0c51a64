//! The one task that loads, lends and unloads.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use super::child::Runner;
use super::{Ask, Lease, LoadError, Loaded, Running, Target};

/// What the environment says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// For how long a model stays after its last use, unless a request says otherwise.
    pub(crate) keep_alive: Duration,
    /// Requests that may wait.
    pub(crate) max_queue: usize,
    /// How long a load may take.
    pub(crate) load_timeout: Duration,
}

/// The handle that requests use.
#[derive(Debug)]
pub(crate) struct Scheduler {
    asks: mpsc::Sender<Ask>,
    pub(crate) loaded: Loaded,
    task: JoinHandle<()>,
}

impl Scheduler {
    /// GPUs by their UUID, as they were found when the server started.
    pub(crate) fn start(settings: Settings, gpus: Vec<String>) -> Self {
        let (asks, queue) = mpsc::channel(settings.max_queue.max(1));
        let (release, released) = mpsc::unbounded_channel();
        let loaded = Loaded::default();
        let worker = Worker { settings, gpus, loaded: loaded.clone(), queue, release, released };
        Self { asks, loaded, task: tokio::spawn(worker.run()) }
    }

    /// A lease on the model's runner, loaded first where it is not.
    pub(crate) async fn lease(
        &self,
        target: Target,
        keep_alive: Option<Duration>,
    ) -> Result<Lease, LoadError> {
        let (reply, answer) = oneshot::channel();
        self.asks.try_send(Ask { target, keep_alive, reply }).map_err(|_| LoadError::Busy)?;
        answer.await.unwrap_or_else(|_| Err(LoadError::Failed("server is ending".to_owned())))
    }

    /// Ends the task and every runner, one that is being loaded included.
    pub(crate) async fn stop(&self) {
        self.task.abort();
        // Dropping a runner kills it. An aborted task drops what it holds, the lock as well.
        self.loaded.lock().await.clear();
    }
}

struct Worker {
    settings: Settings,
    gpus: Vec<String>,
    loaded: Loaded,
    queue: mpsc::Receiver<Ask>,
    release: mpsc::UnboundedSender<PathBuf>,
    released: mpsc::UnboundedReceiver<PathBuf>,
}

impl Worker {
    async fn run(mut self) {
        loop {
            let next = self.loaded.lock().await.values().filter_map(Running::deadline).min();
            let expiry = async {
                match next {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(file) = self.released.recv() => self.give_back(&file).await,
                () = expiry => self.unload_expired().await,
                ask = self.queue.recv() => match ask {
                    Some(ask) => self.serve(ask).await,
                    None => return,
                },
            }
        }
    }

    /// A runner that nobody wants to keep is gone before anyone can look.
    async fn give_back(&self, file: &PathBuf) {
        let mut table = self.loaded.lock().await;
        let Some(running) = table.get_mut(file) else { return };
        running.give_back();
        if running.is_idle() && running.keep_alive.is_zero() {
            running.runner.stop().await;
            table.remove(file);
        }
    }

    async fn unload_expired(&self) {
        let now = tokio::time::Instant::now();
        let mut table = self.loaded.lock().await;
        let expired = |running: &Running| running.deadline().is_some_and(|at| at <= now);
        let files: Vec<_> = table
            .iter()
            .filter(|(_, running)| expired(running))
            .map(|(file, _)| file.clone())
            .collect();
        for file in files {
            if let Some(mut running) = table.remove(&file) {
                running.runner.stop().await;
            }
        }
    }

    async fn serve(&mut self, mut ask: Ask) {
        if ask.reply.is_closed() {
            return;
        }
        if !self.is_usable(&ask.target).await {
            let limit = self.settings.load_timeout;
            match Runner::start(&ask.target, &self.gpus, limit, ask.reply.closed()).await {
                Ok(None) => return,
                Ok(Some(runner)) => {
                    let running = Running::new(&ask.target, runner, self.settings.keep_alive);
                    self.loaded.lock().await.insert(ask.target.file.clone(), running);
                }
                Err(error) => {
                    tracing::info!(%error, "Load failed");
                    let _ = ask.reply.send(Err(error));
                    return;
                }
            }
        }
        let file = ask.target.file;
        if let Some(running) = self.loaded.lock().await.get_mut(&file) {
            running.keep_alive = ask.keep_alive.unwrap_or(running.keep_alive);
            // A client that left meanwhile gives the lease back by not taking it.
            let _ = ask.reply.send(Ok(running.lend(file, self.release.clone())));
        }
    }

    /// Whether what is loaded will do. Where it will not, it is gone afterwards.
    ///
    /// A silent runner costs the ping's patience, and then the patience with its end, both under
    /// one lock. One that is in use is waited for.
    async fn is_usable(&mut self, target: &Target) -> bool {
        let mut condemned = false;
        loop {
            let mut table = self.loaded.lock().await;
            let Some(running) = table.get_mut(&target.file) else { return false };
            if !condemned && running.num_ctx == target.num_ctx && running.runner.answers().await {
                return true;
            }
            condemned = true;
            if running.is_idle() {
                running.runner.stop().await;
                table.remove(&target.file);
                return false;
            }
            drop(table);
            let Some(done) = self.released.recv().await else { return false };
            self.give_back(&done).await;
        }
    }
}
