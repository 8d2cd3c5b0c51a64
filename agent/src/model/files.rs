//! The files that the models are made of, held against their names: where the guest has ended
//! without a shutdown, or the server cannot load what it has. The server itself takes each file as
//! it is: one with a single wrong bit loads, and gives wrong embeddings.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::repair::{DAMAGED_FILES, UNVERIFIED_ADVICE};
use crate::core::reconcile::Waker;
use crate::core::{BootClock, Clock, Condition, Judgement, Reason, Role};
use crate::guest::Remedy;
use crate::kept_file;
use crate::probe::{self, BlobFacts, Reading};

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

/// Made by saigak-boot.service where the guest has ended without a shutdown before this boot.
const UNCLEAN: &str = "/run/saigak-boot/unclean";

/// Made by saigak-boot.service at each boot.
const NOTED: &str = "/run/saigak-boot";

pub(super) static ORDERLY: Reason<Remedy> = Reason::good("Orderly");
pub(super) static INTACT: Reason<Remedy> = Reason::good("Intact");
pub(super) static VERIFYING: Reason<Remedy> =
    Reason::unknown("Verifying", "the files are read in the background");
pub(super) static UNVERIFIED: Reason<Remedy> = Reason::unknown("Unverified", UNVERIFIED_ADVICE);

/// How far the check is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Files {
    /// There is no reason to doubt them.
    #[default]
    Trusted,
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
    note: Option<Arc<Note>>,
}

/// A file that is there as long as the models' files are doubted: neither a restart of the agent
/// nor a shutdown in good order makes them any better.
#[derive(Debug)]
struct Note {
    path: PathBuf,
    /// Held while it is written or removed.
    turn: Mutex<()>,
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

impl FileCheck {
    /// The name of the file in the state directory that tells of a doubt.
    pub const NOTE: &str = "files-doubted";

    /// Doubts the files where the guest has ended without a shutdown before this boot, or where
    /// they were doubted before, as the file at `note` tells. Who only looks changes no file.
    #[must_use]
    pub fn at_start(note: PathBuf, read_only: bool) -> Self {
        let doubted = Path::new(UNCLEAN).exists() || note.exists();
        let note = Note { path: note, turn: Mutex::default() };
        let check = Self { note: (!read_only).then(|| Arc::new(note)), ..Self::default() };
        if doubted {
            check.doubt();
        } else if !Path::new(NOTED).exists() {
            let why = "saigak-boot.service did not tell how the last boot ended";
            check.inner().files = Files::Failed(why.into());
        }
        check
    }

    /// Has the note be there or not, as it should, beside the loop: the disk may hang.
    fn keep(&self) {
        if self.note.is_some() {
            let check = self.clone();
            tokio::task::spawn_blocking(move || check.save());
        }
    }

