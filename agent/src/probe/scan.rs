//! One bounded look at the data disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use super::facts::{
    DiskFacts, Immutable, LeftAlone, Link, Owner, SetAside, StorageFacts, Top, WrongOwner,
};
use super::manifest::{self, STORES};
use super::tree::{Claim, Disk, Entry, Listing};
use crate::config::Config;
use crate::fix::user;
use crate::model::aside;

/// Entries looked at in one pass, at most: some milliseconds of work, not a walk through
/// hundreds of thousands of files every few seconds.
const ENTRIES: u32 = 512;

/// Entries that one directory gives before the next has its turn, so that a full one does not
/// hide its neighbours.
const TURN: usize = 64;

/// Entries of a directory of blobs that are looked at for what lies beside them: more than a server
/// with a hundred models has.
const BLOBS: usize = 2048;

/// What ends the name of a blob whose bytes still come. The records beside it, of how far each part
/// has come, go when it is whole.
const PARTIAL: &str = "-partial";

/// The directories of Ollama's store.
pub(super) const STORE: [&str; 2] = ["blobs", "manifests"];

/// Why the disk could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}", path.display())]
pub(super) struct ScanError {
    path: PathBuf,
    source: io::Error,
}

pub(super) fn facts(config: &Config) -> Result<StorageFacts, ScanError> {
    let storage = &config.storage;
    let path = storage.path.clone();
    let read = || -> io::Result<StorageFacts> {
        let wanted = user::find(&storage.owner)?;
        let disk =
            Disk::open(&storage.path)?.map(|disk| look(&disk, wanted, config)).transpose()?;
        Ok(StorageFacts { wanted, disk })
    };
    read().map_err(|source| ScanError { path, source })
}

fn look(disk: &Disk, wanted: Option<Owner>, config: &Config) -> io::Result<DiskFacts> {
    let space = disk.space()?;
    let top = disk.top();
    let (set_aside, partials) = beside(top);
    let mut facts = DiskFacts {
        read_only: disk.read_only()?,
        free_bytes: space.f_bavail.saturating_mul(space.f_frsize),
        total_bytes: space.f_blocks.saturating_mul(space.f_frsize),
        free_inodes: space.f_favail,
        total_inodes: space.f_files,
        top: Top { uid: top.owner.uid, gid: top.owner.gid, mode: top.mode & 0o7777 },
        wrong_owner: WrongOwner::default(),
        left_alone: LeftAlone::default(),
        immutable: Immutable::default(),
        links: links(top)?,
        entries_seen: 0,
        alias_weights: manifest::all_weights(top, &config.model.alias),
        further_weights: (config.further.iter())
            .map(|model| (model.alias.clone(), manifest::all_weights(top, &model.alias)))
            .collect(),
        set_aside,
        partials,
    };
    if let Some(wanted) = wanted {
        walk(top, wanted, &mut facts)?;
    }
    Ok(facts)
}

/// What lies beside the blobs: those that were set aside, and what downloads have left. A store
/// that cannot be read has none that are known.
fn beside(top: &Entry) -> (SetAside, BTreeMap<String, u64>) {
    let blobs = STORES.iter().filter_map(|path| Some(manifest::store(top, path).ok()??.1));
    let listed = blobs.filter_map(|blobs| blobs.list().ok()).flat_map(|all| all.take(BLOBS));
    let (mut found, mut partials) = (SetAside::default(), BTreeMap::new());
    for (name, entry) in listed {
        let Some(entry) = entry.ok().filter(|entry| entry.kind.is_file()) else { continue };
        if aside::blob_of(&name).is_some() {
            found.files += 1;
            found.bytes = found.bytes.saturating_add(entry.size);
        } else if let Some(digest) = name.strip_suffix(PARTIAL).and_then(aside::digest_of) {
            let bytes: &mut u64 = partials.entry(digest.to_owned()).or_default();
            *bytes = bytes.saturating_add(entry.allocated);
        }
    }
    (found, partials)
}

/// The links in place of directories, on the way to the blobs and manifests of every store. What
/// lies behind one is not looked at.
fn links(top: &Entry) -> io::Result<Vec<Link>> {
    let ends = STORES.iter().flat_map(|store| STORE.map(|name| Path::new(store).join(name)));
    let places: BTreeSet<PathBuf> =
        ends.flat_map(|end| end.ancestors().map(Path::to_owned).collect::<Vec<_>>()).collect();
    let mut links = Vec::new();
    for place in &places {
        // The top itself has no name.
        let (Some(above), Some(name)) = (place.parent(), place.file_name()) else { continue };
        let Some(above) = top.directory_below(&above.to_string_lossy())? else { continue };
        if let Some(target) = above.link(&name.to_string_lossy())? {
            links.push(Link { name: place.to_string_lossy().into_owned(), target });
        }
    }
    Ok(links)
}

