//! The daemon's side.

use std::path::Path;

use serde::de::DeserializeOwned;
use zbus::OwnedObjectPath;

use super::Answer;
use crate::bus::{Bus, BusError, Object, SYSTEMD};
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

/// How many questions the socket `unit` has open, where it takes no more (`MaxConnections=`).
/// systemd closes each further connection at once, as it does where a helper died. `None`: there is
/// room, or systemd does not tell.
pub async fn used_up(unit: &str, bus: &Bus) -> Option<u32> {
    let count = async {
        let path: OwnedObjectPath = bus.call(SYSTEMD, "GetUnit", &(unit,)).await?;
        let interface = "org.freedesktop.systemd1.Socket";
        let socket = Object { path: path.as_str(), interface, ..SYSTEMD };
        let open: u32 = bus.property(socket, "NConnections").await?;
        let most: u32 = bus.property(socket, "MaxConnections").await?;
        Ok::<_, BusError>((open, most))
    };
    let (open, most) = count.await.ok()?;
    (open >= most).then_some(open)
}
