//! The daemon's side of a helper's socket.

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use super::{Name, Reply};

/// The directory of the helpers' sockets. It belongs to root, so nobody else can listen there.
const DIRECTORY: &str = "/run/saigak-fix";

/// More than any helper answers.
const ANSWER_MAX: u64 = 64 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The socket is not there, or not for this user.
    #[error("cannot connect to {}: {source}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The connection broke.
    #[error("no answer from {}: {source}", path.display())]
    Read {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The helper ended, or was killed, before it answered.
    #[error("{} closed without an answer", path.display())]
    Empty {
        /// The socket.
        path: PathBuf,
    },
    /// The answer is longer than a helper's can be.
    #[error("{}: more than {ANSWER_MAX} bytes", path.display())]
    TooLong {
        /// The socket.
        path: PathBuf,
    },
    /// The answer is none.
    #[error("{}: not an answer: {source}", path.display())]
    Malformed {
        /// The socket.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Has a repair done, and waits for its answer. The caller sets the deadline; a repair that was
/// begun goes on when the future is dropped.
pub async fn call(name: Name) -> Result<Reply, CallError> {
    let path = Path::new(DIRECTORY).join(name.as_str()).with_extension("sock");
    let answer = exchange(&path).await?;
    serde_json::from_slice(&answer).map_err(|source| CallError::Malformed { path, source })
}

/// Connects, and reads all that comes.
pub(crate) async fn exchange(path: &Path) -> Result<Vec<u8>, CallError> {
    let path = || path.to_owned();
    let stream = UnixStream::connect(path())
        .await
        .map_err(|source| CallError::Connect { path: path(), source })?;
    let mut answer = Vec::new();
    stream
        .take(ANSWER_MAX + 1)
        .read_to_end(&mut answer)
        .await
        .map_err(|source| CallError::Read { path: path(), source })?;
    match u64::try_from(answer.len()) {
        Ok(0) => Err(CallError::Empty { path: path() }),
        Ok(length) if length <= ANSWER_MAX => Ok(answer),
        _ => Err(CallError::TooLong { path: path() }),
    }
}
