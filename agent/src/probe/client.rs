//! The daemon's side.

use std::path::Path;

use super::facts::StorageFacts;
use super::{Answer, SOCKET};
use crate::fix::CallError;
use crate::fix::exchange;

/// Why there are no facts.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The helper could not be reached, or gave no answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It could not read the disk either.
    #[error("{0}")]
    Told(String),
    /// It answered something else.
    #[error("{SOCKET}: not the storage's facts: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Asks for the storage's facts. Waits as long as the disk does: the caller sets the deadline,
/// and dropping the future lets go of the helper.
pub async fn read_storage() -> Result<StorageFacts, ReadError> {
    match serde_json::from_slice(&exchange(Path::new(SOCKET)).await?)? {
        Answer::Facts(facts) => Ok(facts),
        Answer::Error(message) => Err(ReadError::Told(message)),
    }
}
