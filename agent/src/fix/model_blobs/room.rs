//! `model-room`: makes room on the data disk, where that is switched on.
//!
//! Nothing is removed but what nobody has a use for: what a download that was given up has left,
//! and blobs that a repair has set aside as damaged. The oldest goes first, and no more than is
//! needed.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use super::{LIMIT, aside, few};
use crate::config::Config;
use crate::core::{BootClock, Clock};
use crate::fix::{Reply, disk};
use crate::model::aside::{blob_of, digest_of};
use crate::probe::blob::State;
use crate::probe::manifest;
use crate::probe::tree::{Disk, Entry};

/// So long nothing may have been written to a download: the server itself begins each part that
/// stands still anew after half a minute, and spares an hour when it removes partial downloads.
const ABANDONED: Duration = Duration::from_hours(1);

/// Something that may be removed.
#[derive(Debug)]
struct Clutter {
    /// When any of its files was last written.
    written: SystemTime,
    /// Its files, in the order in which they are removed: the records of how far a download has
    /// come before the bytes that they tell of.
    files: Vec<(String, State)>,
}

pub(in crate::fix) fn run(config: &Config) -> Reply {
    let storage = &config.storage;
    if !storage.make_room {
        return Reply::unneeded("storage.make_room is off");
    }
    match disk::writable(storage) {
        Ok(disk) => clear(&disk, storage.minimum_free_bytes, BootClock.now().wall),
        Err(reply) => reply,
    }
}

/// Removes what is in the way until `wanted` bytes are free.
fn clear(disk: &Disk, wanted: u64, now: SystemTime) -> Reply {
    let until = Instant::now() + LIMIT;
    let (mut removed, mut failed) = (Vec::new(), Vec::new());
    let mut stores = Vec::new();
    for path in manifest::STORES {
        match manifest::store(disk.top(), path) {
            Ok(found) => stores.extend(found.map(|(_, blobs)| blobs)),
            Err(error) => failed.push(format!("store {path:?}: {error}")),
        }
    }
    let mut all = Vec::new();
    for blobs in &stores {
        match clutter(blobs) {
            Ok(found) => all.extend(found.into_iter().map(|clutter| (blobs, clutter))),
            Err(error) => failed.push(format!("blobs: {error}")),
        }
    }
    all.sort_by_key(|(_, clutter)| clutter.written);
    let free = || disk.space().map(|space| space.f_bavail.saturating_mul(space.f_frsize));
    let mut enough = false;
    for (blobs, clutter) in all {
        enough = free().is_ok_and(|free| free >= wanted);
        let age = now.duration_since(clutter.written).unwrap_or_default();
        if enough || age < ABANDONED {
            break;
        }
        match clutter.remove(blobs, until) {
            Ok(names) => removed.extend(names),
            Err(error) => failed.push(error.to_string()),
        }
    }
    enough = enough || free().is_ok_and(|free| free >= wanted);
    reply(enough, &removed, &failed)
}

fn reply(enough: bool, removed: &[String], failed: &[String]) -> Reply {
    let mut message = match removed.len() {
        0 => "nothing was removed".to_owned(),
        _ => format!("removed {}", few(removed)),
    };
    if let Some(first) = failed.first() {
        message = format!("{message}; failed at {}, first {first}", failed.len());
    }
    match (enough, removed.is_empty()) {
        (true, true) => Reply::unneeded("there is enough room"),
        (true, false) => Reply::done(message),
        (false, _) => Reply::failed(format!(
            "{message}; no other download was given up an hour ago or longer, and there is too \
             little room"
        )),
    }
}

