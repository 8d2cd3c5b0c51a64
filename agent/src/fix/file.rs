//! Small files under `/run`, written so that a reader sees the old one or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What could not be done with a file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub(super) struct FileError {
    path: PathBuf,
    source: io::Error,
}

/// Makes `path` hold `text`, readable to all; its directory is made where it is missing.
/// `false`: it did already.
pub(super) fn put(path: &Path, text: &str) -> Result<bool, FileError> {
    let write = || -> io::Result<bool> {
        if fs::read(path).is_ok_and(|found| found == text.as_bytes()) {
            return Ok(false);
        }
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
        // One fixed name, so that a killed writer leaves one file at most, and one that
        // neither systemd nor networkd reads.
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".new");
        let new = directory.join(hidden);
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&new)?;
        file.write_all(text.as_bytes())?;
        // Whatever the mask or an older file's mode says.
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(directory)?.sync_all()?;
        Ok(true)
    };
    write().map_err(|source| FileError { path: path.to_owned(), source })
}

/// Removes a file, and its directory where that is empty then.
pub(super) fn take_away(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(FileError { path: path.to_owned(), source: e });
        }
        _ => {}
    }
    if let Some(directory) = path.parent() {
        // Not empty, or gone: both are fine.
        let _ = fs::remove_dir(directory);
    }
    Ok(())
}
