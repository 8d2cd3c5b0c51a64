//! The data disk that Ollama keeps its models on.
//!
//! Facts: the mount table (read from memory, never from the disk), and what the storage
//! probe, a helper that may be abandoned, found on the disk itself. Where nothing is
//! mounted the disk is not asked and nothing is changed.
//!
//! | condition | holds when |
//! |---|---|
//! | `DataDiskMounted` | something is mounted at the configured path |
//! | `DataDiskWritable` | it is read-write, has room, and belongs to the server's user |

mod check;
mod facts;
mod mounts;
mod repair;

pub use check::{DATA_DISK_MOUNTED, DATA_DISK_WRITABLE, REASONS, check};
pub use facts::{Facts, ProbeError, look};
pub use mounts::Mount;
pub use repair::{Remedy, apply};
