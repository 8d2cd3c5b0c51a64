//! Network namespaces without a name: they live as long as something holds their file.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::thread;

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, setns, unshare};
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot};

use crate::process;

type Job = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// A network namespace.
pub struct Namespace {
    file: File,
}

impl Namespace {
    /// Makes one, with its loopback down.
    pub fn make() -> Result<Self> {
        // A thread has a network namespace of its own to leave and to keep.
        let file = thread::spawn(|| -> Result<File> {
            unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
            let path = "/proc/thread-self/ns/net";
            File::open(path).with_context(|| format!("cannot open {path}"))
        })
        .join()
        .map_err(|_| anyhow!("the thread that makes a network namespace panicked"))??;
        Ok(Self { file })
    }

    /// A path that names it, for other programs.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// A command that will run in it.
    #[must_use]
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, program: &str, arguments: &[S]) -> Command {
        let mut command = process::command("nsenter", &[format!("--net={}", self.path())]);
        command.arg("--").arg(program).args(arguments);
        command
    }

    /// A thread in it.
    pub fn worker(&self) -> Result<Worker> {
        let file = self.file.try_clone().context("cannot copy a network namespace's file")?;
        Worker::start(file)
    }
}

/// A thread that stays in a network namespace and runs what it is given there.
pub struct Worker {
    jobs: mpsc::UnboundedSender<Job>,
}

impl Worker {
    fn start(namespace: File) -> Result<Self> {
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a runtime")?;
        thread::Builder::new()
            .name("gateway".into())
            .spawn(move || {
                // Where entering fails, the queue is dropped and every caller is told.
                if setns(&namespace, CloneFlags::CLONE_NEWNET).is_err() {
                    return;
                }
                let local = tokio::task::LocalSet::new();
                local.block_on(&runtime, async {
                    while let Some(job) = queue.recv().await {
                        tokio::task::spawn_local(job());
                    }
                });
            })
            .context("cannot start a thread")?;
        Ok(Self { jobs })
    }

    /// Runs a future in the namespace and returns what came of it.
    pub async fn run<M, F, T>(&self, make: M) -> Result<T>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future<Output = T> + 'static,
        T: Send + 'static,
    {
        self.begin(make)?.await.context("the gateway's thread is gone")
    }

    /// Has a future run in the namespace; what comes of it can be awaited.
    pub fn begin<M, F, T>(&self, make: M) -> Result<oneshot::Receiver<T>>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future<Output = T> + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            Box::pin(async move {
                // Nobody waits for the answer any more: nothing to do about it.
                let _ = answer.send(make().await);
            })
        });
        self.jobs.send(job).map_err(|_| anyhow!("cannot enter the gateway's namespace"))?;
        Ok(answered)
    }
}
