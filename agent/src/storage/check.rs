//! From the facts of the data disk to its conditions. Pure.

use std::time::Duration;

use super::facts::{Facts, ProbeError};
use super::mounts::Mount;
use super::repair::WRONG_OWNER;
use crate::config;
use crate::core::{Condition, Judgement, Reason, Role};
use crate::guest::{Declared, Remedy};
use crate::probe::{DiskFacts, Owner, StorageFacts};

/// The disk is there.
pub static DATA_DISK_MOUNTED: Condition = Condition {
    name: "DataDiskMounted",
    concern: "storage",
    role: Role::Required,
    needs: &[],
    explained_by: &[],
    grace: Duration::from_secs(30),
};

/// The server can write to it. A server that runs serves without.
pub static DATA_DISK_WRITABLE: Condition = Condition {
    name: "DataDiskWritable",
    concern: "storage",
    role: Role::Gate,
    needs: &["DataDiskMounted"],
    explained_by: &[],
    grace: Duration::ZERO,
};

static MOUNTED: Reason<Remedy> = Reason::good("Mounted");
static NOT_MOUNTED: Reason<Remedy> = Reason::fault(
    "NotMounted",
    "attach the data disk, then start its mount unit (systemctl start var-lib-ollama.mount)",
);
static WRITABLE: Reason<Remedy> = Reason::good("Writable");
static READ_ONLY: Reason<Remedy> = Reason::fault(
    "ReadOnly",
    "mounted so, or made so by the kernel after an error: see dmesg, check it with fsck, remount",
);
static LOW_SPACE: Reason<Remedy> =
    Reason::fault("LowSpace", "make room on the data disk, or enlarge it");
static USER_MISSING: Reason<Remedy> =
    Reason::fault("UserMissing", "create the server's user: run Ollama's installer");
static DISK_SILENT: Reason<Remedy> =
    Reason::unknown("Silent", "the disk hangs: see dmesg, and the volume of this VM");
static PROBE_FAILED: Reason<Remedy> =
    Reason::unknown("ProbeFailed", "see journalctl -u 'saigak-probe-storage@*'");

/// The conditions, and all that can be said of each.
pub static REASONS: &[Declared] = &[
    (&DATA_DISK_MOUNTED, &[&MOUNTED, &NOT_MOUNTED]),
    (
        &DATA_DISK_WRITABLE,
        &[
            &WRITABLE,
            &WRONG_OWNER,
            &READ_ONLY,
            &LOW_SPACE,
            &USER_MISSING,
            &DISK_SILENT,
            &PROBE_FAILED,
        ],
    ),
];

/// Judges the data disk.
#[must_use]
pub fn check(facts: &Facts, config: &config::Storage) -> Vec<Judgement<Remedy>> {
    let path = config.path.display();
    let Some(mount) = &facts.mount else {
        let message = format!("nothing is mounted at {path}");
        return vec![Judgement::new(&DATA_DISK_MOUNTED, &NOT_MOUNTED, message)];
    };
    let message = format!("{} ({}) is mounted at {path}", mount.source, mount.kind);
    let mut judgements = vec![Judgement::new(&DATA_DISK_MOUNTED, &MOUNTED, message)];
    let (reason, message) = match &facts.probe {
        Some(Ok(StorageFacts { wanted, disk: Some(disk) })) => {
            writable(mount, wanted.as_ref(), disk, config)
        }
        Some(Err(error @ ProbeError::Silent)) => (&DISK_SILENT, error.to_string()),
        Some(Err(error)) => (&PROBE_FAILED, error.to_string()),
        // Unmounted between the two looks: the next one tells.
        Some(Ok(StorageFacts { disk: None, .. })) | None => return judgements,
    };
    judgements.push(Judgement::new(&DATA_DISK_WRITABLE, reason, message));
    judgements
}

