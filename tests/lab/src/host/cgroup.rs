//! Control groups of a run. Guests must not share one: `cgroup.kill` in one guest would reach
//! the unit of the same name in the other.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where the inside of a run sees the unified hierarchy, whatever the machine mounts there.
pub const INSIDE: &str = "/sys/fs/cgroup";

/// A guest's own group, as the inside of a run sees it.
#[must_use]
pub fn of_guest(run: &str, guest: &str) -> PathBuf {
    Path::new(INSIDE).join(name(run)).join(guest)
}

/// Makes an empty group; what an earlier boot of the same guest left is removed first.
pub fn make(group: &Path) -> Result<()> {
    remove_tree(group);
    fs::create_dir_all(group).with_context(|| format!("cannot make {}", group.display()))
}

/// Ends every process in a group at once.
pub fn kill(group: &Path) -> Result<()> {
    let file = group.join("cgroup.kill");
    fs::write(&file, "1").with_context(|| format!("cannot write {}", file.display()))
}

/// Removes the groups of a run in every hierarchy that this machine mounts. Nothing to remove
/// is fine; a group with processes in it stays, and with it the next sweep's work.
pub fn remove(run: &str) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for mount in mounts.lines().filter_map(unified) {
        remove_tree(&Path::new(mount).join(name(run)));
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
