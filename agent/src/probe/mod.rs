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

use crate::config::Config;

/// Where the daemon reads the storage's facts.
pub const SOCKET: &str = "/run/saigak-fix/probe-storage.sock";

/// Writes the storage's facts to standard output, one JSON document on one line.
#[must_use]
pub fn storage(config: &Config) -> ExitCode {
    let written = scan::facts(&config.storage).map_err(|e| e.to_string()).and_then(|facts| {
        let mut line = serde_json::to_vec(&facts).map_err(|e| e.to_string())?;
        line.push(b'\n');
        std::io::stdout().write_all(&line).map_err(|e| format!("cannot answer: {e}"))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // The journal is all that is left to tell, and if that is gone too, the status is.
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::FAILURE
        }
    }
}
