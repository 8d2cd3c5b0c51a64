//! `saigak-agent report`: what a ticket needs, in one file, without what it must not hold.
//!
//! ```text
//! sources (sources.rs) ──► collected, each with a deadline and a cap (collect.rs)
//!                                   └──► redacted (redact.rs) ──► tar, gzip
//! ```

mod collect;
mod redact;
mod sources;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, stream};
use tar::{Builder, Header};

pub(super) use self::collect::own_tail;
use self::collect::{Found, collect};
use super::{complain, say};
use crate::config;
use crate::core::{BootClock, Clock, rfc3339};

/// Sources that are read side by side.
const AT_ONCE: usize = 4;

/// Writes the report to `file`, or to a new file in the current directory.
pub(super) fn report(file: Option<PathBuf>) -> ExitCode {
    let path = file.unwrap_or_else(default_name);
    match write(&path) {
        Ok(missing) => {
            say(&format!("{}\n", path.display()));
            if missing > 0 {
                say(&format!("{missing} things could not be read: see MISSING.txt in it\n"));
            }
            say(
                "Passwords, tokens and keys are taken out. Look through it before you pass it on.\n",
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format!("{}: {error}", path.display()));
            ExitCode::FAILURE
        }
    }
}

/// `saigak-report-HOST-TIME.tar.gz`
fn default_name() -> PathBuf {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let host: String = host.chars().filter(plain).take(64).collect();
    let time = rfc3339(BootClock.now().wall).replace([':', '-'], "");
    let time = time.split('.').next().unwrap_or_default();
    format!("saigak-report-{host}-{time}Z.tar.gz").into()
}

/// Writes all of it; says how much is missing.
fn write(path: &Path) -> io::Result<usize> {
    // A file of its own, for its owner alone: whatever lies there, or is linked from there, stays.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(archive(file));
    // A file that hangs is left to its thread.
    runtime.shutdown_background();
    if outcome.is_err() {
        // Half a report misleads. If even that fails, the error says enough.
        let _ = fs::remove_file(path);
    }
    outcome
}

async fn archive(file: File) -> io::Result<usize> {
    let name = format!("saigak-report-{}", rfc3339(BootClock.now().wall).replace(':', ""));
    let mut archive = Archive::new(file, &name);
    let unit = config::load(&config::DIRECTORIES).unwrap_or_default().ollama.unit;
    let sources = sources::all(&unit);
    let mut found = stream::iter(sources).map(collect).buffered(AT_ONCE);
    let mut missing = Vec::new();
    while let Some(items) = found.next().await {
        for Found { name, content } in items {
            match content {
                Ok(bytes) => archive.add(&name, &bytes)?,
                Err(why) => missing.push(format!("{name}: {why}\n")),
            }
        }
    }
    if !missing.is_empty() {
        archive.add("MISSING.txt", missing.concat().as_bytes())?;
    }
    archive.finish()?.sync_all()?;
    Ok(missing.len())
}

/// The file that is written. Nothing gets into it that was not redacted.
struct Archive<W: Write> {
    tar: Builder<GzEncoder<W>>,
    top: String,
    time: u64,
}

impl<W: Write> Archive<W> {
    fn new(out: W, top: &str) -> Self {
        let time = BootClock.now().wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let tar = Builder::new(GzEncoder::new(out, Compression::default()));
        Self { tar, top: top.into(), time }
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let text = redact::redact(&String::from_utf8_lossy(bytes));
        let mut header = Header::new_gnu();
        header.set_mode(0o600);
        header.set_mtime(self.time);
        header.set_size(u64::try_from(text.len()).unwrap_or(u64::MAX));
        self.tar.append_data(&mut header, format!("{}/{name}", self.top), text.as_bytes())
    }

    fn finish(self) -> io::Result<W> {
        self.tar.into_inner()?.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn what_is_added_comes_out_redacted() {
        let mut archive = Archive::new(Vec::new(), "top");
        archive.add("a/b.txt", b"password: hunter2\nnot \xff text\n").unwrap();
        let bytes = archive.finish().unwrap();
        let mut read = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
        let mut entries = read.entries().unwrap();
        let mut entry = entries.next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str(), Some("top/a/b.txt"));
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        assert_eq!(text, "password: [redacted]\nnot \u{fffd} text\n");
        assert!(entries.next().is_none());
    }

    #[test]
    fn no_file_is_overwritten_and_no_link_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        fs::write(&file, "mine").unwrap();
        std::os::unix::fs::symlink(directory.path().join("elsewhere"), &link).unwrap();
        assert!(write(&file).is_err() && write(&link).is_err());
        assert_eq!(fs::read(&file).unwrap(), b"mine");
        assert!(!directory.path().join("elsewhere").exists());
    }
}
