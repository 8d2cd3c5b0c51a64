//! Blobs that are set aside: under a name of their own nobody else opens or replaces them, so
//! what is checked there is what is removed.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::Instant;

use super::{damaged, digest_of};
use crate::probe::tree::Entry;

/// What stands between a blob's name and the number of its inode, which makes it one of its kind.
/// The server takes it neither for a blob nor for a download under way.
const MARK: &str = ".damaged-";

/// What a file was when it was looked at: another one, or another content, has another state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl State {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let data = file.metadata()?;
        Ok(Self {
            device: data.dev(),
            inode: data.ino(),
            length: data.len(),
            modified: (data.mtime(), data.mtime_nsec()),
        })
    }
}

/// The blob that was set aside under this name, if one was.
pub(super) fn blob_of(name: &str) -> Option<&str> {
    name.split_once(MARK).map(|(blob, _)| blob).filter(|blob| digest_of(blob).is_some())
}

/// Removes the blob `name` if it still is what was found damaged, and says whether it did.
pub(super) fn remove(blobs: &Entry, name: &str, found: State) -> io::Result<bool> {
    // What is seen to be another now has no need to be out of the way even for a moment.
    if State::of(&blobs.read_below(name)?)? != found {
        return Ok(false);
    }
    let aside = format!("{name}{MARK}{}", found.inode);
    blobs.rename_below(name, &aside)?;
    settle(blobs, name, &aside, found)
}

/// Removes what was set aside if it is what was found damaged; else it came in between, and gets
/// its name back.
pub(super) fn settle(blobs: &Entry, name: &str, aside: &str, found: State) -> io::Result<bool> {
    if State::of(&blobs.read_below(aside)?)? == found {
        blobs.remove_below(aside)?;
        return Ok(true);
    }
    blobs.rename_below(aside, name)?;
    Ok(false)
}

/// Settles what a repair that was killed has left aside: a damaged blob goes, and a good one gets
/// its name back, or goes if another good one has that.
pub(super) fn clear(blobs: &Entry, aside: &str, until: Instant) -> io::Result<()> {
    let Some(name) = blob_of(aside) else { return Ok(()) };
    if damaged(&blobs.read_below(aside)?, name, until)?.is_some() {
        return blobs.remove_below(aside);
    }
    match blobs.rename_below(aside, name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            match damaged(&blobs.read_below(name)?, name, until)? {
                None => blobs.remove_below(aside),
                Some(_) => Err(error),
            }
        }
        done => done,
    }
}
