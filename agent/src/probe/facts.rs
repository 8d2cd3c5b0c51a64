//! The storage's facts, as they travel from the helper to the daemon.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::scan::STORE;

/// What was seen of the data disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageFacts {
    /// The user that the tree should belong to. `None`: there is no such user.
    pub wanted: Option<Owner>,
    /// The disk. `None`: nothing is mounted at the path.
    pub disk: Option<DiskFacts>,
}

/// What came of writing to the disk as the server's user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteFacts {
    /// `None`: nothing is mounted at the path.
    pub written: Option<Written>,
}

/// How a write ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Written {
    /// It is on the disk.
    Done,
    /// The filesystem makes no files without a name, and no other was made.
    Untried,
    /// The user cannot pass this directory above the mount point.
    Closed(String),
    /// It failed.
    Failed {
        /// The directory.
        path: String,
        /// The kernel's number for it, as in errno(3).
        errno: Option<i32>,
        /// The same in words.
        error: String,
    },
}

/// A user and a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// A mounted disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiskFacts {
    /// Mounted read-only, or turned read-only by the kernel after an error.
    pub read_only: bool,
    /// Bytes that an ordinary user can still write.
    pub free_bytes: u64,
    /// Size in bytes.
    pub total_bytes: u64,
    /// Inodes that an ordinary user can still take. 0 of 0 on a filesystem that counts none.
    pub free_inodes: u64,
    /// Inodes in all.
    pub total_inodes: u64,
    /// The directory at the mount point.
    pub top: Top,
    /// Entries of the tree that belong to somebody else, the top directory included. Always
    /// none where there is no wanted user.
    pub wrong_owner: WrongOwner,
    /// Entries that belong to somebody else and are none of the agent's business.
    pub left_alone: LeftAlone,
    /// Entries that belong to somebody else and that nobody may change.
    pub immutable: Immutable,
    /// Symbolic links in place of directories, on the way to any store that may be here.
    pub links: Vec<Link>,
    /// Entries looked at in this pass.
    pub entries_seen: u32,
    /// The weights that the alias's manifest names, their SHA-256 in lower-case hex, by the store
    /// that it lies in: the path below the mount point. Those without such a manifest are left
    /// out.
    #[serde(default)]
    pub alias_weights: BTreeMap<PathBuf, String>,
    /// The same for each further model, by its alias.
    #[serde(default)]
    pub further_weights: BTreeMap<String, BTreeMap<PathBuf, String>>,
    /// Blobs that repairs have set aside as damaged, in all stores.
    #[serde(default)]
    pub set_aside: SetAside,
    /// What downloads that are not complete take on the disk, in bytes, by the SHA-256 of their
    /// blob: in the server's store, and in all others that may be here.
    #[serde(default)]
    pub partials: BTreeMap<String, u64>,
}

impl DiskFacts {
    /// Bytes that all downloads take that are not complete.
    #[must_use]
    pub fn partial_bytes(&self) -> u64 {
        self.partials.values().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// Whether the repair `storage-owner` has something to do, as far as this pass has seen.
    #[must_use]
    pub fn needs_owner(&self) -> bool {
        self.wrong_owner.count > 0 || Top::is_closed(self.top.mode)
    }

    /// The link that the server follows to its store, which is the directory `store` below the
    /// mount point.
    #[must_use]
    pub fn link_to(&self, store: &Path) -> Option<&Link> {
        self.links.iter().find(|link| {
            let link = Path::new(&link.name);
            store.starts_with(link) || STORE.iter().any(|name| store.join(name) == link)
        })
    }
}

/// The directory at the mount point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Top {
    /// Its owner's user id.
    pub uid: u32,
    /// Its group id.
    pub gid: u32,
    /// Its permission bits, such as `0o755`.
    pub mode: u32,
}

impl Top {
    /// Read, write and search for the owner: without them the server can start but not work.
    pub(crate) const OWNER_BITS: u32 = 0o700;

    /// Whether a directory of that mode is of no use even to its owner.
    #[must_use]
    pub fn is_closed(mode: u32) -> bool {
        mode & Self::OWNER_BITS != Self::OWNER_BITS
    }
}

/// Entries that belong to somebody else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrongOwner {
    /// How many were seen.
    pub count: u32,
    /// The path of the first, below the mount point; `.` is the mount point itself.
    pub first: Option<String>,
    /// The pass ended before the tree did: there may be more.
    pub truncated: bool,
}

/// Entries of another owner that are immutable or append-only: not even root changes their owner
/// before a person has taken that mark away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Immutable {
    /// How many were seen.
    pub count: u32,
    /// The path of the first, below the mount point.
    pub first: Option<String>,
}

/// Blobs that were found damaged, and are kept for a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A symbolic link where a directory should be. Through it the server would write to another
/// disk, most likely the root disk. The agent follows none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its path below the mount point.
    pub name: String,
    /// Where it leads.
    pub target: String,
}

/// Entries of another owner that are left as they are: to change them could change a file
/// outside the tree, or take a privilege away or hand it out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftAlone {
    /// Files with another name somewhere.
    pub hard_links: u32,
    /// Symbolic links.
    pub symlinks: u32,
    /// Files with the set-user-id or set-group-id bit.
    pub set_id: u32,
    /// Sockets, pipes and devices.
    pub special: u32,
}
