//! A guest's body that shares the machine's kernel: a root of overlays, booted by nspawn.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::sync::watch;

use super::disk::DataDisk;
use super::machine::Machine;

/// See the module.
pub(super) struct Container {
    pub(super) root: PathBuf,
    pub(super) disk: DataDisk,
    pub(super) machine: RefCell<Option<Machine>>,
    /// Process 1 of the guest, as the run numbers it.
    pub(super) leader: watch::Sender<Option<i32>>,
}

impl Container {
    /// The machine, which it has no longer.
    pub(super) fn take(&self, logs: &Path) -> Result<Machine> {
        self.leader.send_replace(None);
        let _ = std::fs::remove_file(logs.join(super::LEADER));
        self.machine.take().context("the guest is powered off")
    }
}
