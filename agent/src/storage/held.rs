//! What must not be done while the data disk is as it is. Pure.

use std::path::Path;

use super::facts::{Facts, ProbeError};
use super::mounts::Mount;
use crate::probe::{DiskFacts, StorageFacts, Written};

/// A pull makes a file for each layer and for each of its up to 64 parts, and a few directories.
pub(super) const INODES: u64 = 512;

/// Why nothing that takes `bytes` may be written now to the directory `store` of the disk.
#[must_use]
pub fn refuses_write(facts: Option<&Facts>, store: &Path, bytes: u64) -> Option<String> {
    let (mount, disk) = match facts {
        Some(Facts {
            mount: Some(mount),
            probe: Some(Ok(StorageFacts { disk: Some(disk), .. })),
            ..
        }) => (mount, disk),
        Some(Facts { probe: Some(Err(error)), .. }) => {
            return Some(format!("the data disk: {error}"));
        }
        _ => return Some("no data disk is mounted".into()),
    };
    if is_read_only(mount, disk) {
        return Some("the data disk is read-only".into());
    }
    if disk.needs_owner() {
        return Some("the data disk does not belong to the server's user".into());
    }
    if let Some(link) = disk.link_to(store) {
        return Some(format!("{} on the data disk is a symbolic link", link.name));
    }
    // What takes nothing may make room.
    if disk.free_bytes < bytes || (bytes > 0 && lacks_inodes(disk)) {
        return Some("the data disk has no room".into());
    }
    match &facts?.write {
        Some(Ok(write)) => match write.written.as_ref()? {
            Written::Done | Written::Untried => None,
            Written::Closed(directory) => {
                Some(format!("the server's user cannot pass {directory}"))
            }
            Written::Failed { path, error, .. } => Some(format!("{path}: {error}")),
        },
        Some(Err(error @ (ProbeError::SilentWrite | ProbeError::UsedUp(_)))) => {
            Some(error.to_string())
        }
        // Not tried: the server will tell.
        Some(Err(ProbeError::Silent | ProbeError::Failed(_))) | None => None,
    }
}

/// Why a server that runs must not be disturbed: it waits for its disk, or would find none of
/// its models when it started anew.
#[must_use]
pub fn forbids_restart(facts: Option<&Facts>) -> Option<String> {
    let facts = facts?;
    if let Some(Err(ProbeError::Silent | ProbeError::UsedUp(_))) = facts.probe {
        return Some("the data disk does not answer".into());
    }
    match facts.write.as_ref()? {
        Err(ProbeError::SilentWrite | ProbeError::UsedUp(_)) => {
            Some("the data disk takes no writes".into())
        }
        Ok(write) => match write.written.as_ref()? {
            Written::Closed(directory) => {
                Some(format!("the server's user cannot pass {directory}"))
            }
            _ => None,
        },
        Err(ProbeError::Silent | ProbeError::Failed(_)) => None,
    }
}

/// The mount's table knows of the disk as a whole, the probe of this mount as well: its sandbox
/// leaves that as it is for everybody, the agent's own would show every mount read-only.
pub(super) fn is_read_only(mount: &Mount, disk: &DiskFacts) -> bool {
    mount.read_only || disk.read_only
}

/// Some filesystems count no inodes at all.
pub(super) fn lacks_inodes(disk: &DiskFacts) -> bool {
    disk.total_inodes > 0 && disk.free_inodes < INODES
}
