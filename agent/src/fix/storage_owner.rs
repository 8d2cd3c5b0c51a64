//! `storage-owner`: gives the data disk's tree to the user who serves from it.

use std::io;
use std::path::{Path, PathBuf};

use super::{Reply, disk, user};
use crate::config::Storage;
use crate::probe::tree::{Claim, Entry, Listing};
use crate::probe::{Owner, Top};

/// Directories below each other, at most: each holds a descriptor. Ollama's own tree has five.
const DEPTH: usize = 128;

/// What one walk did.
#[derive(Debug, Default)]
struct Walk {
    seen: u64,
    changed: u64,
    left_alone: u64,
    immutable: u64,
    /// The first path that is immutable.
    first_immutable: Option<PathBuf>,
    /// The top directory was of no use to its owner, and is now.
    opened: bool,
    failed: u64,
    /// The first path that failed, and why.
    first_failure: Option<(PathBuf, io::Error)>,
}

pub(super) fn run(storage: &Storage) -> Reply {
    let wanted = match user::find(&storage.owner) {
        Ok(Some(wanted)) => wanted,
        Ok(None) => return Reply::refused(format!("there is no user {}", storage.owner)),
        Err(e) => return Reply::failed(format!("cannot look up user {}: {e}", storage.owner)),
    };
    match disk::writable(storage) {
        Ok(disk) => give(disk.top(), wanted).reply(storage),
        Err(reply) => reply,
    }
}

/// Gives the tree below `top` to `wanted`, the top first. Memory is bounded by the depth.
fn give(top: &Entry, wanted: Owner) -> Walk {
    let mut walk = Walk::default();
    walk.visit(top, wanted, Path::new("."));
    if Top::is_closed(top.mode) {
        match top.permit(Top::OWNER_BITS) {
            Ok(()) => walk.opened = true,
            Err(e) => walk.fail(Path::new("."), e),
        }
    }
    let mut open: Vec<(PathBuf, Listing)> = Vec::new();
    match top.list_top() {
        Ok(listing) => open.push((PathBuf::new(), listing)),
        Err(e) => walk.fail(Path::new("."), e),
    }
    while let Some((path, listing)) = open.last_mut() {
        let Some((name, entry)) = listing.next() else {
            open.pop();
            continue;
        };
        let below = path.join(name);
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                walk.fail(&below, e);
                continue;
            }
        };
        walk.visit(&entry, wanted, &below);
        if !entry.kind.is_dir() {
            continue;
        }
        if open.len() == DEPTH {
            walk.fail(&below, io::Error::other(format!("more than {DEPTH} directories deep")));
            continue;
        }
        match entry.list() {
            Ok(listing) => open.push((below, listing)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => walk.fail(&below, e),
        }
    }
    walk
}

impl Walk {
    fn visit(&mut self, entry: &Entry, wanted: Owner, path: &Path) {
        self.seen += 1;
        match entry.claim(wanted) {
            Claim::Right => {}
            Claim::Wrong => match entry.give_to(wanted) {
                Ok(()) => self.changed += 1,
                Err(e) => self.fail(path, e),
            },
            Claim::HardLink | Claim::Symlink | Claim::SetId | Claim::Special => {
                self.left_alone += 1;
            }
            Claim::Immutable => {
                self.immutable += 1;
                self.first_immutable.get_or_insert_with(|| path.to_owned());
            }
        }
    }

    fn fail(&mut self, path: &Path, error: io::Error) {
        self.failed += 1;
        self.first_failure.get_or_insert_with(|| (path.to_owned(), error));
    }

    fn reply(self, storage: &Storage) -> Reply {
        let (path, owner) = (storage.path.display(), &storage.owner);
        let alone = match self.left_alone {
            0 => String::new(),
            n => format!(", left {n} links, hard links, set-id and special files of others alone"),
        };
        let immutable = self.first_immutable.as_ref().map_or_else(String::new, |first| {
            format!(", left {} immutable, first {}", self.immutable, first.display())
        });
        let alone = format!("{alone}{immutable}");
        let (changed, seen) = (self.changed, self.seen);
        if changed + self.failed == 0 && !self.opened {
            return Reply::unneeded(format!("{owner} has all {seen} entries in {path}{alone}"));
        }
        let opened = if self.opened { ", opened the top directory" } else { "" };
        let message =
            format!("gave {changed} of {seen} entries in {path} to {owner}{opened}{alone}");
        match self.first_failure {
            None => Reply::done(message),
            Some((first, error)) => {
                let (first, failed) = (first.display(), self.failed);
                Reply::failed(format!("{message}, failed at {failed}, first {first}: {error}"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
