//! The scratch directory of a run. A run holds the lock in it for as long as it lives, and the
//! kernel lets go of a lock however its holder ends: a directory that can be locked is dead.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::cgroup;
use crate::paths::{make_directory, write};

/// A run's directory under `target/lab/run`, removed with its cgroup when dropped.
pub struct Scratch {
    /// Name of the run.
    pub id: String,
    directory: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Removes what dead runs left, then makes and locks a directory for this one.
    pub fn make(lab: &Path) -> Result<Self> {
        let runs = lab.join("run");
        make_directory(&runs)?;
        sweep(&runs)?;
        // A number alone may come again while an old directory still stands.
        let id = format!("{}-{:08x}", std::process::id(), boot_clock());
        let directory = runs.join(&id);
        make_directory(&directory.join("guests"))?;
        let lock = directory.join("lock");
        let file =
            File::create(&lock).with_context(|| format!("cannot make {}", lock.display()))?;
        file.lock().with_context(|| format!("cannot lock {}", lock.display()))?;
        write(&directory.join("supervisor"), std::process::id().to_string())?;
        Ok(Self { id, directory, _lock: file })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Where the group stays, the directory stays as well and reminds the next sweep of it.
        if cgroup::remove(&self.id) {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

/// The runs that are alive now: their directories.
pub fn alive(lab: &Path) -> Result<Vec<PathBuf>> {
    Ok(list(&lab.join("run"))?.into_iter().filter(|run| is_alive(run)).collect())
}

/// Whether the run of this directory still holds its lock.
#[must_use]
pub fn is_alive(directory: &Path) -> bool {
    let Ok(lock) = File::open(directory.join("lock")) else { return false };
    matches!(lock.try_lock(), Err(TryLockError::WouldBlock))
}

fn sweep(runs: &Path) -> Result<()> {
    for dead in list(runs)?.into_iter().filter(|run| !is_alive(run)) {
        // Between making the directory and locking the file in it, a run has no lock yet.
        if !dead.join("supervisor").exists() {
            continue;
        }
        let id = dead.file_name().unwrap_or_default().to_string_lossy();
        if !cgroup::remove(&id) {
            continue;
        }
        std::fs::remove_dir_all(&dead)
            .with_context(|| format!("cannot remove {}", dead.display()))?;
    }
    Ok(())
}

fn list(runs: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(runs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", runs.display())),
    };
    Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
}

/// Milliseconds since boot, cut to 32 bits.
fn boot_clock() -> u32 {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let digits: String =
        uptime.chars().take_while(|c| *c != ' ').filter(char::is_ascii_digit).collect();
    digits.parse::<u64>().map_or(0, |centiseconds| (centiseconds & 0xffff_ffff) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dead_runs_are_swept() {
        let lab = std::env::temp_dir().join(format!("saigak-scratch-{}", std::process::id()));
        let first = Scratch::make(&lab).unwrap();
        let dead = lab.join("run/1-0000");
        write(&dead.join("lock"), "").unwrap();
        write(&dead.join("supervisor"), "1").unwrap();
        assert!(is_alive(&first.directory));
        assert!(!is_alive(&dead));
        sweep(&lab.join("run")).unwrap();
        assert!(!dead.exists());
        assert_eq!(alive(&lab).unwrap(), std::slice::from_ref(&first.directory));
        drop(first);
        assert!(alive(&lab).unwrap().is_empty());
        std::fs::remove_dir_all(&lab).unwrap();
    }
}
