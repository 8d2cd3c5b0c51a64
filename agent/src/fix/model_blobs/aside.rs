//! Setting a damaged blob aside: renamed beside the good ones and kept. Under a name of its own
//! nobody else opens or replaces it, so what was found damaged is what is put there.

use std::io;
use std::time::{Instant, UNIX_EPOCH};

use super::damaged;
use crate::core::{BootClock, Clock};
use crate::model::aside;
use crate::probe::blob::State;
use crate::probe::tree::Entry;

/// Sets the blob `name` aside if it still is what was found damaged, and says whether it did.
pub(super) fn put(blobs: &Entry, name: &str, found: State) -> io::Result<bool> {
    // What is seen to be another now has no need to be out of the way even for a moment.
    if State::of(&blobs.read_below(name)?)? != found {
        return Ok(false);
    }
    let since_1970 = BootClock.now().wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let aside = aside::name(name, since_1970.as_secs());
    blobs.rename_below(name, &aside)?;
    settle(blobs, name, &aside, found)
}

/// Leaves what was set aside where it is if that is what was found damaged; else it came in
/// between, and gets its name back.
pub(super) fn settle(blobs: &Entry, name: &str, aside: &str, found: State) -> io::Result<bool> {
    if State::of(&blobs.read_below(aside)?)? == found {
        return Ok(true);
    }
    blobs.rename_below(aside, name)?;
    Ok(false)
}

/// Removes what was set aside of the blob `name`, if it is damaged indeed, but for the last:
/// whatever damages a blob again and again would fill the disk with copies of it.
pub(super) fn keep_last(blobs: &Entry, name: &str, until: Instant) -> io::Result<()> {
    let mut copies = Vec::new();
    for (aside, entry) in blobs.list()? {
        if let Some((blob, unix)) = aside::blob_of(&aside)
            && blob == name
            && entry?.kind.is_file()
        {
            copies.push((unix, aside));
        }
    }
    copies.sort_unstable();
    copies.pop();
    for (_, aside) in &copies {
        if damaged(&blobs.read_below(aside)?, name, until)?.is_some() {
            blobs.remove_below(aside)?;
        } else {
            clear(blobs, aside, until)?;
        }
    }
    Ok(())
}

/// Removes what was set aside if it is damaged indeed, or if a good one has its name; else it gets
/// its name back. Says whether it was removed.
pub(super) fn remove(blobs: &Entry, aside: &str, until: Instant) -> io::Result<bool> {
    let Some((name, _)) = aside::blob_of(aside) else { return Ok(false) };
    let is_damaged =
        |of: &str| damaged(&blobs.read_below(of)?, name, until).map(|found| found.is_some());
    let named = |entry: Option<Entry>| entry.is_some_and(|entry| entry.kind.is_file());
    if is_damaged(aside)? || (named(blobs.child(name)?) && !is_damaged(name)?) {
        return blobs.remove_below(aside).map(|()| true);
    }
    clear(blobs, aside, until).map(|()| false)
}

/// Gives a good blob its name back that a repair which was killed has left aside, where nothing
/// has that name. Nothing else that was set aside is touched, or read.
pub(super) fn clear(blobs: &Entry, aside: &str, until: Instant) -> io::Result<()> {
    let Some((name, _)) = aside::blob_of(aside) else { return Ok(()) };
    if blobs.child(name)?.is_some() || damaged(&blobs.read_below(aside)?, name, until)?.is_some() {
        return Ok(());
    }
    match blobs.rename_below(aside, name) {
        // Loaded anew at this moment.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}
