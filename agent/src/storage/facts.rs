//! Reads the mount table, and asks the probes where a disk is mounted.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::mounts::{self, Mount};
use crate::bus::Bus;
use crate::config;
use crate::fix::CallError;
use crate::probe::{self, DiskFacts, ReadError, StorageFacts, WriteFacts, Written};
use crate::question::Question;

/// How long the probe may take. It reads at most a few hundred inodes.
const READ_DEADLINE: Duration = Duration::from_secs(5);

/// How long one block may take to be on the disk, behind all that the server writes.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// How long a good write counts. Each costs a process and a commit of the filesystem's journal.
const WRITE_COUNTS: Duration = Duration::from_secs(30);

/// How long the root disk may take to read one link.
const LINK_DEADLINE: Duration = Duration::from_secs(1);

/// What was seen of the data disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The mount at the configured path.
    pub mount: Option<Mount>,
    /// Where the path leads, if it is a symbolic link and nothing is mounted there.
    pub link: Option<PathBuf>,
    /// What the probe found there, or why it found nothing. Absent where nothing is mounted.
    pub probe: Option<Result<StorageFacts, ProbeError>>,
    /// What came of a write. Absent where there is no disk or no user to try it with.
    pub write: Option<Result<WriteFacts, ProbeError>>,
}

impl Facts {
    /// What the probe found on the disk, if it did.
    #[must_use]
    pub fn on_disk(&self) -> Option<&DiskFacts> {
        self.probe.as_ref()?.as_ref().ok()?.disk.as_ref()
    }
}

/// Why a probe found nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The disk hangs: it was asked to read, and has not answered in time.
    #[error("the disk has not answered within {} s", READ_DEADLINE.as_secs())]
    Silent,
    /// It was asked to write, and has not in time.
    #[error("the disk has not written one block within {} s", WRITE_DEADLINE.as_secs())]
    SilentWrite,
    /// Earlier questions have no answer yet, of agents that are gone by now: so many that no more
    /// are let in.
    #[error("{0} earlier questions to the disk are unanswered, and no more are let in")]
    UsedUp(u32),
    /// The probe itself failed, which says nothing about the disk.
    #[error("{0}")]
    Failed(String),
}

impl From<ReadError> for ProbeError {
    fn from(error: ReadError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The helpers, and what is remembered of them from one look to the next.
#[derive(Debug, Default)]
pub struct Probes {
    storage: Question<StorageFacts, ReadError>,
    write: Question<WriteFacts, ReadError>,
    /// The last write that nothing was wrong with: when, and to which mount.
    written: Mutex<Option<(Instant, Mount, WriteFacts)>>,
}

/// Looks at the data disk. In `doubt` no earlier write counts.
///
/// # Errors
/// Where the mount table cannot be read.
pub async fn look(
    config: &config::Storage,
    probes: &Probes,
    bus: &Bus,
    doubt: bool,
) -> Result<Facts, String> {
    const TABLE: &str = "/proc/self/mountinfo";
    let table = tokio::fs::read(TABLE).await.map_err(|error| format!("{TABLE}: {error}"))?;
    let Some(mount) = mounts::find(&String::from_utf8_lossy(&table), &config.path) else {
        let link = link(&config.path).await;
        return Ok(Facts { mount: None, link, probe: None, write: None });
    };
    let probe = probes.read(bus).await;
    let write = match &probe {
        Ok(StorageFacts { wanted: Some(_), disk: Some(_) }) => {
            Some(probes.write(&mount, bus, doubt).await)
        }
        _ => None,
    };
    Ok(Facts { mount: Some(mount), link: None, probe: Some(probe), write })
}

/// Where nothing is mounted, the path lies on the root disk: it may be looked at.
async fn link(path: &Path) -> Option<PathBuf> {
    timeout(LINK_DEADLINE, tokio::fs::read_link(path)).await.ok()?.ok()
}

/// What a helper has told. One that was not let in is told from one that died.
async fn told<T>(
    answer: Result<T, ReadError>,
    unit: &'static str,
    bus: &Bus,
) -> Result<T, ProbeError> {
    if let Err(ReadError::Call(CallError::Empty { .. })) = &answer
        && let Some(open) = probe::used_up(unit, bus).await
    {
        return Err(ProbeError::UsedUp(open));
    }
    Ok(answer?)
}

impl Probes {
    /// A disk that hangs keeps the probe, never the agent: it is waited for no longer than its
    /// deadline, and asked no second time.
    async fn read(&self, bus: &Bus) -> Result<StorageFacts, ProbeError> {
        let answer = self.storage.ask(READ_DEADLINE, probe::read(probe::STORAGE)).await;
        told(answer.ok_or(ProbeError::Silent)?, probe::STORAGE_UNIT, bus).await
    }

    async fn write(&self, mount: &Mount, bus: &Bus, doubt: bool) -> Result<WriteFacts, ProbeError> {
        if let Some((at, to, facts)) = &*self.written()
            && !doubt
            && at.elapsed() < WRITE_COUNTS
            && to == mount
        {
            return Ok(facts.clone());
        }
        let answer = self.write.ask(WRITE_DEADLINE, probe::read(probe::WRITE)).await;
        let answer = answer.ok_or(ProbeError::SilentWrite)?;
        let facts: WriteFacts = told(answer, probe::WRITE_UNIT, bus).await?;
        let good = matches!(facts.written, Some(Written::Done | Written::Untried));
        *self.written() = good.then(|| (Instant::now(), mount.clone(), facts.clone()));
        Ok(facts)
    }

    fn written(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Mount, WriteFacts)>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
