//! `blobs`: reads the files that the agent's own models are made of, and says which are not what
//! their names say. It changes nothing, and takes its time: the server comes first.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::time;

use super::blob::{State, damaged};
use super::manifest::{self, Named, STORES};
use super::tree::{Disk, Entry};
use crate::config::Config;
use crate::fix::control_group;

/// Bytes a second that are read at most. Volumes of clusters give 125 MB/s and more, and the
/// kernel's classes of I/O mean little on a virtual disk: what is left is for the server.
const RATE: u64 = 50_000_000;

/// How often it says how far it is, and looks whether the server waits for the disk.
const SAYS_EVERY: Duration = Duration::from_secs(1);

/// The part of the time that the server's processes may wait for a disk before this gives way.
const PRESSED: f64 = 0.05;

/// How long it gives way then, before it looks again.
const GIVES_WAY: Duration = Duration::from_secs(4);

/// Where the unified hierarchy of control groups lies.
const GROUPS: &str = "/sys/fs/cgroup";

/// What it says, a line each; the last is `Checked` or `Failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BlobLine {
    /// How far it is.
    Reading(Reading),
    /// It has read all of them.
    Checked(BlobFacts),
    /// It could not, and why.
    Failed(String),
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Bytes that were read.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// What it has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobFacts {
    /// How many files were read to their end.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Names of those that are not what their names say.
    pub damaged: Vec<String>,
    /// Those that could not be read, and why.
    pub unread: Vec<String>,
}

/// Reads all of them, and tells standard output.
pub(super) fn run(config: &Config) -> Result<(), String> {
    let path = config.storage.path.display();
    let disk = Disk::open(&config.storage.path).map_err(|e| format!("cannot read {path}: {e}"))?;
    let disk = disk.ok_or_else(|| format!("nothing is mounted at {path}"))?;
    let own = config.model_names();
    // Where it is not known, only the rate holds it back.
    let pressure = super::wait(async {
        let group = control_group(&config.ollama).await?;
        Ok(Path::new(GROUPS).join(group.trim_start_matches('/')).join("io.pressure"))
    });
    let facts = check(disk.top(), &own, &mut Pace::new(pressure.ok(), say))?;
    say(&BlobLine::Checked(facts)).map_err(|error| error.to_string())
}

/// One line on standard output. Where nobody reads it any more, the work ends with that error.
pub(super) fn say(line: &BlobLine) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    io::stdout().write_all(&text)
}

fn check(
    top: &Entry,
    own: &[&str],
    pace: &mut Pace<impl FnMut(&BlobLine) -> io::Result<()>>,
) -> Result<BlobFacts, String> {
    let (mut facts, mut files) = (BlobFacts::default(), Vec::new());
    for path in STORES {
        if let Err(error) = list(top, path, own, &mut files, &mut facts) {
            facts.unread.push(format!("store {path:?}: {error}"));
        }
    }
    pace.total = files.iter().map(|file| file.length).sum();
    for Blob { name, file, length, blobs } in files {
        match damaged(&file, &name, |bytes| pace.after(bytes)) {
            Ok(None) => {}
            Ok(Some(found)) => match blobs.read_below(&name).and_then(|file| State::of(&file)) {
                Ok(now) if now == found => facts.damaged.push(name),
                // It was set aside, or deleted, while it was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Ok(_) => {
                    facts.unread.push(format!("{name}: replaced while it was read"));
                    continue;
                }
                Err(error) => {
                    facts.unread.push(format!("{name}: {error}"));
                    continue;
                }
            },
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Err("nobody listens any more".into());
            }
            Err(error) => {
                facts.unread.push(format!("{name}: {error}"));
                continue;
            }
        }
        facts.files += 1;
        facts.bytes += length;
    }
    Ok(facts)
}

/// A file that is to be read.
struct Blob {
    name: String,
    file: File,
    length: u64,
    /// The directory that it was found in.
    blobs: Rc<Entry>,
}

