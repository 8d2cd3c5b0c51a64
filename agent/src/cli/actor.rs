//! What it takes to act on this guest, for the daemon and for `check` alike. Only one process at
//! a time may: the lock is the state directory itself, since it outlives the daemon's runtime
//! directory, and needs no room on a full disk.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tokio::time;

use crate::core::{AgentReport, BootClock, Clock, Condition, Engine, Moment, rfc3339};
use crate::guest::Remedy;
use crate::ledger_file::LedgerFile;

/// Where the agent keeps what outlives it, unless the unit's `StateDirectory=` says.
const STATE: &str = "/var/lib/saigak-agent";

/// A root disk that takes longer to save the ledger must not keep the agent from its work.
const SAVED_WITHIN: Duration = Duration::from_secs(5);

/// The directory for what outlives the agent.
pub(super) fn state_directory() -> PathBuf {
    directory("STATE_DIRECTORY", STATE)
}

/// A directory that systemd made for the unit, or `default` where it did not.
pub(super) fn directory(variable: &str, default: &str) -> PathBuf {
    std::env::var_os(variable).filter(|value| !value.is_empty()).unwrap_or(default.into()).into()
}

/// Why this process may not act.
#[derive(Debug, thiserror::Error)]
pub(super) enum LockError {
    /// Another one does.
    #[error("{}: another agent acts on this guest", .0.display())]
    Held(PathBuf),
    /// The directory cannot be had.
    #[error("{}: {}", .0.display(), .1)]
    Unusable(PathBuf, std::io::Error),
}

/// The lock. It goes with the process.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, never read")] Flock<File>);

/// Makes this process the one that acts.
pub(super) fn lock(state: &Path) -> Result<Lock, LockError> {
    let unusable = |error| LockError::Unusable(state.into(), error);
    let directory = File::open(state).map_err(unusable)?;
    match Flock::lock(directory, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Lock(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Err(LockError::Held(state.into())),
        Err((_, error)) => Err(unusable(error.into())),
    }
}

/// Who acts, as reports say.
pub(super) fn identity(started: Moment) -> Result<AgentReport, String> {
    Ok(AgentReport {
        version: env!("CARGO_PKG_VERSION").into(),
        boot_id: boot_id()?,
        started_at: rfc3339(started.wall),
    })
}

/// The kernel's id of this boot.
fn boot_id() -> Result<String, String> {
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    let id = fs::read_to_string(PATH).map_err(|error| format!("{PATH}: {error}"))?;
    Ok(id.trim().to_owned())
}

/// The engine, with what an earlier agent left. A ledger that cannot be read is replaced, by one
/// that allows nothing for an hour.
///
/// The ledger is saved also where nothing is new: it takes the room that it needs on a disk that
/// fills up later.
pub(super) async fn engine(
    conditions: &'static [&'static Condition],
    agent: AgentReport,
    file: &LedgerFile,
    started: Moment,
) -> Result<Engine<Remedy>, String> {
    let (ledger, unreadable) = file.load(&agent.boot_id, started.uptime);
    if let Some(error) = unreadable {
        tracing::warn!(%error, "no repair for an hour: what was done before is not known");
    }
    match time::timeout(SAVED_WITHIN, file.save(ledger.clone())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the ledger was not saved"),
        Err(_) => tracing::warn!("the ledger was not saved in time"),
    }
    Ok(Engine::new(conditions, agent, ledger, started)?.after_sleep(BootClock.asleep()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_may_act() {
        let state = tempfile::tempdir().unwrap();
        let first = lock(state.path()).unwrap();
        assert!(matches!(lock(state.path()), Err(LockError::Held(_))));
        drop(first);
        assert!(lock(state.path()).is_ok());
        let missing = lock(&state.path().join("missing"));
        assert!(matches!(missing, Err(LockError::Unusable(..))));
    }
}
