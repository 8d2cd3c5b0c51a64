//! How a pull ends badly.

use std::fmt;
use std::time::Duration;

use crate::core::{BootClock, Clock};
use crate::ollama::ApiError;

/// How long a source's word is taken for how many bytes a model has. It may have been wrong, or
/// another source may have the model by then.
const BELIEVED: Duration = Duration::from_hours(1);

/// Why a pull has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What follows from it.
    pub kind: Kind,
    /// In words: the server's own, where it has any.
    pub why: String,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Other bytes came than were promised. The server removes the first blob that is wrong, and
    /// would take all others as they are.
    Mismatch,
    /// The disk has no room for the bytes that are still to come, so many.
    NoRoom {
        /// How many.
        bytes: u64,
        /// Uptime at which that was found.
        at: Duration,
    },
    /// Nothing that is known beforehand.
    Other,
}

impl Failure {
    pub(super) fn no_room(bytes: u64, why: String) -> Self {
        Self { kind: Kind::NoRoom { bytes, at: BootClock.now().uptime }, why }
    }

    /// Bytes that the disk has no room for at `uptime`, if it is that and was found lately.
    #[must_use]
    pub fn lacks_room(&self, uptime: Duration) -> Option<u64> {
        match self.kind {
            Kind::NoRoom { bytes, at } if uptime.saturating_sub(at) < BELIEVED => Some(bytes),
            Kind::NoRoom { .. } | Kind::Mismatch | Kind::Other => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// From the server's words.
impl From<String> for Failure {
    fn from(why: String) -> Self {
        let kind = if why.starts_with("digest mismatch") { Kind::Mismatch } else { Kind::Other };
        Self { kind, why }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        error.to_string().into()
    }
}

impl From<&str> for Failure {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}
