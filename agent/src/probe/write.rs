//! Whether the server's user can write to the data disk: tried, as that user. A file without a
//! name is made, written, synced and closed, so nothing is left however this process ends.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use nix::unistd::Uid;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::facts::{WriteFacts, Written};
use super::scan::STORE;
use super::tree::Disk;
use crate::config::Storage;
use crate::fix::user;

/// One block of most filesystems.
const BLOCK: [u8; 4096] = [0; 4096];

/// Why nothing could be tried.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// The user cannot be looked up.
    #[error("cannot look up user {0}: {1}")]
    User(String, io::Error),
    /// The unit names another user than the configuration.
    #[error("runs as uid {0}, not as {1}: see User= in saigak-probe-write@.service")]
    Stranger(u32, String),
    /// The disk cannot be opened.
    #[error("cannot open {0}: {1}")]
    Open(String, io::Error),
}

pub(super) fn facts(storage: &Storage) -> Result<WriteFacts, WriteError> {
    let name = || storage.owner.clone();
    let wanted = user::find(&storage.owner).map_err(|e| WriteError::User(name(), e))?;
    let uid = Uid::effective().as_raw();
    if wanted.is_none_or(|wanted| wanted.uid != uid) {
        return Err(WriteError::Stranger(uid, name()));
    }
    let path = &storage.path;
    if let Some(closed) = closed_above(path) {
        return Ok(WriteFacts { written: Some(Written::Closed(closed)) });
    }
    let open = |e| WriteError::Open(path.display().to_string(), e);
    let disk = Disk::open(path).map_err(open)?;
    Ok(WriteFacts { written: disk.map(|disk| write(&disk, path)) })
}

/// The first directory above `path` that this user cannot pass.
fn closed_above(path: &Path) -> Option<String> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut steps: Vec<&Path> = path.ancestors().collect();
    steps.reverse();
    steps.iter().find_map(|step| match rustix::fs::open(*step, flags, Mode::empty()) {
        // What cannot be reached lies in what cannot be passed.
        Err(Errno::ACCESS) => Some(step.parent()?.display().to_string()),
        _ => None,
    })
}

/// Writes where the server does: at the top, and in the directories of its store.
fn write(disk: &Disk, path: &Path) -> Written {
    let top = (".", path.to_owned());
    let store = STORE.map(|name| (name, path.join(name)));
    for (name, path) in [top].into_iter().chain(store) {
        let Err(error) = disk.nameless(name).and_then(fill) else { continue };
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::OPNOTSUPP | Errno::ISDIR) => return Written::Untried,
            // Not made yet, or no directory, which the other probe tells.
            Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if name != "." => {}
            _ => {
                return Written::Failed {
                    path: path.display().to_string(),
                    errno: error.raw_os_error(),
                    error: error.to_string(),
                };
            }
        }
    }
    Written::Done
}

fn fill(mut file: File) -> io::Result<()> {
    file.write_all(&BLOCK)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn nothing_is_left_of_what_is_written() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("blobs")).unwrap();
        symlink("/nowhere", root.path().join("manifests")).unwrap();
        let disk = Disk::directory(root.path()).unwrap();
        let written = write(&disk, root.path());
        // Not every filesystem that a temporary directory may be on can do it.
        assert!(matches!(written, Written::Done | Written::Untried), "{written:?}");
        assert_eq!(fs::read_dir(root.path().join("blobs")).unwrap().count(), 0);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_closed_directory_above_is_named_by_its_path() {
        let root = tempfile::tempdir().unwrap();
        let (closed, below) = (root.path().join("closed"), root.path().join("closed/a/disk"));
        fs::create_dir_all(&below).unwrap();
        assert_eq!(closed_above(&below), None);
        fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
        let found = closed_above(&below);
        fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
        // Root passes everywhere.
        let expected = (!Uid::effective().is_root()).then(|| closed.display().to_string());
        assert_eq!(found, expected);
    }

    #[test]
    fn another_user_than_the_configured_one_does_not_speak_for_it() {
        let storage = Storage { owner: "no-such-user-here".into(), ..Storage::default() };
        let error = facts(&storage).unwrap_err().to_string();
        assert!(error.contains("User="), "{error}");
    }
}
