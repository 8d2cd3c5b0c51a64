//! The data disk that Ollama keeps its models on.
//!
//! Facts: the mount table (read from memory, never from the disk), and what two probes, helpers
//! that may be abandoned, found on the disk itself: one reads what is there, one writes as the
//! server's user. Where nothing is mounted the disk is not asked and nothing is changed.
//!
//! | condition | holds when |
//! |---|---|
//! | `DataDiskMounted` | something is mounted at the configured path |
//! | `DataDiskWritable` | it is read-write, has room, belongs to the server's user, and a write by that user came to its end |

mod check;
mod facts;
mod held;
mod mounts;
mod repair;

pub use check::{DATA_DISK_MOUNTED, DATA_DISK_WRITABLE, REASONS, check};
pub use facts::{Facts, ProbeError, Probes, look};
pub use held::{forbids_restart, refuses_write};
pub use mounts::Mount;
pub(crate) use mounts::mount_of;
pub use repair::{Remedy, apply};
