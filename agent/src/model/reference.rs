//! The vectors that proofs are held against: a model that computes nonsense of the right shape is
//! told by nothing else.
//!
//! A reference belongs to weights, by their digest, so a model that is pulled anew has one of its
//! own. It is the embedding of the proof's text that two proofs in a row have agreed on; it is
//! kept in the state directory and never replaced. A file that cannot be used makes nothing
//! unready: it is kept under another name, and its references are made anew in the same way as
//! the first ones were. One that cannot be read is left alone, and nothing is written over it.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::proof::TEXT;
use super::vector::{Flaw, cosine, is_unit};
use crate::kept_file;

/// The least cosine of two right embeddings of one text by the same weights. A real server's cold
/// and warm runner differ by 1e-5 in each number, which leaves more than 0.999999. In a transformer
/// of the reference model's shape, with random weights, all numbers rounded to 16 bits leave
/// 0.99989 (bfloat16), a cache of 8 bits 0.9998, and all activations of 8 bits 0.9988. Half of one
/// layer of 28 set to zero leaves 0.980, half of the layers of another model 0.37.
pub(super) const ALIKE: f64 = 0.99;

/// The file's name in the state directory.
const NAME: &str = "references.json";

/// The shape of the file.
const VERSION: u32 = 1;

/// How many are kept. What was used least lately goes first.
const KEPT: usize = 16;

/// More bytes than a full file has, with vectors of 65,536 numbers.
const SIZE_LIMIT: u64 = 16 << 20;

/// The file as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct File {
    version: u32,
    /// The text that was embedded. Another text has other vectors.
    text: String,
    references: Vec<Reference>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Reference {
    /// SHA-256 of the weights, in hex.
    weights: String,
    vector: Vec<f32>,
}

/// All references, in memory and on the disk.
#[derive(Debug)]
pub struct References {
    path: PathBuf,
    read_only: bool,
    known: Mutex<Known>,
    /// Whether somebody writes the file now: a disk that hangs takes no more than one.
    writing: AtomicBool,
}

#[derive(Debug, Default)]
struct Known {
    kept: Vec<Reference>,
    /// The last vector of weights that have no reference yet.
    candidate: Option<Reference>,
    /// What is kept is not what is on the disk.
    unsaved: bool,
    /// The file could not be read yet.
    unread: bool,
    /// It was said that it could not be written.
    complained: bool,
}

/// What is known of a vector, before it is certain whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// It is like the reference.
    Alike,
    /// There is none, or it is not.
    Doubtful,
}

impl References {
    /// Those that lie in `directory`. Who only looks writes none, and changes no file.
    #[must_use]
    pub fn in_directory(directory: &Path, read_only: bool) -> Self {
        let path = directory.join(NAME);
        let mut known = Known { unread: true, ..Known::default() };
        match read_or_rename(&path, read_only) {
            Ok(found) => known.add(found),
            Err(error) => {
                let path = path.display();
                tracing::warn!(%path, %error, "the reference vectors cannot be read yet");
            }
        }
        Self { path, read_only, known: Mutex::new(known), writing: AtomicBool::new(false) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the reference of `weights`, if there is one, rather than those that were used before.
    pub(super) fn touch(&self, weights: &str) {
        let kept = &mut self.known().kept;
        if let Some(at) = kept.iter().position(|reference| reference.weights == weights) {
            let used = kept.remove(at);
            kept.push(used);
        }
    }

    /// Compares a vector with the reference of `weights`. Changes nothing.
    pub(super) fn compare(&self, weights: &str, vector: &[f32]) -> Likeness {
        match self.known().of(weights) {
            Some(reference) if cosine(reference, vector) >= ALIKE => Likeness::Alike,
            _ => Likeness::Doubtful,
        }
    }

    /// Takes in a vector that these weights have certainly made.
    pub(super) fn take(&self, weights: &str, vector: Vec<f32>) -> Result<(), Flaw> {
        let mut known = self.known();
        if let Some(reference) = known.of(weights) {
            return alike(reference, &vector);
        }
        // Two that differ: at least one of them is wrong, and the next one tells which.
        let reference = Reference { weights: weights.to_owned(), vector };
        let before = known.candidate.replace(reference.clone());
        let Some(before) = before.filter(|before| before.weights == weights) else { return Ok(()) };
        alike(&before.vector, &reference.vector)?;
        known.candidate = None;
        known.kept.push(reference);
        let surplus = known.kept.len().saturating_sub(KEPT);
        known.kept.drain(..surplus);
        known.unsaved = true;
        Ok(())
    }

    /// Writes what is new to the disk, beside the caller, who does not wait for it. What could not
    /// be written is tried again at the next call.
    pub(super) fn save(self: &Arc<Self>) {
        let due = {
            let known = self.known();
            known.unsaved || known.unread
        };
        if self.read_only || !due || self.writing.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = this.bring_to_disk() {
                let known = &mut this.known();
                if !std::mem::replace(&mut known.complained, true) {
                    let path = this.path.display();
                    tracing::warn!(%path, %error, "the reference vectors are not saved");
                }
            }
            this.writing.store(false, Ordering::Release);
        });
    }

