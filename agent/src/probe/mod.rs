//! What the daemon itself cannot tell of the guest, told by helpers as JSON.
//!
//! | helper | runs as | tells |
//! |---|---|---|
//! | `storage` | the agent's user, and may read everything | what is there |
//! | `write` | the server's user | whether that one can write |
//! | `runner` | the server's user | what the processes that compute for it have used |
//! | `blobs` | the agent's user, and may read everything | which of the models' files are damaged |
//! | `firewall` | the agent's user, and may ask for the network's rules | what becomes of clients |
//!
//! The daemon connects to a socket; systemd starts one helper for each connection, whose
//! standard output the connection is. A disk that hangs holds the helper, never the daemon.

pub(crate) mod blob;
pub(crate) mod blobs;
mod client;
mod facts;
pub(crate) mod manifest;
pub(crate) mod runner;
mod scan;
pub(crate) mod tree;
mod write;

use std::io::Write;
use std::process::ExitCode;

pub use blobs::{BlobFacts, Reading};
pub use client::{ReadError, read, used_up};
pub use facts::{
    DiskFacts, Immutable, LeftAlone, Link, Owner, SetAside, StorageFacts, Top, WriteFacts, Written,
    WrongOwner,
};

pub use runner::{Runner, RunnerFacts};

use serde::{Deserialize, Serialize};

use crate::config::{Config, ConfigError};
use crate::firewall;

/// Where the daemon learns what is on the disk: [`StorageFacts`].
pub const STORAGE: &str = "/run/saigak-fix/probe-storage.sock";

/// The unit that listens there.
pub const STORAGE_UNIT: &str = "saigak-probe-storage.socket";

/// Where it learns whether the server's user can write: [`WriteFacts`].
pub const WRITE: &str = "/run/saigak-fix/probe-write.sock";

/// The unit that listens there.
pub const WRITE_UNIT: &str = "saigak-probe-write.socket";

/// Where it learns what computes for the server: [`RunnerFacts`].
pub const RUNNER: &str = "/run/saigak-fix/probe-runner.sock";

/// Where it learns which of the models' files are damaged: lines of [`blobs::BlobLine`].
pub const BLOBS: &str = "/run/saigak-fix/probe-blobs.sock";

/// Where it learns what the firewall does with clients: [`crate::firewall::Facts`].
pub const FIREWALL: &str = "/run/saigak-fix/probe-firewall.sock";

/// What a helper says: one JSON document, `{"facts":…}` or `{"error":"…"}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer<T> {
    Facts(T),
    Error(String),
}

/// Writes what is on the disk to standard output, one JSON document on one line.
#[must_use]
pub fn storage(config: &Result<Config, ConfigError>) -> ExitCode {
    answer(config, |config| scan::facts(config).map_err(|e| e.to_string()))
}

/// Writes whether this user can write to the disk, in the same way.
#[must_use]
pub fn write(config: &Result<Config, ConfigError>) -> ExitCode {
    answer(config, |config| write::facts(&config.storage).map_err(|e| e.to_string()))
}

/// Writes what becomes of a client's connection, in the same way.
#[must_use]
pub fn firewall(config: &Result<Config, ConfigError>) -> ExitCode {
    answer(config, |config| wait(firewall::read(config)))
}

/// Writes what the processes that compute for the server have used, in the same way.
#[must_use]
pub fn runner(config: &Result<Config, ConfigError>) -> ExitCode {
    answer(config, |config| wait(runner::facts(&config.ollama)))
}

/// Reads the files that the models are made of, and writes lines of [`blobs::BlobLine`].
#[must_use]
pub fn blobs(config: &Result<Config, ConfigError>) -> ExitCode {
    let (error, status) = match config {
        Ok(config) => match blobs::run(config) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (error, 1),
        },
        Err(error) => (error.to_string(), ConfigError::EXIT_STATUS),
    };
    let _ = writeln!(std::io::stderr(), "{error}");
    // Where nobody listens any more, the exit status is left.
    let _ = blobs::say(&blobs::BlobLine::Failed(error));
    ExitCode::from(status)
}

fn wait<T>(facts: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("cannot start: {error}"))?.block_on(facts)
}

fn answer<T: Serialize>(
    config: &Result<Config, ConfigError>,
    facts: impl FnOnce(&Config) -> Result<T, String>,
) -> ExitCode {
    let facts = match config {
        Ok(config) => facts(config).map_err(|e| (e, 1)),
        Err(e) => Err((e.to_string(), ConfigError::EXIT_STATUS)),
    };
    let (answer, status) = match facts {
        Ok(facts) => (Answer::Facts(facts), 0),
        Err((message, status)) => {
            // The journal hears it too. If that is gone, the exit status is left.
            let _ = writeln!(std::io::stderr(), "{message}");
            (Answer::Error(message), status)
        }
    };
    match print(&answer) {
        Ok(()) => ExitCode::from(status),
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "cannot answer: {e}");
            ExitCode::FAILURE
        }
    }
}

fn print<T: Serialize>(answer: &Answer<T>) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    std::io::stdout().write_all(&line)
}