/// Adds the files that `own` models need in the store at `path`.
fn list(
    top: &Entry,
    path: &str,
    own: &[&str],
    files: &mut Vec<Blob>,
    facts: &mut BlobFacts,
) -> io::Result<()> {
    let Some((store, blobs)) = manifest::store(top, path)? else { return Ok(()) };
    let blobs = Rc::new(blobs);
    for digest in Named::read(&store, own).own {
        let name = format!("sha256-{digest}");
        // One that is missing is told by the server.
        if !blobs.child(&name)?.is_some_and(|entry| entry.kind.is_file()) {
            continue;
        }
        match blobs.read_below(&name).and_then(|file| Ok((State::of(&file)?.length(), file))) {
            Ok((length, file)) => files.push(Blob { name, file, length, blobs: Rc::clone(&blobs) }),
            Err(error) => facts.unread.push(format!("{name}: {error}")),
        }
    }
    Ok(())
}

/// Keeps to the rate, gives way to the server, and says how far it is.
struct Pace<S> {
    say: S,
    /// The file that tells how long the server's processes have waited for a disk.
    pressure: Option<PathBuf>,
    /// What that has told last.
    waited: Option<Duration>,
    /// When it was asked last, and something said.
    said: Instant,
    /// When this second's bytes began, and how many they are.
    slice: (Instant, u64),
    done: u64,
    total: u64,
}

impl<S: FnMut(&BlobLine) -> io::Result<()>> Pace<S> {
    fn new(pressure: Option<PathBuf>, say: S) -> Self {
        let now = Instant::now();
        let waited = pressure.as_deref().and_then(waited);
        Self { say, pressure, waited, said: now, slice: (now, 0), done: 0, total: 0 }
    }

    #[expect(clippy::disallowed_methods, reason = "a process apart, which answers nobody")]
    fn after(&mut self, bytes: usize) -> io::Result<()> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.done += bytes;
        self.slice.1 += bytes;
        let takes = Duration::from_micros(self.slice.1 * 1_000_000 / RATE);
        std::thread::sleep(takes.saturating_sub(self.slice.0.elapsed()));
        if self.said.elapsed() < SAYS_EVERY {
            return Ok(());
        }
        if self.is_pressed() {
            std::thread::sleep(GIVES_WAY);
            // What the server has waited for meanwhile was not for this.
            self.is_pressed();
        }
        (self.say)(&BlobLine::Reading(Reading { done: self.done, total: self.total }))?;
        self.said = Instant::now();
        self.slice = (self.said, 0);
        Ok(())
    }

    /// Whether the server's processes have waited for a disk since this was last asked.
    fn is_pressed(&mut self) -> bool {
        let elapsed = self.said.elapsed().as_secs_f64();
        let now = self.pressure.as_deref().and_then(waited);
        let before = std::mem::replace(&mut self.waited, now);
        let added = now.zip(before).map(|(now, before)| now.saturating_sub(before).as_secs_f64());
        added.is_some_and(|added| added > PRESSED * elapsed)
    }
}

/// How long any process of a control group has waited for a disk so far, from its `io.pressure`:
/// `some avg10=… total=MICROSECONDS`.
fn waited(path: &Path) -> Option<Duration> {
    let text = fs::read_to_string(path).ok()?;
    let some = text.lines().find(|line| line.starts_with("some "))?;
    Some(Duration::from_micros(some.rsplit_once("total=")?.1.parse().ok()?))
}

/// How long the helper may say nothing: a disk that hangs says nothing at all.
const SILENCE: Duration = Duration::from_secs(60);

/// More than any line.
const LINE_MAX: u64 = 64 << 10;

/// Asks the helper, and tells how far it is.
pub(crate) async fn follow(mut progress: impl FnMut(Reading)) -> Result<BlobFacts, String> {
    let path = super::BLOBS;
    let failed = |error: io::Error| format!("{path}: {error}");
    let stream = UnixStream::connect(path).await.map_err(failed)?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let mut part = (&mut stream).take(LINE_MAX);
        let read = time::timeout(SILENCE, part.read_until(b'\n', &mut line)).await;
        let silent = |_| format!("the disk has given nothing for {} s", SILENCE.as_secs());
        if read.map_err(silent)?.map_err(failed)? == 0 {
            return Err(format!("{path} closed without an answer"));
        }
        match serde_json::from_slice(&line).map_err(|error| format!("{path}: {error}"))? {
            BlobLine::Reading(reading) => progress(reading),
            BlobLine::Checked(facts) => return Ok(facts),
            BlobLine::Failed(why) => return Err(why),
        }
    }
}

#[cfg(test)]
mod tests;