    fn save(&self) {
        let Some(note) = &self.note else { return };
        let _turn = note.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let doubted = self.inner().doubted;
        let saved = if doubted {
            kept_file::write(&note.path, b"the models' files are to be read\n")
        } else {
            kept_file::remove(&note.path)
        };
        if let Err(error) = saved {
            tracing::warn!(path = %note.path.display(), %error, doubted, "a doubt is not noted");
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far it is.
    #[must_use]
    pub fn files(&self) -> Files {
        self.inner().files.clone()
    }

    /// They are to be read, from the beginning.
    pub fn doubt(&self) {
        let mut inner = self.inner();
        if matches!(inner.files, Files::Reading(_)) {
            // What was read of them already may be another by now.
            inner.again = true;
        } else {
            inner.files = Files::Doubted;
        }
        let known = std::mem::replace(&mut inner.doubted, true);
        drop(inner);
        if !known {
            self.keep();
        }
    }

    /// Something has been done about them: if they were read, they are to be read again.
    pub fn renew(&self) {
        if matches!(self.files(), Files::Reading(_) | Files::Checked(_) | Files::Failed(_)) {
            self.doubt();
        }
    }

    /// They were read, and this came of it.
    fn end(&self, found: Files) {
        let mut inner = self.inner();
        let again = std::mem::take(&mut inner.again);
        inner.files = if again { Files::Doubted } else { found };
        if let Files::Checked(facts) = &inner.files
            && facts.damaged.is_empty()
            && facts.unread.is_empty()
        {
            inner.doubted = false;
            drop(inner);
            self.keep();
        }
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
        if inner.files != Files::Doubted {
            return;
        }
        inner.files = Files::Reading(Reading { done: 0, total: 0 });
        let check = self.clone();
        tokio::spawn(async move {
            let began = BootClock.now().uptime;
            let progress = |reading| {
                check.inner().files = Files::Reading(reading);
                waker.nudge();
            };
            let files = match probe::blobs::follow(progress).await {
                Ok(facts) => {
                    let seconds = BootClock.now().uptime.saturating_sub(began).as_secs_f64();
                    tracing::info!(?facts, seconds, "the models' files were read");
                    Files::Checked(facts)
                }
                Err(error) => Files::Failed(error),
            };
            check.end(files);
            waker.wake(concern);
        });
    }
}

/// Judges the models' files.
#[must_use]
pub fn check_files(files: &Files) -> Judgement<Remedy> {
    let (reason, message) = match files {
        Files::Trusted => (&ORDERLY, "the last shutdown was in good order".into()),
        Files::Doubted => (&VERIFYING, "they are read once the server has loaded them".into()),
        Files::Reading(reading) => (&VERIFYING, told(*reading)),
        Files::Checked(facts) if !facts.damaged.is_empty() => {
            let names = facts.damaged.join(", ");
            (&DAMAGED_FILES, format!("not what their names say: {names}"))
        }
        Files::Checked(facts) => {
            if let Some(first) = facts.unread.first() {
                (&UNVERIFIED, format!("{} unread, first {first}", facts.unread.len()))
            } else {
                let (files, size) = (facts.files, megabytes(facts.bytes));
                (&INTACT, format!("{files} files, {size} MB, are what their names say"))
            }
        }
        Files::Failed(why) => (&UNVERIFIED, why.clone()),
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
mod tests {
    use super::*;

    fn name(files: &Files) -> (&'static str, String) {
        let judged = check_files(files);
        (judged.reason.name, judged.message)
    }

    #[test]
    fn only_what_was_read_and_differs_is_damaged() {
        let good = BlobFacts { files: 3, bytes: 5_000_001, ..BlobFacts::default() };
        assert_eq!(name(&Files::Trusted).0, "Orderly");
        assert_eq!(name(&Files::Doubted).0, "Verifying");
        let reading = Files::Reading(Reading { done: 49, total: 100 });
        assert_eq!(name(&reading), ("Verifying", "40 % of 1 MB read".into()));
        let told = "3 files, 6 MB, are what their names say".to_owned();
        assert_eq!(name(&Files::Checked(good.clone())), ("Intact", told));
        let unread = BlobFacts { unread: vec!["x: I/O error".into()], ..good.clone() };
        assert_eq!(name(&Files::Checked(unread.clone())).0, "Unverified");
        let damaged = BlobFacts { damaged: vec!["sha256-12".into()], ..unread };
        assert_eq!(name(&Files::Checked(damaged)).0, "Damaged");
        assert_eq!(name(&Files::Failed("no answer".into())), ("Unverified", "no answer".into()));
    }

    #[test]
    fn a_server_s_failures_are_a_reason_once_for_each_start() {
        let check = FileCheck::default();
        check.doubt_for(1);
        assert_eq!(check.files(), Files::Doubted);
        let read = Files::Checked(BlobFacts::default());
        check.inner().files = read.clone();
        check.doubt_for(1);
        assert_eq!(check.files(), read);
        check.doubt_for(2);
        assert_eq!(check.files(), Files::Doubted);
        check.inner().files = Files::Reading(Reading { done: 1, total: 2 });
        check.doubt();
        assert!(matches!(check.files(), Files::Reading(_)), "they are read already");
        check.end(read.clone());
        assert_eq!(check.files(), Files::Doubted, "from the beginning, once more");
        check.end(read.clone());
        assert_eq!(check.files(), read);
    }
    #[tokio::test]
    async fn a_doubt_outlives_the_agent_until_the_files_are_found_good() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join(FileCheck::NOTE);
        let start = || FileCheck::at_start(path.clone(), false);
        let check = start();
        assert_ne!(check.files(), Files::Doubted);
        check.doubt();
        check.save();
        assert_eq!(start().files(), Files::Doubted);
        let bad = BlobFacts { damaged: vec!["sha256-12".into()], ..BlobFacts::default() };
        check.end(Files::Checked(bad));
        check.save();
        assert_eq!(start().files(), Files::Doubted);
        check.end(Files::Checked(BlobFacts::default()));
        check.save();
        assert_ne!(start().files(), Files::Doubted);
        assert!(!path.exists());
    }
}
