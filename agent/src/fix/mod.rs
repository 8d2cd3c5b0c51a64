//! The repairs that need more than the daemon may: each its own sandboxed unit behind its own socket.
//!
//! | name | does |
//! |---|---|
//! | `network-match` | frees the link's `.network` file from a MAC address, or takes that back |
//! | `network-note` | notes the link's lease down |
//! | `network-lease` | repeats the link's last lease where it has run out, or takes that back |
//! | `network-restart` | restarts systemd-networkd |
//! | `storage-owner` | gives the data disk's tree to the user who serves from it |
//! | `model-blobs` | sets blobs aside whose content is not what their name says |
//! | `model-room` | removes downloads that were given up, where the disk is short of room |
//! | `ollama-start` | starts the server |
//! | `ollama-reset` | forgets its failures, then starts it |
//! | `ollama-restart` | restarts it |
//! | `ollama-runner` | ends the processes that compute for it, as its user |
//! | `ollama-stale` | ends those that compute with weights that were set aside, as its user |
//! | `ollama-bind` | makes it listen on every address, then restarts it |
//! | `ollama-models` | makes it keep its models on the data disk, then restarts it |
//! | `gpu-load` | loads NVIDIA's kernel module |
//! | `gpu-persistence` | starts NVIDIA's persistence daemon |
//!
//! The daemon connects to `/run/saigak-fix/NAME.sock` and reads one JSON line, a [`Reply`]. It
//! sends nothing: a repair takes its orders from root's configuration alone. A person runs the
//! same repair with `systemctl start saigak-fix-NAME`.
//!
//! Every repair can be killed at any point and run again, and says `unneeded` when there is
//! nothing left to do.

mod caller;
mod client;
mod disk;
mod file;
mod gpu;
mod manager;
mod model_blobs;
mod network_lease;
mod network_match;
mod network_restart;
mod ollama;
mod plan;
mod reply;
mod runner;
mod storage_owner;
pub(crate) mod user;

use std::process::ExitCode;

pub(crate) use client::exchange;
pub use client::{CallError, call};
pub(crate) use manager::is_out_of_use;
pub(crate) use plan::{Plan, plan};
pub use reply::{Outcome, Reply};
pub(crate) use runner::{control_group, runners};

use crate::config::{Config, ConfigError};
use caller::Caller;

/// One repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Name {
    /// Free the link's .network file from a MAC address that is not the link's
    NetworkMatch,
    /// Note the link's lease down
    NetworkNote,
    /// Repeat the link's last lease where it has run out, or take that back
    NetworkLease,
    /// Restart systemd-networkd
    NetworkRestart,
    /// Give the data disk's tree to its owner
    StorageOwner,
    /// Set blobs aside whose content is not what their name says
    ModelBlobs,
    /// Remove downloads that were given up, where the data disk is short of room
    ModelRoom,
    /// Start Ollama
    OllamaStart,
    /// Forget Ollama's failures, then start it
    OllamaReset,
    /// Restart Ollama
    OllamaRestart,
    /// End the processes that compute for Ollama
    OllamaRunner,
    /// End those of them whose weights were set aside
    OllamaStale,
    /// Make Ollama listen on every address, then restart it
    OllamaBind,
    /// Make Ollama keep its models on the data disk, then restart it
    OllamaModels,
    /// Load NVIDIA's kernel module
    GpuLoad,
    /// Start NVIDIA's persistence daemon
    GpuPersistence,
}

impl Name {
    /// As in the names of its units and its socket.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NetworkMatch => "network-match",
            Self::NetworkNote => "network-note",
            Self::NetworkLease => "network-lease",
            Self::NetworkRestart => "network-restart",
            Self::StorageOwner => "storage-owner",
            Self::ModelBlobs => "model-blobs",
            Self::ModelRoom => "model-room",
            Self::OllamaStart => "ollama-start",
            Self::OllamaReset => "ollama-reset",
            Self::OllamaRestart => "ollama-restart",
            Self::OllamaRunner => "ollama-runner",
            Self::OllamaStale => "ollama-stale",
            Self::OllamaBind => "ollama-bind",
            Self::OllamaModels => "ollama-models",
            Self::GpuLoad => "gpu-load",
            Self::GpuPersistence => "gpu-persistence",
        }
    }
}

/// Runs one repair as root, and answers whoever asked for it.
///
/// A configuration that cannot be used is an answer too: the connection that started this
/// process must be taken, or systemd would start it for the same connection again and again.
/// A request that was given up before its turn came is taken too, and not carried out: nobody
/// counts on it any more, and by now it may do harm.
#[must_use]
pub fn run(name: Name, config: &Result<Config, ConfigError>) -> ExitCode {
    let caller = Caller::take();
    let (reply, status) = reply(&caller, name, config);
    caller.answer(&reply);
    ExitCode::from(status)
}

/// The answer, and the exit status that goes with it.
fn reply(caller: &Caller, name: Name, config: &Result<Config, ConfigError>) -> (Reply, u8) {
    let reply = match (caller, config) {
        (Caller::Gone, _) => Reply::refused("whoever asked for it has given up: nothing is done"),
        (_, Err(error)) => return (Reply::refused(error.to_string()), ConfigError::EXIT_STATUS),
        (_, Ok(config)) => repair(name, config),
    };
    let status = reply.outcome.exit_status();
    (reply, status)
}

fn repair(name: Name, config: &Config) -> Reply {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return Reply::failed(format!("cannot start: {e}")),
    };
    runtime.block_on(async {
        match name {
            Name::NetworkMatch => network_match::run(&config.network).await,
            Name::NetworkNote => network_lease::note(&config.network).await,
            Name::NetworkLease => network_lease::run(&config.network).await,
            Name::NetworkRestart => network_restart::run().await,
            Name::StorageOwner => storage_owner::run(&config.storage),
            Name::ModelBlobs => model_blobs::run(config),
            Name::ModelRoom => model_blobs::room::run(config),
            Name::OllamaStart => ollama::start(config).await,
            Name::OllamaReset => ollama::reset(config).await,
            Name::OllamaRestart => ollama::restart(config).await,
            Name::OllamaRunner => runner::end_all(config).await,
            Name::OllamaStale => runner::end_stale(config).await,
            Name::OllamaBind => ollama::bind(config).await,
            Name::OllamaModels => ollama::models(config).await,
            Name::GpuLoad => gpu::load(&config.gpu).await,
            Name::GpuPersistence => gpu::persistence(&config.gpu).await,
        }
    })
}

#[cfg(test)]
mod tests;
