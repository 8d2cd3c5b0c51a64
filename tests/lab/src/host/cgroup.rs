//! Control groups of a run. Guests must not share one: `cgroup.kill` in one guest would reach
//! the unit of the same name in the other.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Where the inside of a run sees the unified hierarchy, whatever the machine mounts there.
pub const INSIDE: &str = "/sys/fs/cgroup";

/// A guest's own group, as the inside of a run sees it.
#[must_use]
pub fn of_guest(run: &str, guest: &str) -> PathBuf {
    Path::new(INSIDE).join(name(run)).join(guest)
}

/// Makes an empty group; what an earlier boot of the same guest left is removed first.
///
/// One that processes were killed in by its `cgroup.kill` must not be used again: the kernel would
/// kill what the next boot puts there.
pub fn make(group: &Path) -> Result<()> {
    wait_until_empty(group, Duration::from_secs(10));
    remove_tree(group);
    ensure!(!group.exists(), "{} is still in use", group.display());
    fs::create_dir_all(group).with_context(|| format!("cannot make {}", group.display()))
}

/// Ends every process in a group at once.
pub fn kill(group: &Path) -> Result<()> {
    let file = group.join("cgroup.kill");
    fs::write(&file, "1").with_context(|| format!("cannot write {}", file.display()))
}

/// Ends what is left in the groups of a run and removes them, in every hierarchy that this
/// machine mounts. Tells whether they are gone; where not, the next sweep has work.
#[must_use]
pub fn remove(run: &str) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut gone = true;
    for mount in mounts.lines().filter_map(unified) {
        let group = Path::new(mount).join(name(run));
        if group.is_dir() {
            let _ = kill(&group);
            wait_until_empty(&group, Duration::from_secs(5));
            remove_tree(&group);
            gone &= !group.exists();
        }
    }
    gone
}

/// Waits until the last process of a group, and of those below it, is gone.
fn wait_until_empty(group: &Path, within: Duration) {
    let deadline = Instant::now() + within;
    let Ok(mut events) = File::open(group.join("cgroup.events")) else { return };
    loop {
        let mut text = String::new();
        if events.read_to_string(&mut text).is_err() || !text.contains("populated 1") {
            return;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(left) = PollTimeout::try_from(left) else { return };
        if left == PollTimeout::ZERO || events.rewind().is_err() {
            return;
        }
        // The kernel marks the file as changed when the answer does.
        let mut wanted = [PollFd::new(events.as_fd(), PollFlags::POLLPRI)];
        if poll(&mut wanted, left).is_err() {
            return;
        }
    }
}

/// The mount point, if this line of /proc/self/mounts is a unified hierarchy.
fn unified(line: &str) -> Option<&str> {
    let mut fields = line.split(' ');
    let mount = fields.nth(1)?;
    (fields.next()? == "cgroup2").then_some(mount)
}

fn remove_tree(group: &Path) {
    let Ok(entries) = fs::read_dir(group) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    // The files of a group are the kernel's and go with the directory.
    let _ = fs::remove_dir(group);
}

fn name(run: &str) -> String {
    format!("saigak-lab-{run}")
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn only_unified_hierarchies_are_found() {
        let v1 = "cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,name=systemd 0 0";
        let v2 = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0";
        assert_eq!(unified(v1), None);
        assert_eq!(unified(v2), Some("/sys/fs/cgroup/unified"));
    }
}