fn writable(
    mount: &Mount,
    wanted: Option<&Owner>,
    disk: &DiskFacts,
    config: &config::Storage,
) -> (&'static Reason<Remedy>, String) {
    let (path, owner) = (config.path.display(), &config.owner);
    // The first is the disk's own state, the second the mount's as well. The probe's sandbox
    // leaves that as it is for everybody; the agent's own would show every mount read-only.
    if mount.read_only || disk.read_only {
        return (&READ_ONLY, format!("{path} is read-only"));
    }
    if wanted.is_none() {
        return (&USER_MISSING, format!("there is no user {owner}"));
    }
    if disk.needs_owner() {
        let more = if disk.wrong_owner.truncated { "at least " } else { "" };
        let count = disk.wrong_owner.count;
        let first = disk.wrong_owner.first.as_ref();
        let first = first.map_or_else(String::new, |path| format!(", first {path}"));
        return (&WRONG_OWNER, format!("{more}{count} in {path} do not belong to {owner}{first}"));
    }
    if disk.free_bytes < config.minimum_free_bytes {
        let (free, wanted) = (disk.free_bytes >> 20, config.minimum_free_bytes >> 20);
        return (&LOW_SPACE, format!("{path} has {free} MiB free, {wanted} MiB are wanted"));
    }
    // Some filesystems count none at all.
    if disk.total_inodes > 0 && disk.free_inodes == 0 {
        let total = disk.total_inodes;
        return (&LOW_SPACE, format!("{path} has no free inodes: all {total} are taken"));
    }
    (&WRITABLE, format!("{path} belongs to {owner} and has room"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{LeftAlone, Top, WrongOwner};

    fn seen(change: impl FnOnce(&mut Mount, &mut DiskFacts)) -> &'static str {
        judged(change).0
    }

    fn judged(change: impl FnOnce(&mut Mount, &mut DiskFacts)) -> (&'static str, String) {
        let mut mount = Mount {
            point: "/var/lib/ollama".into(),
            kind: "ext4".into(),
            source: "/dev/vdb1".into(),
            read_only: false,
        };
        let mut disk = DiskFacts {
            read_only: false,
            free_bytes: 10 << 30,
            total_bytes: 20 << 30,
            free_inodes: 1000,
            total_inodes: 2000,
            top: Top { uid: 998, gid: 998, mode: 0o755 },
            wrong_owner: WrongOwner::default(),
            left_alone: LeftAlone::default(),
            entries_seen: 5,
        };
        change(&mut mount, &mut disk);
        let wanted = Some(Owner { uid: 998, gid: 998 });
        let probe = Some(Ok(StorageFacts { wanted, disk: Some(disk) }));
        let judgements = check(&Facts { mount: Some(mount), probe }, &config::Storage::default());
        let last = judgements.last().unwrap();
        (last.reason.name, last.message.clone())
    }

    #[test]
    fn a_good_disk_is_writable_and_what_is_left_alone_is_no_fault() {
        assert_eq!(seen(|_, _| ()), "Writable");
        assert_eq!(seen(|_, disk| disk.left_alone.hard_links = 1), "Writable");
    }

    #[test]
    fn faults_are_told_apart() {
        assert_eq!(seen(|mount, _| mount.read_only = true), "ReadOnly");
        assert_eq!(seen(|_, disk| disk.read_only = true), "ReadOnly");
        assert_eq!(seen(|_, disk| disk.wrong_owner.count = 1), "WrongOwner");
        assert_eq!(seen(|_, disk| disk.top.mode = 0o055), "WrongOwner");
        assert_eq!(seen(|_, disk| disk.free_bytes = 1 << 20), "LowSpace");
    }

    #[test]
    fn a_disk_without_free_inodes_has_no_room_unless_it_counts_none() {
        let (reason, message) = judged(|_, disk| disk.free_inodes = 0);
        assert_eq!(reason, "LowSpace");
        assert!(message.contains("inodes"), "{message}");
        assert_eq!(seen(|_, disk| (disk.free_inodes, disk.total_inodes) = (0, 0)), "Writable");
    }

    #[test]
    fn where_nothing_is_mounted_the_disk_is_not_judged() {
        let facts = Facts { mount: None, probe: None };
        let judgements = check(&facts, &config::Storage::default());
        let names: Vec<_> = judgements.iter().map(|judgement| judgement.reason.name).collect();
        assert_eq!(names, ["NotMounted"]);
    }

    #[test]
    fn a_probe_that_hangs_is_unknown_and_no_fault() {
        let mount = Some(Mount {
            point: "/var/lib/ollama".into(),
            kind: "ext4".into(),
            source: "/dev/vdb1".into(),
            read_only: false,
        });
        for (error, reason) in [
            (ProbeError::Silent, "Silent"),
            (ProbeError::Failed("no such socket".into()), "ProbeFailed"),
        ] {
            let facts = Facts { mount: mount.clone(), probe: Some(Err(error)) };
            let judgements = check(&facts, &config::Storage::default());
            let names: Vec<_> = judgements.iter().map(|judgement| judgement.reason.name).collect();
            assert_eq!(names, ["Mounted", reason]);
        }
    }
}
