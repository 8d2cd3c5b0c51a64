//! The files that the models are made of, held against their names: where the guest has ended
//! without a shutdown, or the server cannot load what it has. The server itself takes each file as
//! it is: one with a single wrong bit loads, and gives wrong embeddings.

mod boot;
mod note;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::ladders::{DAMAGED_FILES, UNVERIFIED_ADVICE};
use crate::core::reconcile::Waker;
use crate::core::{BootClock, Clock, Condition, Judgement, Reason, Role};
use crate::guest::Remedy;
use crate::probe::{self, BlobFacts, Reading};
use boot::Ended;
use note::Note;

/// No file of the models is known to be damaged. What is not known keeps nothing from being ready:
/// an embedding is proven by itself.
pub static MODEL_FILES_INTACT: Condition = Condition {
    name: "ModelFilesIntact",
    concern: "model",
    role: Role::Veto,
    needs: &["DataDiskMounted"],
    explained_by: &[],
    grace: Duration::ZERO,
};

pub(super) static ORDERLY: Reason<Remedy> = Reason::good("Orderly");
pub(super) static NOT_DOUBTED: Reason<Remedy> = Reason::good("NotDoubted");
pub(super) static INTACT: Reason<Remedy> = Reason::good("Intact");
pub(super) static VERIFYING: Reason<Remedy> =
    Reason::unknown("Verifying", "the files are read in the background");
pub(super) static UNVERIFIED: Reason<Remedy> = Reason::unknown("Unverified", UNVERIFIED_ADVICE);

/// What is known of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    /// How far the check is.
    pub check: Check,
    /// The names of those that were found damaged, and neither found good nor repaired since.
    pub damaged: Vec<String>,
}

/// How far the check is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Check {
    /// There is no reason to doubt them: the last boot has ended in good order.
    #[default]
    Trusted,
    /// There is no reason to doubt them, and no note of a boot before this one.
    Undoubted,
    /// They are to be read, once the server does not need the disk itself.
    Doubted,
    /// They are being read.
    Reading(Reading),
    /// They were.
    Checked(BlobFacts),
    /// They could not be, and why.
    Failed(String),
}

/// The check of the models' files, a job beside the loop. Copies share it.
#[derive(Debug, Clone, Default)]
pub struct FileCheck {
    inner: Arc<Mutex<Inner>>,
    /// `None`: nothing is noted.
    note: Option<Arc<Note>>,
}

#[derive(Debug, Default)]
struct Inner {
    files: Files,
    /// There was another reason to doubt them while they were read.
    again: bool,
    /// They have been doubted, and not found good since.
    doubted: bool,
    /// The start of the server whose failures have last given a reason to doubt them.
    doubted_for: Option<u128>,
}

impl Inner {
    /// They are to be read, from the beginning.
    fn doubt(&mut self) {
        if matches!(self.files.check, Check::Reading(_)) {
            // What was read of them already may be another by now.
            self.again = true;
        } else {
            self.files.check = Check::Doubted;
        }
        self.doubted = true;
    }
}

impl FileCheck {
    /// The name of the file in the state directory that tells of a doubt.
    pub const NOTE: &str = "files-doubted";

    /// Doubts the files where the guest has ended without a shutdown before this boot, or where
    /// they were doubted before, as the file at `note` tells. What was found damaged then still
    /// is, as far as is known. Who only looks changes no file.
    #[must_use]
    pub fn at_start(note: PathBuf, read_only: bool) -> Self {
        Self::after(boot::last(Path::new(boot::NOTED)), Note::at(note), read_only)
    }

    fn after(ended: Ended, note: Note, read_only: bool) -> Self {
        let noted = note.read();
        let check = Self { note: (!read_only).then(|| Arc::new(note)), ..Self::default() };
        check.inner().files.damaged = noted.clone().unwrap_or_default();
        match ended {
            _ if noted.is_some() => check.doubt(),
            Ended::Unclean => check.doubt(),
            Ended::Orderly => {}
            Ended::Unnoted => check.inner().files.check = Check::Undoubted,
            Ended::Untold => {
                let why = "saigak-boot.service did not tell how the last boot ended";
                check.inner().files.check = Check::Failed(why.into());
            }
        }
        check
    }

    /// Has the note tell what is known now, beside the loop: the disk may hang.
    fn keep(&self) {
        if self.note.is_some() {
            let check = self.clone();
            tokio::task::spawn_blocking(move || check.save());
        }
    }

