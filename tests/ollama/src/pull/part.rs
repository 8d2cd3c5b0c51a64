//! The record beside a partial download that says how far it is.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::PullError;
use crate::go;

/// `…-partial-0`. Real servers split files of more than 100 MB; this one never does, but reads
/// and writes the same record for the one part it has.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Part {
    n: u32,
    offset: u64,
    /// Bytes of the whole blob.
    pub(super) size: u64,
    /// Bytes that are safely in `…-partial`.
    pub(super) completed: u64,
}

impl Part {
    pub(super) fn new(size: u64) -> Self {
        Self { n: 0, offset: 0, size, completed: 0 }
    }

    /// What an earlier pull left, if anything.
    pub(super) fn read(blob: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(record(blob)).ok()?).ok()
    }

    pub(super) fn write(&self, blob: &Path) -> Result<(), PullError> {
        let path = record(blob);
        let mut text = serde_json::to_vec(self).map_err(PullError::new)?;
        text.push(b'\n');
        fs::write(&path, text).map_err(go::on("open", &path)).map_err(PullError::new)
    }

    /// Gives the finished file its name.
    pub(super) fn finish(blob: &Path) -> Result<(), PullError> {
        let path = record(blob);
        fs::remove_file(&path).map_err(go::on("remove", &path)).map_err(PullError::new)?;
        let path = partial(blob);
        fs::rename(&path, blob).map_err(go::on("rename", &path)).map_err(PullError::new)
    }
}

/// Where the bytes gather.
pub(super) fn partial(blob: &Path) -> PathBuf {
    suffixed(blob, "-partial")
}

fn record(blob: &Path) -> PathBuf {
    suffixed(blob, "-partial-0")
}

fn suffixed(blob: &Path, suffix: &str) -> PathBuf {
    let mut path = blob.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
