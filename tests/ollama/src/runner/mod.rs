//! Models in memory: who computes embeddings, and for how long it stays.
//!
//! ```text
//! request ──► queue ──► scheduler ──► runner (child process, one for each model file)
//!               │           │  ▲
//!             full: 503     │  └── released: the request is over, the clock of keep_alive starts
//!                           └── load, ping, reload, unload: one thing at a time
//! ```
//! A request holds a [`Lease`] while it talks to the runner. The scheduler asks a runner that it
//! is about to lend whether it is alive; a dead one, a silent one and one of another context
//! length is replaced first.

mod child;
pub(crate) mod gpu;
pub mod llama_server;
mod loaded;
mod scheduler;
mod vector;

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

pub(crate) use loaded::{Loaded, Running};
pub(crate) use scheduler::{Scheduler, Settings};

/// What to load.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The model file. Two names with the same file share a runner.
    pub(crate) file: PathBuf,
    /// What `/api/ps` prints of it.
    pub(crate) shown: Shown,
    /// Tokens.
    pub(crate) num_ctx: u64,
    /// Whether the model computes embeddings at all.
    pub(crate) embeds: bool,
}

/// A loaded model as listed: under the name that it was loaded by.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) details: serde_json::Value,
    /// Bytes in memory, estimated.
    pub(crate) size: u64,
}

/// Why there is no runner.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("server busy, please try again.  maximum pending requests exceeded")]
    Busy,
    #[error("{0}")]
    Failed(String),
}

/// A request for a runner.
struct Ask {
    target: Target,
    /// For how long to keep the model after this request, if it says so.
    keep_alive: Option<Duration>,
    reply: oneshot::Sender<Result<Lease, LoadError>>,
}

/// The right to use a runner. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    /// Where the runner listens, on loopback.
    pub(crate) port: u16,
    file: PathBuf,
    release: mpsc::UnboundedSender<PathBuf>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Nobody to tell means that the server is ending.
        let _ = self.release.send(std::mem::take(&mut self.file));
    }
}
