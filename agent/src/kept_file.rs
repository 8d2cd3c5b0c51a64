//! A file that is kept for years and must be written when the disk is full: that is when there is
//! something to write. It has a second file beside it, which holds the room for its next version.
//!
//! The next version is written over what the second file holds, and synced; then the two change
//! places. After a power cut the old or the new version is there. On a full disk that takes no
//! more room than there is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::libc::O_NOFOLLOW;

/// The room that a version takes, or a multiple of it, in bytes. More than a full ledger, so that
/// none grows on a full disk.
const ROOM: usize = 64 << 10;

/// Makes the file at `path` hold `text`, and line feeds after it.
///
/// # Errors
/// Where it cannot be written; what was there before is there still.
pub(crate) fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let spare = path.with_extension("new");
    fill(&spare, text)?;
    match renameat2(AT_FDCWD, &spare, AT_FDCWD, path, RenameFlags::RENAME_EXCHANGE) {
        Ok(()) => put_aside(path, &spare)?,
        // The first version, or a filesystem that cannot exchange.
        Err(Errno::ENOENT | Errno::EINVAL | Errno::ENOSYS) => fs::rename(&spare, path)?,
        Err(error) => return Err(error.into()),
    }
    if !spare.exists() {
        // What fails for want of room now is told when it matters.
        let _ = fill(&spare, b"");
    }
    sync_directory(path)
}

/// Removes the file at `path`, and the room for its next version.
///
/// # Errors
/// Where one of them cannot be removed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(absent)?;
    fs::remove_file(path.with_extension("new")).or_else(absent)?;
    sync_directory(path)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes over what is there, so that no new room is needed.
fn fill(spare: &Path, text: &[u8]) -> io::Result<()> {
    let open = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).custom_flags(O_NOFOLLOW).open(spare)
    };
    let mut file = open().or_else(|_| {
        // One that was left there may be somebody else's.
        fs::remove_file(spare).or_else(absent)?;
        open()
    })?;
    let mut padded = text.to_vec();
    let whole = text.len().max(1).next_multiple_of(ROOM);
    padded.resize(whole, b'\n');
    file.write_all(&padded)?;
    // A longer version that was here before ends with this one.
    file.set_len(u64::try_from(whole).unwrap_or(u64::MAX))?;
    file.sync_all()
}

fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Where a directory lay in the file's place it has changed places with it, so that there was a
/// file at any moment. It is kept under a name that no other can have.
fn put_aside(path: &Path, spare: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(spare)?;
    if found.is_dir() {
        fs::rename(spare, path.with_extension(format!("directory-{}", found.ino())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap().trim_end().to_owned()
    }

    #[test]
    fn versions_change_places_and_take_no_new_room() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("kept.json");
        write(&path, b"first").unwrap();
        let inode = |name: &str| fs::metadata(root.path().join(name)).unwrap().ino();
        let pair = (inode("kept.json"), inode("kept.new"));
        for (turn, text) in ["second, which is longer", "3rd", "fourth"].into_iter().enumerate() {
            write(&path, text.as_bytes()).unwrap();
            assert_eq!(read(&path), text);
            let now = (inode("kept.json"), inode("kept.new"));
            assert_eq!(now, if turn % 2 == 0 { (pair.1, pair.0) } else { pair });
        }
        assert_eq!(fs::metadata(&path).unwrap().len(), ROOM as u64);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
        for _ in 0..2 {
            remove(&path).unwrap();
            assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_long_version_is_whole_and_leaves_nothing_of_itself() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("kept.json");
        let long = "x".repeat(ROOM + 1);
        for text in [long.as_str(), "short", "shorter"] {
            write(&path, text.as_bytes()).unwrap();
            assert_eq!(read(&path), text);
        }
    }

    #[test]
    fn what_is_in_the_way_is_not_followed_and_not_lost() {
        let root = tempfile::tempdir().unwrap();
        let (path, other) = (root.path().join("kept.json"), root.path().join("other"));
        fs::write(&other, "untouched").unwrap();
        symlink(&other, root.path().join("kept.new")).unwrap();
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "kept").unwrap();
        write(&path, b"text").unwrap();
        assert_eq!((read(&path), read(&other)), ("text".into(), "untouched".into()));
        let aside = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().path());
        let aside: Vec<_> = aside.filter(|path| path.is_dir()).collect();
        assert_eq!(aside.len(), 1);
        assert_eq!(read(&aside[0].join("inside")), "kept");
    }
}
