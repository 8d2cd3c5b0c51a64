//! `model-blobs`: sets blobs aside whose content is not what their name says.
//!
//! A blob has the SHA-256 of its content for a name, so one that differs from it is damaged
//! beyond doubt, whatever became of it. The server checks a blob only when it has just loaded
//! it, and only up to the first that is wrong; from then on it takes each as it is. A pull
//! mends none while it is there, and loads it anew once it is out of the way. It is renamed and
//! kept: what was damaged, and how, is for a person to see, and nothing here deletes a model. Of each
//! blob the last damaged copy is kept.
//!
//! What another model needs is named and left alone: nobody pulls that, and a copy with one wrong
//! bit that still loads may be the only one.

mod aside;
pub(super) mod room;

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use super::{Reply, disk};
use crate::config::{Config, Storage};
use crate::model::aside::{blob_of, digest_of};
use crate::probe::blob::{self, State};
use crate::probe::manifest::{self, Named};
use crate::probe::tree::Entry;

/// How long it goes on, so that it can say how far it came: less than its unit's
/// `TimeoutStartSec=`.
const LIMIT: Duration = Duration::from_secs(14 * 60);

/// How many names a message tells.
const TOLD: usize = 3;

/// A directory of blobs, and what the manifests beside it name.
struct Store {
    blobs: Entry,
    named: Named,
}

/// What one pass over the blobs found and did.
#[derive(Debug, Default)]
struct Pass {
    /// How many blobs were read to their end.
    checked: usize,
    /// How many were not: the time was over.
    unread: usize,
    /// Names of blobs that were set aside.
    aside: Vec<String>,
    /// Names of damaged blobs that other models need, or may need.
    left: Vec<String>,
    /// What could not be read or set aside, and why.
    failed: Vec<String>,
}

pub(super) fn run(config: &Config) -> Reply {
    let storage = &config.storage;
    let path = storage.path.display();
    let disk = match disk::writable(storage) {
        Ok(disk) => disk,
        Err(reply) => return reply,
    };
    let own = config.model_names();
    match stores(disk.top(), &own, Instant::now() + LIMIT) {
        Some(pass) => pass.reply(storage),
        None => Reply::refused(format!("no directory on {path} is a store of models")),
    }
}

/// Checks the blobs of every store on the disk whose `top` this is, those that the models `own`
/// name first, and begins with none after `until`. `None`: there is no store.
fn stores(top: &Entry, own: &[&str], until: Instant) -> Option<Pass> {
    let (mut pass, mut stores) = (Pass::default(), Vec::new());
    for path in manifest::STORES {
        match Store::open(top, path, own) {
            Ok(store) => stores.extend(store),
            Err(error) => pass.failed.push(format!("store {path:?}: {error}")),
        }
    }
    if stores.is_empty() && pass.failed.is_empty() {
        return None;
    }
    for store in &stores {
        pass.visit_own(store, until);
    }
    // The service waits for a pull of those; to read all others may take many minutes.
    if pass.aside.is_empty() {
        for store in &stores {
            pass.visit_others(store, until);
        }
    }
    Some(pass)
}

impl Store {
    /// `None`: there is no directory of blobs, or a link in its place.
    fn open(top: &Entry, path: &str, own: &[&str]) -> io::Result<Option<Self>> {
        let found = manifest::store(top, path)?;
        Ok(found.map(|(store, blobs)| Self { blobs, named: Named::read(&store, own) }))
    }
}

impl Pass {
    /// Visits the blobs that the agent's own models need.
    fn visit_own(&mut self, store: &Store, until: Instant) {
        for digest in &store.named.own {
            let name = format!("sha256-{digest}");
            match store.blobs.child(&name) {
                Ok(Some(entry)) if entry.kind.is_file() => self.visit(store, &name, until),
                Ok(_) => {}
                Err(error) => self.failed.push(format!("{name}: {error}")),
            }
        }
    }

