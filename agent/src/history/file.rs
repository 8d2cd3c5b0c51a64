//! The events on disk: one JSON line each, appended. When the file is full, its newer half stays.
//!
//! It is written without being synced: a power cut may cost the last half minute, and a line
//! that was torn by one is skipped. Age is judged only when it is shown, since a wall clock that
//! is wrong must not delete anything.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{DAYS_SHOWN, Event};
use crate::outlet::Outlet;

/// Bytes at which the older half goes: more than a thousand events.
const FULL: u64 = 256 << 10;

/// Events that may wait for the disk.
const ROOM: usize = 256;

/// How long the last words may take.
const FLUSHED_WITHIN: Duration = Duration::from_secs(1);

/// The name in the state directory.
const NAME: &str = "history.ndjson";

/// The file, written by a thread of its own.
#[derive(Debug, Clone)]
pub struct HistoryFile {
    path: PathBuf,
    outlet: Outlet<Vec<Event>>,
}

impl HistoryFile {
    /// The file in `directory`.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        let path = Self::path_in(directory);
        let written = path.clone();
        let mut complained = false;
        let write = move |events: Vec<Event>| match append(&written, &events, FULL) {
            Ok(()) => complained = false,
            Err(error) if !complained => {
                complained = true;
                tracing::warn!(path = %written.display(), %error, "the history is not written");
            }
            Err(_) => {}
        };
        Self { path, outlet: Outlet::start("history", ROOM, write) }
    }

    /// Where it lies in `directory`.
    #[must_use]
    pub fn path_in(directory: &Path) -> PathBuf {
        directory.join(NAME)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds events. Never waits.
    pub fn add(&self, events: Vec<Event>) {
        if !events.is_empty() {
            self.outlet.put(events);
        }
    }

    /// Waits a moment until all is written.
    pub fn flush(&self) {
        self.outlet.flush(FLUSHED_WITHIN);
    }

    /// The way into the thread, to flush it and to ask what it lost.
    #[must_use]
    pub fn outlet(&self) -> &Outlet<Vec<Event>> {
        &self.outlet
    }
}

fn append(path: &Path, events: &[Event], full: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let mut text = String::new();
    if !ends_well(&mut file)? {
        text.push('\n');
    }
    for event in events {
        text.push_str(&serde_json::to_string(event)?);
        text.push('\n');
    }
    file.write_all(text.as_bytes())?;
    if file.metadata()?.len() > full {
        halve(path, full)?;
    }
    Ok(())
}

/// Whether the last line is a whole one.
fn ends_well(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Leaves the newest lines: half of what makes it full.
fn halve(path: &Path, full: u64) -> io::Result<()> {
    let bytes = fs::read(path)?;
    let kept = usize::try_from(full / 2).unwrap_or(usize::MAX);
    let tail = &bytes[bytes.len().saturating_sub(kept)..];
    // The first line of it was cut.
    let whole = tail.iter().position(|byte| *byte == b'\n').map_or(tail, |end| &tail[end + 1..]);
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(whole)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// The events in the file's text that are not too old at `unix` seconds after 1970. What makes
/// no sense is left out.
#[must_use]
pub fn read(text: &[u8], unix: u64) -> Vec<Event> {
    let oldest = unix.saturating_sub(DAYS_SHOWN * 24 * 3600);
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Event>(line).ok())
        .filter(|event| event.unix >= oldest)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::What;
    use super::*;

    fn event(unix: u64) -> Event {
        Event { at: String::new(), unix, what: What::Verdict { ready: true, cause: None } }
    }

    #[test]
    fn a_torn_line_costs_itself_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        append(&path, &[event(1), event(2)], FULL).unwrap();
        let torn = fs::read(&path).unwrap();
        fs::write(&path, &torn[..torn.len() - 5]).unwrap();
        append(&path, &[event(3)], FULL).unwrap();
        assert_eq!(read(&fs::read(&path).unwrap(), 9), [event(1), event(3)]);
        fs::write(&path, b"\xff\x00garbage").unwrap();
        append(&path, &[event(4)], FULL).unwrap();
        assert_eq!(read(&fs::read(&path).unwrap(), 9), [event(4)]);
    }

    #[test]
    fn it_is_bounded_and_keeps_the_newest() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        for n in 0..1000 {
            append(&path, &[event(n)], 4096).unwrap();
            assert!(fs::metadata(&path).unwrap().len() <= 4096);
        }
        let kept = read(&fs::read(&path).unwrap(), 9);
        assert!(kept.len() > 20, "{}", kept.len());
        let first = 1000 - u64::try_from(kept.len()).unwrap();
        assert_eq!(kept, (first..1000).map(event).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_older_than_two_weeks_is_not_shown() {
        let now = 100 * 24 * 3600;
        let line = |unix| serde_json::to_string(&event(unix)).unwrap();
        let (old, young) = (now - 15 * 24 * 3600, now - 13 * 24 * 3600);
        let text = format!("{}\n{}\n", line(old), line(young));
        assert_eq!(read(text.as_bytes(), now), [event(young)]);
    }
}