    /// Reads what could not be read before, and writes what is new.
    fn bring_to_disk(&self) -> io::Result<()> {
        if self.known().unread {
            let found = read_or_rename(&self.path, self.read_only)?;
            self.known().add(found);
        }
        let references = {
            let known = self.known();
            if !known.unsaved {
                return Ok(());
            }
            known.kept.clone()
        };
        write(&self.path, references.clone())?;
        let mut known = self.known();
        known.unsaved = known.kept != references;
        Ok(())
    }
}

impl Known {
    /// Adds what is in the file. It counts before what was made meanwhile.
    fn add(&mut self, found: Vec<Reference>) {
        let made = std::mem::replace(&mut self.kept, found);
        let new = made.into_iter().filter(|made| self.of(&made.weights).is_none());
        let new: Vec<_> = new.collect();
        self.kept.extend(new);
        let surplus = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..surplus);
        self.unread = false;
    }

    fn of(&self, weights: &str) -> Option<&[f32]> {
        let found = self.kept.iter().find(|reference| reference.weights == weights);
        found.map(|reference| reference.vector.as_slice())
    }
}

fn alike(one: &[f32], other: &[f32]) -> Result<(), Flaw> {
    let cosine = cosine(one, other);
    if cosine >= ALIKE { Ok(()) } else { Err(Flaw::Unlike(cosine)) }
}

/// What is in the file. None where there is no file, or one that cannot be used: that gets another
/// name.
fn read_or_rename(path: &Path, read_only: bool) -> io::Result<Vec<Reference>> {
    let read = match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err("it is no file".to_owned()),
        Ok(found) if found.len() > SIZE_LIMIT => {
            Err(format!("{} bytes are more than {SIZE_LIMIT}", found.len()))
        }
        Ok(_) => parse(&fs::read(path)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(read.unwrap_or_else(|error| {
        let told = path.display();
        tracing::warn!(path = %told, %error, "the reference vectors cannot be used, and are made anew");
        let aside = path.with_extension("unusable");
        if !read_only && let Err(error) = fs::rename(path, &aside) {
            tracing::warn!(path = %aside.display(), %error, "they are not kept");
        }
        Vec::new()
    }))
}

fn parse(bytes: &[u8]) -> Result<Vec<Reference>, String> {
    let file: File = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if file.version != VERSION {
        return Err(format!("version {} is not {VERSION}", file.version));
    }
    if file.text != TEXT {
        return Err("another text was embedded".into());
    }
    if let Some(bad) = file.references.iter().find(|reference| !is_unit(&reference.vector)) {
        return Err(format!("what is kept for {:.12} is no embedding", bad.weights));
    }
    Ok(file.references)
}

fn write(path: &Path, references: Vec<Reference>) -> io::Result<()> {
    let file = File { version: VERSION, text: TEXT.to_owned(), references };
    kept_file::write(path, &serde_json::to_vec(&file)?)
}

#[cfg(test)]
mod tests;