/// What may be removed from a directory of blobs, however old.
fn clutter(blobs: &Entry) -> io::Result<Vec<Clutter>> {
    let mut groups: BTreeMap<String, Clutter> = BTreeMap::new();
    for (name, entry) in blobs.list()? {
        let group = match (download_of(&name), blob_of(&name)) {
            (Some(blob), _) => blob.to_owned(),
            (None, Some(_)) => name.clone(),
            (None, None) => continue,
        };
        let opened = entry.and_then(|entry| {
            let file = || blobs.read_below(&name);
            entry.kind.is_file().then(file).transpose()
        });
        let file = match opened {
            Ok(Some(file)) => file,
            Ok(None) => continue,
            // Gone since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let (state, written) = (State::of(&file)?, file.metadata()?.modified()?);
        let clutter = groups.entry(group).or_insert_with(|| Clutter { written, files: Vec::new() });
        clutter.written = clutter.written.max(written);
        clutter.files.push((name, state));
    }
    for clutter in groups.values_mut() {
        // The records have longer names than the bytes.
        clutter.files.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    }
    Ok(groups.into_values().collect())
}

/// The blob whose download this file is of: its bytes, or a record of how far one part has come.
fn download_of(name: &str) -> Option<&str> {
    let (blob, rest) = name.split_once("-partial")?;
    let number = rest
        .strip_prefix('-')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    digest_of(blob).filter(|_| rest.is_empty() || number).map(|_| blob)
}

impl Clutter {
    /// Removes it unless anything of it was written since. Gives back the names.
    fn remove(self, blobs: &Entry, until: Instant) -> io::Result<Vec<String>> {
        for (name, state) in &self.files {
            if State::of(&blobs.read_below(name)?)? != *state {
                return Ok(Vec::new());
            }
        }
        let mut removed = Vec::new();
        for (name, _) in self.files {
            if download_of(&name).is_some() {
                blobs.remove_below(&name)?;
            } else if !aside::remove(blobs, &name, until)? {
                continue;
            }
            removed.push(name);
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::Path;

    use super::*;
    use crate::fix::Outcome;
    use crate::model::aside::name;

    const HOUR: Duration = Duration::from_hours(1);

    /// SHA-256 of "abc", from FIPS 180-2.
    const ABC: &str = "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    /// A store with files of that age, in hours.
    fn store(files: &[(&str, u32)]) -> tempfile::TempDir {
        let disk = tempfile::tempdir().unwrap();
        let blobs = disk.path().join("blobs");
        fs::create_dir(&blobs).unwrap();
        for (name, hours) in files {
            let path = blobs.join(name);
            fs::write(&path, "abc").unwrap();
            let then = BootClock.now().wall - HOUR * *hours;
            File::open(&path).unwrap().set_modified(then).unwrap();
        }
        disk
    }

    fn left(disk: &Path) -> Vec<String> {
        let names = fs::read_dir(disk.join("blobs")).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn cleared(disk: &Path, wanted: u64) -> Reply {
        clear(&Disk::directory(disk).unwrap(), wanted, BootClock.now().wall)
    }

    #[test]
    fn only_downloads_that_were_given_up_and_what_was_set_aside_are_removed() {
        let other = ABC.replace("ba78", "ab78");
        let (young, old, odd) =
            (format!("{ABC}-partial"), format!("{other}-partial"), format!("{ABC}-partial-x"));
        let (record, aside) = (format!("{old}-12"), name(&other, 7));
        let disk = store(&[
            (ABC, 9),
            (&other, 9),
            (&young, 0),
            (&old, 3),
            (&record, 2),
            (&odd, 9),
            (&aside, 9),
            ("notes", 9),
        ]);
        let reply = cleared(disk.path(), u64::MAX);
        assert_eq!(reply.outcome, Outcome::Failed, "{}", reply.message);
        let mut kept = vec![ABC.to_owned(), other, young, odd, "notes".into()];
        kept.sort();
        assert_eq!(left(disk.path()), kept);
    }

    #[test]
    fn a_download_goes_as_a_whole_and_not_while_a_part_of_it_is_written() {
        let (bytes, record) = (format!("{ABC}-partial"), format!("{ABC}-partial-3"));
        let disk = store(&[(&bytes, 9), (&record, 0)]);
        assert_eq!(cleared(disk.path(), u64::MAX).outcome, Outcome::Failed);
        assert_eq!(left(disk.path()), [bytes, record]);
    }

    #[test]
    fn nothing_is_removed_where_there_is_room() {
        let bytes = format!("{ABC}-partial");
        let disk = store(&[(&bytes, 9)]);
        assert_eq!(cleared(disk.path(), 1).outcome, Outcome::Unneeded);
        assert_eq!(left(disk.path()), [bytes]);
    }

    #[test]
    fn what_was_set_aside_and_is_good_gets_its_name_back() {
        let aside = name(ABC, 7);
        let disk = store(&[(&aside, 9)]);
        let reply = cleared(disk.path(), u64::MAX);
        assert!(reply.message.starts_with("nothing was removed"), "{}", reply.message);
        assert_eq!(left(disk.path()), [ABC]);
    }

    #[test]
    fn what_was_set_aside_goes_where_a_good_one_has_its_name_and_stays_where_a_damaged_one_has() {
        let aside = name(ABC, 7);
        let disk = store(&[(ABC, 9), (&aside, 9)]);
        fs::write(disk.path().join("blobs").join(ABC), "xyz").unwrap();
        cleared(disk.path(), u64::MAX);
        assert_eq!(left(disk.path()), [ABC, &aside]);
        fs::write(disk.path().join("blobs").join(ABC), "abc").unwrap();
        let reply = cleared(disk.path(), u64::MAX);
        assert!(reply.message.starts_with("removed "), "{}", reply.message);
        assert_eq!(left(disk.path()), [ABC]);
    }
}