/// Breadth first, in turns.
fn walk(top: &Entry, wanted: Owner, facts: &mut DiskFacts) -> io::Result<()> {
    note(top, wanted, Path::new("."), facts);
    let mut open: VecDeque<(PathBuf, Listing)> = VecDeque::new();
    open.push_back((PathBuf::new(), top.list_top()?));
    while let Some((path, mut listing)) = open.pop_front() {
        let mut taken = 0;
        for (name, entry) in listing.by_ref().take(TURN) {
            if facts.entries_seen >= ENTRIES {
                facts.wrong_owner.truncated = true;
                return Ok(());
            }
            taken += 1;
            let below = path.join(name);
            let entry = entry?;
            note(&entry, wanted, &below, facts);
            if entry.kind.is_dir() {
                match entry.list() {
                    Ok(listing) => open.push_back((below, listing)),
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => return Err(e),
                }
            }
        }
        if taken == TURN {
            open.push_back((path, listing));
        }
    }
    Ok(())
}

fn note(entry: &Entry, wanted: Owner, path: &Path, facts: &mut DiskFacts) {
    facts.entries_seen += 1;
    match entry.claim(wanted) {
        Claim::Right => {}
        Claim::Wrong => {
            facts.wrong_owner.count += 1;
            facts.wrong_owner.first.get_or_insert_with(|| path.to_string_lossy().into_owned());
        }
        Claim::HardLink => facts.left_alone.hard_links += 1,
        Claim::Symlink => facts.left_alone.symlinks += 1,
        Claim::SetId => facts.left_alone.set_id += 1,
        Claim::Special => facts.left_alone.special += 1,
        Claim::Immutable => {
            facts.immutable.count += 1;
            facts.immutable.first.get_or_insert_with(|| path.to_string_lossy().into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileExt, symlink};

    use super::*;

    fn looked_at(root: &Path) -> DiskFacts {
        let disk = Disk::directory(root).unwrap();
        let owner = disk.top().owner;
        look(&disk, Some(owner), &Config::default()).unwrap()
    }

    #[test]
    fn a_link_on_the_way_to_a_store_is_named_and_not_followed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("manifests/library")).unwrap();
        symlink("/nowhere", root.path().join("other")).unwrap();
        assert_eq!(looked_at(root.path()).links, []);
        let link = |name: &str| {
            symlink("/srv/elsewhere", root.path().join(name)).unwrap();
            Link { name: name.into(), target: "/srv/elsewhere".into() }
        };
        let blobs = link("blobs");
        fs::create_dir_all(root.path().join("models")).unwrap();
        let (home, manifests) = (link(".ollama"), link("models/manifests"));
        let seen = looked_at(root.path());
        assert_eq!(seen.links, [home.clone(), blobs.clone(), manifests.clone()]);
        // Only those that the server meets concern it.
        let met = |store| seen.link_to(Path::new(store));
        assert_eq!(met(""), Some(&blobs));
        assert_eq!(met("models"), Some(&manifests));
        assert_eq!(met(".ollama/models"), Some(&home));
        assert_eq!(met("home/.ollama/models"), None);
    }

    #[test]
    fn what_was_set_aside_is_counted_in_all_stores() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(looked_at(root.path()).set_aside, SetAside::default());
        let blob = format!("sha256-{}", "ab".repeat(32));
        for (store, bytes) in [("", 5), ("models", 7)] {
            let blobs = root.path().join(store).join("blobs");
            fs::create_dir_all(&blobs).unwrap();
            for name in [blob.clone(), format!("{blob}-partial"), aside::name(&blob, 7)] {
                fs::write(blobs.join(name), vec![0; bytes]).unwrap();
            }
            fs::create_dir(blobs.join(aside::name(&blob, 8))).unwrap();
        }
        assert_eq!(looked_at(root.path()).set_aside, SetAside { files: 2, bytes: 12 });
    }

    #[test]
    fn a_download_takes_what_is_written_of_it_and_not_its_length() {
        let root = tempfile::tempdir().unwrap();
        let blobs = root.path().join("blobs");
        fs::create_dir(&blobs).unwrap();
        let digest = "ab".repeat(32);
        let partial = fs::File::create(blobs.join(format!("sha256-{digest}-partial"))).unwrap();
        partial.set_len(1 << 30).unwrap();
        fs::write(blobs.join(format!("sha256-{digest}-partial-0")), "{}").unwrap();
        fs::write(blobs.join(format!("sha256-{digest}")), vec![1; 1 << 20]).unwrap();
        partial.write_all_at(&vec![1; 1 << 20], 1 << 29).unwrap();
        partial.sync_all().unwrap();
        let seen = looked_at(root.path());
        assert_eq!(seen.partials.keys().collect::<Vec<_>>(), [&digest]);
        // A filesystem may count a little of its own with it.
        let taken = seen.partial_bytes();
        assert!((1 << 20..2 << 20).contains(&taken), "{taken}");
    }

    #[test]
    fn a_look_ends_long_before_a_large_tree_does() {
        let root = tempfile::tempdir().unwrap();
        let (one, many) = (root.path().join("one"), root.path().join("many"));
        fs::create_dir_all(&one).unwrap();
        fs::create_dir_all(&many).unwrap();
        for number in 0..ENTRIES * 2 {
            fs::write(many.join(number.to_string()), "").unwrap();
        }
        fs::write(one.join("file"), "").unwrap();
        let facts = looked_at(root.path());
        assert_eq!(facts.entries_seen, ENTRIES);
        assert!(facts.wrong_owner.truncated && facts.wrong_owner.count == 0);
        assert!(!facts.needs_owner());
    }
}
