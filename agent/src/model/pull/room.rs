//! Whether what is to come has room on the data disk.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::failure::Failure;
use super::progress::Progress;

/// What must stay free beside the model when it begins to come: an alias, a directory, and what
/// the filesystem needs for itself.
const AIR: u64 = 32 << 20;

/// What must stay free while it comes. Less than [`AIR`]: what is counted lags behind what is
/// written, by the buffers of a server's 64 parts.
const LAST: u64 = 16 << 20;

/// The data disk, as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// Free bytes.
    pub free: u64,
    /// So many must be free before a model begins to come (`storage.minimum_free_bytes`).
    pub floor: u64,
    /// Bytes that downloads take that are not complete, by the SHA-256 of their blob.
    pub partials: BTreeMap<String, u64>,
}

impl Default for Space {
    /// Nothing is known: the server will tell.
    fn default() -> Self {
        Self { free: u64::MAX, floor: 0, partials: BTreeMap::new() }
    }
}

impl Space {
    /// Bytes for which room is needed, and bytes that have it.
    fn needs(&self, progress: &Progress) -> (u64, u64) {
        progress.needs(|digest| {
            let blob = digest.strip_prefix("sha256:").unwrap_or(digest);
            self.partials.get(blob).copied().unwrap_or_default()
        })
    }
}

/// The last that was seen.
#[derive(Debug, Default)]
pub(super) struct Room(Mutex<Space>);

impl Room {
    pub(super) fn seen(&self, space: Space) {
        *self.space() = space;
    }

    fn space(&self) -> MutexGuard<'_, Space> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before the bytes come that were told of: the first of all, if it is so. What an earlier pull
    /// of them has left had its room above the floor.
    pub(super) fn admits(&self, progress: &Progress, first: bool) -> Result<(), Failure> {
        let space = self.space();
        let (needed, kept) = space.needs(progress);
        if space.free < needed.saturating_add(AIR) {
            return Err(lacks(needed, space.free));
        }
        if first && space.free.saturating_add(kept) < space.floor {
            let (free, floor) = (space.free >> 20, space.floor >> 20);
            let why = format!("the data disk has {free} MiB free, {floor} MiB are wanted");
            return Err(Failure::no_room(space.floor, why));
        }
        Ok(())
    }

    /// While bytes come: somebody else may fill the disk, and a source that has told of fewer
    /// bytes than it gives fills it too. What was seen is older than how far it has come, so there
    /// is never less room than it takes here.
    pub(super) fn lasts(&self, progress: &Progress) -> Result<(), Failure> {
        let space = self.space();
        let (needed, _) = space.needs(progress);
        let wanted = if progress.has_gained() { needed.max(LAST) } else { needed };
        if space.free < wanted { Err(lacks(needed, space.free)) } else { Ok(()) }
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

    const MIB: u64 = 1 << 20;

    fn told(completed: u64, total: u64) -> Progress {
        let mut progress = Progress::new(Instant::now());
        let digest = "sha256:ab".to_owned();
        progress.take(&Line { digest, total, completed, ..Line::default() }, Instant::now());
        progress
    }

    fn free(free: u64) -> Space {
        Space { free, ..Space::default() }
    }

    #[test]
    fn a_pull_that_has_no_room_is_told_before_it_begins_and_one_that_loses_it_while_it_runs() {
        let room = Room::default();
        assert_eq!(room.admits(&told(0, 1 << 40), true), Ok(()));
        room.seen(free(100 * MIB));
        assert_eq!(room.admits(&told(0, 68 * MIB), true), Ok(()));
        let failure = room.admits(&told(0, 69 * MIB), true).unwrap_err();
        let now = BootClock.now().uptime;
        assert_eq!(failure.lacks_room(now), Some(101 << 20));
        assert_eq!(failure.lacks_room(now + Duration::from_hours(1)), None);
        assert_eq!(failure.why, "69 MiB are still to come, and the data disk has 100 MiB free");
        assert!(room.admits(&told(0, u64::MAX), true).is_err());

        let total = 68 * MIB;
        let mut progress = told(0, total);
        assert_eq!(room.lasts(&progress), Ok(()));
        room.seen(free(67 * MIB));
        assert!(room.lasts(&progress).is_err());
        let digest = "sha256:ab".to_owned();
        room.seen(free(LAST - 1));
        progress.take(&Line { digest, total, completed: total, ..Line::default() }, Instant::now());
        assert!(room.lasts(&progress).is_err(), "more comes than was told");
    }

    #[test]
    fn a_pull_that_was_cut_needs_room_for_its_rest_and_one_that_begins_needs_the_floor() {
        let room = Room::default();
        let floor = 1000 * MIB;
        let partials = BTreeMap::from([("ab".to_owned(), 500 * MIB)]);
        room.seen(Space { free: 600 * MIB, floor, partials: partials.clone() });
        // A server that was killed tells of less than it has written.
        for completed in [500 * MIB, 100 * MIB, 0] {
            let progress = told(completed, 1000 * MIB);
            assert_eq!(room.admits(&progress, true), Ok(()));
            assert_eq!(room.lasts(&progress), Ok(()));
        }
        let failure = room.admits(&told(500 * MIB, 1069 * MIB), true).unwrap_err();
        assert_eq!(failure.why, "569 MiB are still to come, and the data disk has 600 MiB free");
        // Others' downloads are no part of it.
        let others = BTreeMap::from([("cd".to_owned(), 500 * MIB)]);
        room.seen(Space { free: 600 * MIB, floor, partials: others });
        let failure = room.admits(&told(0, 100 * MIB), true).unwrap_err();
        assert_eq!(failure.why, "the data disk has 600 MiB free, 1000 MiB are wanted");
        assert_eq!(failure.lacks_room(BootClock.now().uptime), Some(floor));
        assert_eq!(room.admits(&told(0, 100 * MIB), false), Ok(()), "it is under way");
        // It was above the floor no more before it was cut.
        room.seen(Space { free: 499 * MIB, floor, partials });
        assert!(room.admits(&told(500 * MIB, 600 * MIB), true).is_err());
    }
}
