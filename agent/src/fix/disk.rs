//! The data disk, for a repair that changes it.

use std::io;

use super::Reply;
use crate::config::Storage;
use crate::probe::tree::Disk;

/// The disk at its mount point, which takes writes.
///
/// # Errors
/// The answer of a repair that has none to change.
pub(super) fn writable(storage: &Storage) -> Result<Disk, Reply> {
    let path = storage.path.display();
    let unreadable = |error: io::Error| Reply::failed(format!("cannot read {path}: {error}"));
    let disk = Disk::open(&storage.path)
        .map_err(unreadable)?
        .ok_or_else(|| Reply::refused(format!("nothing is mounted at {path}")))?;
    if disk.read_only().map_err(unreadable)? {
        return Err(Reply::refused(format!("{path} is mounted read-only")));
    }
    Ok(disk)
}
