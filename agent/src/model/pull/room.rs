//! Whether what is to come has room on the data disk.

use std::sync::atomic::{AtomicU64, Ordering};

use super::failure::Failure;
use super::progress::Progress;

/// What must stay free beside the model when it begins to come: an alias, a directory, and what
/// the filesystem needs for itself.
const AIR: u64 = 32 << 20;

/// What must stay free while it comes. Less than [`AIR`]: what is counted lags behind what is
/// written, by the buffers of a server's 64 parts.
const LAST: u64 = 16 << 20;

/// Free bytes of the data disk, as they were last seen.
#[derive(Debug)]
pub(super) struct Room(AtomicU64);

impl Default for Room {
    /// Nothing is known: the server will tell.
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl Room {
    pub(super) fn seen(&self, free: u64) {
        self.0.store(free, Ordering::Relaxed);
    }

    /// Before `bytes` come.
    pub(super) fn admits(&self, bytes: u64) -> Result<(), Failure> {
        let free = self.0.load(Ordering::Relaxed);
        if free < bytes.saturating_add(AIR) { Err(lacks(bytes, free)) } else { Ok(()) }
    }

    /// While bytes come: somebody else may fill the disk, and a source that has told of fewer
    /// bytes than it gives fills it too. What was seen is older than how far it has come, so there
    /// is never less room than it takes here.
    pub(super) fn lasts(&self, progress: &Progress) -> Result<(), Failure> {
        let (free, left) = (self.0.load(Ordering::Relaxed), progress.remaining());
        let wanted = if progress.has_gained() { left.max(LAST) } else { left };
        if free < wanted { Err(lacks(left, free)) } else { Ok(()) }
    }
}

fn lacks(bytes: u64, free: u64) -> Failure {
    let why = format!(
        "{} MiB are still to come, and the data disk has {} MiB free",
        bytes.div_ceil(1 << 20),
        free >> 20
    );
    Failure::no_room(bytes.saturating_add(AIR), why)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::super::progress::Line;
    use super::*;
    use crate::core::{BootClock, Clock};

    #[test]
    fn a_pull_that_has_no_room_is_told_before_it_begins_and_one_that_loses_it_while_it_runs() {
        let room = Room::default();
        assert_eq!(room.admits(1 << 40), Ok(()));
        room.seen(100 << 20);
        assert_eq!(room.admits(68 << 20), Ok(()));
        let failure = room.admits(69 << 20).unwrap_err();
        let now = BootClock.now().uptime;
        assert_eq!(failure.lacks_room(now), Some(101 << 20));
        assert_eq!(failure.lacks_room(now + Duration::from_hours(1)), None);
        assert_eq!(failure.why, "69 MiB are still to come, and the data disk has 100 MiB free");
        assert!(room.admits(u64::MAX).is_err());

        let mut progress = Progress::new(Instant::now());
        let (digest, total) = ("ab".to_owned(), 68 << 20);
        progress.take(&Line { digest, total, ..Line::default() }, Instant::now());
        assert_eq!(room.lasts(&progress), Ok(()));
        room.seen(67 << 20);
        assert!(room.lasts(&progress).is_err());
        let digest = "ab".to_owned();
        room.seen(LAST - 1);
        progress.take(&Line { digest, total, completed: total, ..Line::default() }, Instant::now());
        assert!(room.lasts(&progress).is_err(), "more comes than was told");
    }
}