    fn save(&self) {
        let Some(note) = &self.note else { return };
        note.save(|| {
            let inner = self.inner();
            inner.doubted.then(|| inner.files.damaged.clone())
        });
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known, and has it noted where that makes a difference.
    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let noted = |inner: &Inner| (inner.doubted, inner.files.damaged.clone());
        let mut inner = self.inner();
        let before = noted(&inner);
        change(&mut inner);
        let differs = noted(&inner) != before;
        drop(inner);
        if differs {
            self.keep();
        }
    }

    /// What is known of them.
    #[must_use]
    pub fn files(&self) -> Files {
        self.inner().files.clone()
    }

    /// They are to be read, from the beginning. What was found damaged still is.
    pub fn doubt(&self) {
        self.change(Inner::doubt);
    }

    /// Something has been done about them: if there was a doubt, they are to be read again.
    pub fn renew(&self) {
        self.change(|inner| {
            inner.files.damaged.clear();
            if !matches!(inner.files.check, Check::Trusted | Check::Undoubted | Check::Doubted) {
                inner.doubt();
            }
        });
    }

    /// They were read, and this came of it.
    fn end(&self, found: Check) {
        self.change(|inner| {
            if std::mem::take(&mut inner.again) {
                inner.files.check = Check::Doubted;
                return;
            }
            if let Check::Checked(facts) = &found {
                let unread = |name: &String| facts.unread.iter().any(|one| one.starts_with(name));
                inner.files.damaged.retain(unread);
                inner.files.damaged.extend_from_slice(&facts.damaged);
                inner.doubted &= !(facts.damaged.is_empty() && facts.unread.is_empty());
            }
            inner.files.check = found;
        });
    }

    /// The server that was started as `invocation` cannot compute with them: they are to be read,
    /// once for each start.
    pub fn doubt_for(&self, invocation: u128) {
        let known = self.inner().doubted_for.replace(invocation);
        if known != Some(invocation) {
            self.doubt();
        }
    }

    /// Has them read where they are doubted. `concern` is looked at again at the end.
    pub fn begin(&self, waker: Arc<Waker>, concern: usize) {
        let mut inner = self.inner();
        if inner.files.check != Check::Doubted {
            return;
        }
        inner.files.check = Check::Reading(Reading { done: 0, total: 0 });
        let check = self.clone();
        tokio::spawn(async move {
            let began = BootClock.now().uptime;
            let progress = |reading| {
                check.inner().files.check = Check::Reading(reading);
                waker.nudge();
            };
            let found = match probe::blobs::follow(progress).await {
                Ok(facts) => {
                    let seconds = BootClock.now().uptime.saturating_sub(began).as_secs_f64();
                    tracing::info!(?facts, seconds, "the models' files were read");
                    Check::Checked(facts)
                }
                Err(error) => Check::Failed(error),
            };
            check.end(found);
            waker.wake(concern);
        });
    }
}

/// Judges the models' files.
#[must_use]
pub fn check_files(files: &Files) -> Judgement<Remedy> {
    let (reason, message) = match &files.check {
        _ if !files.damaged.is_empty() => {
            let names = files.damaged.join(", ");
            (&DAMAGED_FILES, format!("not what their names say: {names}"))
        }
        Check::Trusted => (&ORDERLY, "the last shutdown was in good order".into()),
        Check::Undoubted => {
            (&NOT_DOUBTED, "there is no note of an earlier boot, nor of a doubt".into())
        }
        Check::Doubted => (&VERIFYING, "they are read once the server has loaded them".into()),
        Check::Reading(reading) => (&VERIFYING, told(*reading)),
        Check::Checked(facts) => {
            if let Some(first) = facts.unread.first() {
                (&UNVERIFIED, format!("{} unread, first {first}", facts.unread.len()))
            } else {
                let (files, size) = (facts.files, megabytes(facts.bytes));
                (&INTACT, format!("{files} files, {size} MB, are what their names say"))
            }
        }
        Check::Failed(why) => (&UNVERIFIED, why.clone()),
    };
    Judgement::new(&MODEL_FILES_INTACT, reason, message)
}

/// In steps of a tenth: a message is news.
fn told(reading: Reading) -> String {
    let Reading { done, total } = reading;
    let tenths = (done * 10).checked_div(total).unwrap_or_default();
    format!("{} % of {} MB read", tenths * 10, megabytes(total))
}

fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

#[cfg(test)]
mod tests;
