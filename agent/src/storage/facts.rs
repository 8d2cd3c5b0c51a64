//! Reads the mount table, and asks the probe where a disk is mounted.

use std::time::Duration;

use tokio::time;

use super::mounts::{self, Mount};
use crate::config;
use crate::probe::{self, StorageFacts};

/// How long the probe may take. It reads at most a few hundred inodes.
const PROBE_DEADLINE: Duration = Duration::from_secs(5);

/// What was seen of the data disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The mount at the configured path.
    pub mount: Option<Mount>,
    /// What the probe found there, or why it found nothing. Absent where nothing is mounted.
    pub probe: Option<Result<StorageFacts, String>>,
}

/// Looks at the data disk.
///
/// # Errors
/// Where the mount table cannot be read.
pub async fn look(config: &config::Storage) -> Result<Facts, String> {
    const TABLE: &str = "/proc/self/mountinfo";
    let table = tokio::fs::read(TABLE).await.map_err(|error| format!("{TABLE}: {error}"))?;
    let mount = mounts::find(&String::from_utf8_lossy(&table), &config.path);
    let probe = match mount {
        Some(_) => Some(ask_probe().await),
        None => None,
    };
    Ok(Facts { mount, probe })
}

/// A disk that hangs keeps the probe, never the agent: it is given up at its deadline.
async fn ask_probe() -> Result<StorageFacts, String> {
    match time::timeout(PROBE_DEADLINE, probe::read_storage()).await {
        Ok(Ok(facts)) => Ok(facts),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PROBE_DEADLINE.as_secs())),
    }
}
