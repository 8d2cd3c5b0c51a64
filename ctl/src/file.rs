//! Files of other people's, read within bounds.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Bytes of what somebody writes by hand: settings, values, certificates.
pub(crate) const BY_HAND: u64 = 1 << 20;

/// Opens a file. A pipe or a device would never end, and a pipe not even open.
pub(crate) fn open(path: &Path) -> Result<File, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("not a file".to_owned());
    }
    File::open(path).map_err(|error| error.to_string())
}

/// All that there is to read, if it is not longer than this, in bytes.
pub(crate) fn read(from: impl Read, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = from.take(limit + 1).read_to_end(&mut bytes);
    if read.map_err(|error| error.to_string())? as u64 > limit {
        return Err(format!("larger than {} MiB", limit >> 20));
    }
    Ok(bytes)
}

/// A file that somebody wrote by hand.
pub(crate) fn text(path: &Path) -> Result<String, String> {
    let bytes = read(open(path)?, BY_HAND)?;
    String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
}
