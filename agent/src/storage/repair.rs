//! The data disk's remedies.

use std::time::Duration;

use crate::core::{Budget, Outcome, Reason, Rung};
use crate::fix;
use crate::guest::Remedy as Any;

/// An action on the data disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The tree is given to the server's user, by a helper that follows no link, crosses no
    /// mount and leaves hard-linked files alone.
    FixOwner,
    /// Downloads that were given up are removed, by a helper, where that is switched on.
    MakeRoom,
}

impl Remedy {
    /// Every remedy of this concern.
    pub const ALL: [Self; 2] = [Self::FixOwner, Self::MakeRoom];

    /// `storage/…`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FixOwner => "storage/FixOwner",
            Self::MakeRoom => "storage/MakeRoom",
        }
    }

    /// How often it may run.
    #[must_use]
    pub fn budget(self) -> Budget {
        Budget::hourly(6)
    }

    /// How long it may take: hundreds of thousands of files on a slow disk, or a damaged one that
    /// is hashed. Their units are given up after 15 minutes.
    #[must_use]
    pub fn deadline(self) -> Duration {
        Duration::from_secs(910)
    }
}

pub(super) static WRONG_OWNER: Reason<Any> = Reason::fault(
    "WrongOwner",
    "see journalctl -u saigak-fix-storage-owner, then chown the tree by hand",
)
// Root may be copying files still: two and a half minutes in all, and no more for a disk whose
// owners cannot be changed.
.mended_by(500, &[Rung::new(Any::Storage(Remedy::FixOwner), 4, 10)]);

// As `LowSpace` where `storage.make_room` is on.
pub(super) static CROWDED: Reason<Any> = Reason::fault(
    "Crowded",
    "make room on the data disk, or enlarge it: what storage.make_room removes is too little",
)
.mended_by(5000, &[Rung::new(Any::Storage(Remedy::MakeRoom), 2, 30)]);

/// Carries out one remedy.
pub async fn apply(remedy: Remedy) -> Outcome {
    match remedy {
        Remedy::FixOwner => fix::call(fix::Name::StorageOwner).await.into(),
        Remedy::MakeRoom => fix::call(fix::Name::ModelRoom).await.into(),
    }
}