    /// Visits all others, and what was left aside.
    fn visit_others(&mut self, store: &Store, until: Instant) {
        let Store { blobs, named } = store;
        let listing = match blobs.list() {
            Ok(listing) => listing,
            Err(error) => return self.failed.push(format!("blobs: {error}")),
        };
        let (mut others, mut asides) = (Vec::new(), Vec::new());
        for (name, entry) in listing {
            let names = match (digest_of(&name), blob_of(&name)) {
                (Some(digest), _) if named.own.contains(digest) => continue,
                (Some(_), _) => &mut others,
                (None, Some(_)) => &mut asides,
                // The directory itself, which cannot be read to its end.
                (None, None) if entry.is_err() && name == "." => &mut others,
                (None, None) => continue,
            };
            match entry.map(|entry| entry.kind.is_file()) {
                // A link, or a directory: none of the server's.
                Ok(false) => {}
                Ok(true) => names.push(name),
                Err(error) => self.failed.push(format!("{name}: {error}")),
            }
        }
        for name in others {
            self.visit(store, &name, until);
        }
        // After those that have their names: one of them may be missing.
        for name in asides {
            match aside::clear(blobs, &name, until) {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => self.unread += 1,
                // A later copy of the same blob has just taken its place.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.failed.push(format!("{name}: {error}")),
                Ok(()) => {}
            }
        }
    }

    fn visit(&mut self, store: &Store, name: &str, until: Instant) {
        let Store { blobs, named } = store;
        let read = |file: File| damaged(&file, name, until);
        match blobs.read_below(name).and_then(read) {
            Ok(None) => self.checked += 1,
            Ok(Some(_))
                if !digest_of(name).is_some_and(|digest| named.is_own_or_unneeded(digest)) =>
            {
                self.checked += 1;
                self.left.push(name.to_owned());
            }
            Ok(Some(state)) => {
                self.checked += 1;
                match aside::put(blobs, name, state) {
                    Ok(true) => {
                        self.aside.push(name.to_owned());
                        // Those that stay take room, and keep nothing from being mended.
                        let _ = aside::keep_last(blobs, name, until);
                    }
                    // Another file by now, of which nothing is known.
                    Ok(false) => {}
                    Err(error) => self.failed.push(format!("cannot set {name} aside: {error}")),
                }
            }
            // Said once, by how many were checked.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => self.unread += 1,
            // Gone since: it was deleted, or its download began anew.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.failed.push(format!("{name}: {error}")),
        }
    }

    fn reply(self, storage: &Storage) -> Reply {
        let Self { checked, unread, aside, left, failed } = self;
        let path = storage.path.display();
        let mut message = if aside.is_empty() {
            let good = checked.saturating_sub(left.len());
            format!("{good} blobs in {path} are what their names say")
        } else {
            let aside = few(&aside);
            format!("set aside in {path} what is not what its name says: {aside}")
        };
        // Writing to a string cannot fail.
        if !left.is_empty() {
            let left = few(&left);
            let _ = write!(message, "; damaged, and left alone for another model: {left}");
        }
        if let Some(first) = failed.first() {
            let _ = write!(message, "; failed at {}, first {first}", failed.len());
        }
        let late = unread > 0;
        if late {
            let all = checked + unread;
            let minutes = LIMIT.as_secs() / 60;
            let _ = write!(message, "; checked {checked} of {all} within {minutes} minutes");
        }
        match (failed.is_empty(), aside.is_empty()) {
            (true, true) if !late => Reply::unneeded(message),
            // The rest is for the next time, if it is needed then.
            (true, false) => Reply::done(message),
            _ => Reply::failed(message),
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

/// What `file` was when it was found damaged, if it was; see [`blob::damaged`].
fn damaged(file: &File, name: &str, until: Instant) -> io::Result<Option<State>> {
    blob::damaged(file, name, |_| {
        if Instant::now() >= until { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    })
}

#[cfg(test)]
mod tests;
