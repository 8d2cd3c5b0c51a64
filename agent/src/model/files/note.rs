//! The file that is there as long as the models' files are doubted: neither a restart of the agent
//! nor a shutdown in good order makes them any better. It names those that were found damaged.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::kept_file;
use crate::model::aside::digest_of;

/// The first line, for people. The others are the names of damaged files.
const FIRST: &str = "the models' files are to be read";

/// More than the names of all files of 16 models.
const LIMIT: u64 = 64 << 10;

/// The file.
#[derive(Debug)]
pub(super) struct Note {
    path: PathBuf,
    /// Held while it is written or removed.
    turn: Mutex<()>,
}

impl Note {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, turn: Mutex::default() }
    }

    /// The files that were found damaged, or none of them yet. `None`: there is no doubt. A note
    /// that cannot be read is one of a doubt.
    pub(super) fn read(&self) -> Option<Vec<String>> {
        let mut text = Vec::new();
        match File::open(&self.path).and_then(|file| file.take(LIMIT).read_to_end(&mut text)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "a doubt cannot be read");
            }
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&text);
        Some(text.lines().filter(|line| digest_of(line).is_some()).map(str::to_owned).collect())
    }

    /// Has the file tell what `doubt` says once it is its turn: the damaged files of a doubt, or
    /// that there is none.
    pub(super) fn save(&self, doubt: impl FnOnce() -> Option<Vec<String>>) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let saved = match doubt() {
            Some(damaged) => kept_file::write(&self.path, text(&damaged).as_bytes()),
            None => kept_file::remove(&self.path),
        };
        if let Err(error) = saved {
            tracing::warn!(path = %self.path.display(), %error, "a doubt is not noted");
        }
    }
}

fn text(damaged: &[String]) -> String {
    let mut text = format!("{FIRST}\n");
    for name in damaged {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_note_tells_what_was_written_and_a_torn_one_that_there_is_a_doubt() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("note");
        let note = Note::at(path.clone());
        assert_eq!(note.read(), None);
        let names: Vec<_> = ["a", "b"].map(|digit| format!("sha256-{}", digit.repeat(64))).into();
        for damaged in [Vec::new(), names.clone(), names[..1].to_vec()] {
            note.save(|| Some(damaged.clone()));
            assert_eq!(note.read(), Some(damaged));
        }
        for torn in ["", FIRST, "sha256-12\n../x\n", "\u{0}"] {
            fs::write(&path, torn).unwrap();
            assert_eq!(note.read(), Some(Vec::new()), "{torn:?}");
        }
        note.save(|| None);
        assert_eq!(note.read(), None);
    }
}
