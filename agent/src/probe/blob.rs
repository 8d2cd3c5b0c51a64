//! A blob held against its name, which is the SHA-256 of its content.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;

use sha2::{Digest, Sha256};

use crate::model::aside::digest_of;

/// Bytes that are hashed at once.
const CHUNK: usize = 1 << 20;

/// What a file was when it was looked at: another one, or another content, has another state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl State {
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let data = file.metadata()?;
        Ok(Self {
            device: data.dev(),
            inode: data.ino(),
            length: data.len(),
            modified: (data.mtime(), data.mtime_nsec()),
        })
    }

    /// Its length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }
}

/// What `file` was when its content was read, if that is not what the blob's name `name` says. A
/// file that changes meanwhile is no blob yet. `pace`: see [`sha256`].
pub(crate) fn damaged(
    file: &File,
    name: &str,
    pace: impl FnMut(usize) -> io::Result<()>,
) -> io::Result<Option<State>> {
    let before = State::of(file)?;
    let differs = digest_of(name) != Some(sha256(file, pace)?.as_str());
    Ok((differs && before == State::of(file)?).then_some(before))
}

/// The SHA-256 of the rest of `file`, as the server writes it. `pace` is told before each part how
/// many bytes the last one had: it may take its time, or end the whole.
pub(crate) fn sha256(
    mut file: &File,
    mut pace: impl FnMut(usize) -> io::Result<()>,
) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut length = 0;
    loop {
        pace(length)?;
        length = match file.read(&mut chunk) {
            Ok(0) => return Ok(hex(hash)),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        hash.update(chunk.get(..length).unwrap_or_default());
    }
}

/// The SHA-256 of `bytes`, as the server writes it.
pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    hex(Sha256::new_with_prefix(bytes))
}

/// Lower-case hex.
fn hex(hash: Sha256) -> String {
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
