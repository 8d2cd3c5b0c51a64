//! `model-blobs`: removes blobs whose content is not what their name says.
//!
//! A blob has the SHA-256 of its content for a name, so one that differs from it is worthless
//! beyond doubt, whatever became of it. The server checks a blob only when it has just loaded
//! it, and only up to the first that is wrong; from then on it takes each as it is. A pull
//! mends none while it is there, and loads it anew once it is gone.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use sha2::{Digest, Sha256};

use super::Reply;
use crate::config::Storage;
use crate::probe::tree::{Disk, Entry};

/// Bytes that are hashed at once.
const CHUNK: usize = 1 << 20;

/// How many names a message tells.
const TOLD: usize = 3;

/// What one pass over the blobs found and did.
#[derive(Debug, Default)]
struct Pass {
    checked: u64,
    /// Names of blobs that were removed.
    removed: Vec<String>,
    /// What could not be read or removed, and why.
    failed: Vec<String>,
}

pub(super) fn run(storage: &Storage) -> Reply {
    let path = storage.path.display();
    let unreadable = |error: io::Error| Reply::failed(format!("cannot read {path}: {error}"));
    let disk = match Disk::open(&storage.path) {
        Ok(Some(disk)) => disk,
        Ok(None) => return Reply::refused(format!("nothing is mounted at {path}")),
        Err(error) => return unreadable(error),
    };
    match disk.read_only() {
        Ok(false) => {}
        Ok(true) => return Reply::refused(format!("{path} is mounted read-only")),
        Err(error) => return unreadable(error),
    }
    match pass(disk.top()) {
        Ok(Some(pass)) => pass.reply(storage),
        Ok(None) => Reply::refused(format!("{path}/blobs is no directory of this disk")),
        Err(error) => unreadable(error),
    }
}

/// Checks every blob below `top`. `None`: there is no directory of blobs, or a link in its place.
fn pass(top: &Entry) -> io::Result<Option<Pass>> {
    let blobs = top.list_top()?.find(|(name, _)| name == "blobs");
    let Some((_, blobs)) = blobs else { return Ok(None) };
    let blobs = blobs?;
    if !blobs.kind.is_dir() {
        return Ok(None);
    }
    let mut pass = Pass::default();
    for (name, entry) in blobs.list()? {
        let Some(digest) = digest_of(&name) else { continue };
        match entry.map(|entry| entry.kind.is_file()) {
            // A link, or a directory: none of the server's.
            Ok(false) => {}
            Ok(true) => pass.visit(&blobs, &name, digest),
            Err(error) => pass.failed.push(format!("{name}: {error}")),
        }
    }
    Ok(Some(pass))
}

/// What a finished blob's name says of its content. Downloads under way have other names.
fn digest_of(name: &str) -> Option<&str> {
    let digest = name.strip_prefix("sha256-")?;
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (digest.len() == 64 && digest.bytes().all(hex)).then_some(digest)
}

impl Pass {
    fn visit(&mut self, blobs: &Entry, name: &str, digest: &str) {
        let read = |file: File| Ok((differs(&file, digest)?, file));
        match blobs.read_below(name).and_then(read) {
            Ok((false, _)) => self.checked += 1,
            Ok((true, file)) => match remove(blobs, name, &file) {
                Ok(true) => self.removed.push(name.to_owned()),
                // Another file by now, of which nothing is known.
                Ok(false) => {}
                Err(error) => self.failed.push(format!("cannot remove {name}: {error}")),
            },
            // Gone since: it was deleted, or its download began anew.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.failed.push(format!("{name}: {error}")),
        }
    }

    fn reply(self, storage: &Storage) -> Reply {
        let (path, checked) = (storage.path.display(), self.checked);
        let message = if self.removed.is_empty() {
            format!("{checked} blobs in {path} are what their names say")
        } else {
            let removed = few(&self.removed);
            format!("removed from {path}/blobs what is not what its name says: {removed}")
        };
        match (self.failed.first(), self.removed.is_empty()) {
            (Some(first), _) => {
                Reply::failed(format!("{message}; failed at {}, first {first}", self.failed.len()))
            }
            (None, true) => Reply::unneeded(message),
            (None, false) => Reply::done(message),
        }
    }
}

