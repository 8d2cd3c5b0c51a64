//! Small files under `/run`, written so that a reader sees the old one or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Reply;

/// What could not be done with a file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub(super) struct FileError {
    path: PathBuf,
    source: io::Error,
}

impl From<FileError> for Reply {
    /// Where there is no room nothing was changed, and the same is right once there is some.
    fn from(error: FileError) -> Self {
        match error.source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::refused(error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }
}

/// Makes `path` hold `text`, readable to all; its directory is made where it is missing.
/// `false`: it did already.
pub(super) fn put(path: &Path, text: &str) -> Result<bool, FileError> {
    let write = || -> io::Result<bool> {
        if fs::read(path).is_ok_and(|found| found == text.as_bytes()) {
            return Ok(false);
        }
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(ErrorKind::InvalidInput.into());
        };
        DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
        // One fixed name, so that a killed writer leaves one file at most, and one that
        // neither systemd nor networkd reads.
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".new");
        let new = directory.join(hidden);
        fill(&new, text).and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
            // Where there was no room for it, half of it would take the last.
            let _ = fs::remove_file(&new);
        })?;
        File::open(directory)?.sync_all()?;
        Ok(true)
    };
    write().map_err(|source| FileError { path: path.to_owned(), source })
}

fn fill(new: &Path, text: &str) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(new)?;
    file.write_all(text.as_bytes())?;
    // Whatever the mask or an older file's mode says.
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.sync_all()
}

/// Removes a file, and its directory where that is empty then.
pub(super) fn take_away(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::Outcome;

    #[test]
    fn without_room_it_is_refused_and_any_other_error_is_a_failure() {
        let outcome = |source: io::Error| {
            let path = "/run/x".into();
            Reply::from(FileError { path, source }).outcome
        };
        assert_eq!(outcome(ErrorKind::StorageFull.into()), Outcome::Refused);
        assert_eq!(outcome(ErrorKind::QuotaExceeded.into()), Outcome::Refused);
        assert_eq!(outcome(ErrorKind::ReadOnlyFilesystem.into()), Outcome::Failed);
    }

    #[test]
    fn what_could_not_be_put_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        // A directory lies in its place.
        let path = root.path().join("a.conf");
        fs::create_dir(&path).unwrap();
        put(&path, "text").unwrap_err();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
        fs::remove_dir(&path).unwrap();
        assert!(put(&path, "text").unwrap());
        assert!(!put(&path, "text").unwrap());
    }
}
