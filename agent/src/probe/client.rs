//! The daemon's side.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::Answer;
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
    #[error("{0}: not a helper's facts: {1}")]
    Malformed(&'static str, serde_json::Error),
}

/// Asks the helper behind `socket` for its facts. Waits as long as the disk does: the caller
/// sets the deadline.
///
/// # Errors
/// Where the helper cannot be reached, or could not tell.
pub async fn read<T: DeserializeOwned>(socket: &'static str) -> Result<T, ReadError> {
    let answer = exchange(Path::new(socket)).await?;
    match serde_json::from_slice(&answer).map_err(|error| ReadError::Malformed(socket, error))? {
        Answer::Facts(facts) => Ok(facts),
        Answer::Error(message) => Err(ReadError::Told(message)),
    }
}
