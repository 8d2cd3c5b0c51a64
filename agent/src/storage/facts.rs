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
    pub probe: Option<Result<StorageFacts, ProbeError>>,
}

/// Why the probe found nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The disk hangs: it was asked, and has not answered in time.
    #[error("the disk has not answered within {} s", PROBE_DEADLINE.as_secs())]
    Silent,
    /// The probe itself failed, which says nothing about the disk.
    #[error("{0}")]
    Failed(String),
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
async fn ask_probe() -> Result<StorageFacts, ProbeError> {
    match time::timeout(PROBE_DEADLINE, probe::read_storage()).await {
        Ok(Ok(facts)) => Ok(facts),
        Ok(Err(error)) => Err(ProbeError::Failed(error.to_string())),
        Err(_) => Err(ProbeError::Silent),
    }
}
