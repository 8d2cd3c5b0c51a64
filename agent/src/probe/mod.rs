//! What only root can see of the data disk, read by a helper and handed to the daemon as JSON.
//!
//! The daemon connects to [`SOCKET`]; systemd starts one helper for each connection, whose
//! standard output the connection is. A disk that hangs holds the helper, never the daemon.

mod client;
mod facts;
mod scan;
pub(crate) mod tree;

use std::io::Write;
use std::process::ExitCode;

pub use client::{ReadError, read_storage};
pub use facts::{DiskFacts, LeftAlone, Owner, StorageFacts, Top, WrongOwner};

use serde::{Deserialize, Serialize};

use crate::config::{Config, ConfigError};

/// Where the daemon reads the storage's facts.
pub const SOCKET: &str = "/run/saigak-fix/probe-storage.sock";

/// What the helper says: one JSON document, `{"facts":…}` or `{"error":"…"}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Facts(StorageFacts),
    Error(String),
}

/// Writes the storage's facts to standard output, one JSON document on one line.
#[must_use]
pub fn storage(config: &Result<Config, ConfigError>) -> ExitCode {
    let facts = match config {
        Ok(config) => scan::facts(&config.storage).map_err(|e| (e.to_string(), 1)),
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

fn print(answer: &Answer) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    std::io::stdout().write_all(&line)
}