/// The first few names, and how many there are besides.
fn few(names: &[String]) -> String {
    let told = names.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

/// Removes `name` if it still is `file`, and says whether it did.
fn remove(blobs: &Entry, name: &str, file: &File) -> io::Result<bool> {
    let identity = |file: &File| file.metadata().map(|data| (data.dev(), data.ino()));
    if identity(&blobs.read_below(name)?)? != identity(file)? {
        return Ok(false);
    }
    blobs.remove_below(name)?;
    Ok(true)
}

/// Whether the content differs from its digest. A file that changes meanwhile is no blob yet.
fn differs(mut file: &File, digest: &str) -> io::Result<bool> {
    let state = || file.metadata().map(|data| (data.len(), data.mtime(), data.mtime_nsec()));
    let before = state()?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => hash.update(chunk.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut found = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(found, "{byte:02x}");
    }
    Ok(found != digest && before == state()?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::fix::Outcome;

    /// SHA-256 of "abc", from FIPS 180-2.
    const ABC: &str = "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn only_a_blob_that_is_not_what_its_name_says_is_removed() {
        let disk = tempfile::tempdir().unwrap();
        let blobs = disk.path().join("blobs");
        fs::create_dir(&blobs).unwrap();
        let other = ABC.replace("ba78", "ab78");
        let kept = [
            ABC.to_owned(),
            format!("{other}-partial"),
            format!("{other}-partial-0"),
            "sha256-12".into(),
            "notes".into(),
            other.replace("ab78", "AB78"),
        ];
        for name in &kept {
            fs::write(blobs.join(name), "abc").unwrap();
        }
        fs::write(blobs.join(&other), "abc").unwrap();
        let link = other.replace("ab78", "cd78");
        symlink("notes", blobs.join(&link)).unwrap();

        let top = Entry::directory(disk.path()).unwrap();
        let first = pass(&top).unwrap().unwrap();
        assert_eq!((first.checked, &first.removed), (1, &vec![other.clone()]));
        assert!(!blobs.join(&other).exists() && blobs.join(&link).is_symlink());
        assert!(kept.iter().all(|name| blobs.join(name).exists()));
        assert_eq!(first.reply(&Storage::default()).outcome, Outcome::Done);
        let second = pass(&top).unwrap().unwrap().reply(&Storage::default());
        assert_eq!(second.outcome, Outcome::Unneeded, "{}", second.message);
    }

    #[test]
    fn another_file_of_the_same_name_is_left() {
        let disk = tempfile::tempdir().unwrap();
        let (path, kept) = (disk.path().join(ABC), disk.path().join("kept"));
        fs::write(&path, "xyz").unwrap();
        let blobs = Entry::directory(disk.path()).unwrap();
        let hashed = blobs.read_below(ABC).unwrap();
        fs::rename(&path, &kept).unwrap();
        fs::write(&path, "abc").unwrap();
        assert!(!remove(&blobs, ABC, &hashed).unwrap() && path.exists());
        fs::rename(&kept, &path).unwrap();
        assert!(remove(&blobs, ABC, &hashed).unwrap() && !path.exists());
    }

    #[test]
    fn a_message_tells_a_few_names_and_how_many_there_are() {
        let names: Vec<_> = (0..5).map(|n| n.to_string()).collect();
        assert_eq!(few(&names), "0, 1, 2 and 2 more");
        assert_eq!(few(names.get(..3).unwrap()), "0, 1, 2");
    }

    #[test]
    fn no_link_is_followed_to_the_blobs() {
        let disk = tempfile::tempdir().unwrap();
        assert!(pass(&Entry::directory(disk.path()).unwrap()).unwrap().is_none());
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join(ABC), "xyz").unwrap();
        symlink(elsewhere.path(), disk.path().join("blobs")).unwrap();
        assert!(pass(&Entry::directory(disk.path()).unwrap()).unwrap().is_none());
        assert!(elsewhere.path().join(ABC).exists());
    }
}
