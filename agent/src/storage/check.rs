//! From the facts of the data disk to its conditions. Pure.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use super::facts::{Facts, ProbeError};
use super::held::{self, INODES};
use super::mounts::Mount;
use super::repair::{CROWDED, WRONG_OWNER};
use crate::config;
use crate::core::{Condition, Judgement, Reason, Role};
use crate::guest::{Declared, Remedy};
use crate::probe::{DiskFacts, Owner, StorageFacts, WriteFacts, Written};

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
static PATH_LINKED: Reason<Remedy> = Reason::fault(
    "PathLinked",
    "a link is not followed: mount the disk at the path itself, or name its place in storage.path",
);
static WRITABLE: Reason<Remedy> = Reason::good("Writable");
static READ_ONLY: Reason<Remedy> = Reason::fault(
    "ReadOnly",
    "mounted so, or made so by the kernel after an error: see dmesg, check it with fsck, remount",
);
static USER_MISSING: Reason<Remedy> =
    Reason::fault("UserMissing", "create the server's user: run Ollama's installer");
/// Nothing of the server can be mended before: without its models it does not even start.
static NOT_TRAVERSABLE: Reason<Remedy> = Reason::fault(
    "NotTraversable",
    "let the server's user pass (chmod o+x DIRECTORY), or mount the disk elsewhere",
)
.decisive();
static LINKED: Reason<Remedy> = Reason::fault(
    "Linked",
    "a link is not followed: put a directory in its place, and the models into that",
);
static IMMUTABLE: Reason<Remedy> =
    Reason::fault("Immutable", "take the mark away (chattr -i -a FILE); its owner is then mended");
static LOW_SPACE: Reason<Remedy> =
    Reason::fault("LowSpace", "make room on the data disk, or enlarge it");
static LOW_INODES: Reason<Remedy> = Reason::fault(
    "LowInodes",
    "remove small files that are not Ollama's (find -xdev -size -4k), or make a larger filesystem",
);
static WRITE_FAILED: Reason<Remedy> = Reason::fault(
    "WriteFailed",
    "see dmesg for the disk, and what else may forbid it: access lists, quotas, security modules",
);
static DISK_SILENT: Reason<Remedy> =
    Reason::unknown("Silent", "the disk hangs: see dmesg, and the volume of this VM");
static PROBE_FAILED: Reason<Remedy> =
    Reason::unknown("ProbeFailed", "see journalctl -u 'saigak-probe-*'");

/// The conditions, and all that can be said of each.
pub static REASONS: &[Declared] = &[
    (&DATA_DISK_MOUNTED, &[&MOUNTED, &NOT_MOUNTED, &PATH_LINKED]),
    (
        &DATA_DISK_WRITABLE,
        &[
            &WRITABLE,
            &WRONG_OWNER,
            &READ_ONLY,
            &USER_MISSING,
            &NOT_TRAVERSABLE,
            &LINKED,
            &IMMUTABLE,
            &LOW_SPACE,
            &CROWDED,
            &LOW_INODES,
            &WRITE_FAILED,
            &DISK_SILENT,
            &PROBE_FAILED,
        ],
    ),
];

/// Judges the data disk. `store`: where the server keeps its models, below the mount point.
#[must_use]
pub fn check(facts: &Facts, config: &config::Storage, store: &Path) -> Vec<Judgement<Remedy>> {
    let path = config.path.display();
    let Some(mount) = &facts.mount else {
        let (reason, message) = match &facts.link {
            None => (&NOT_MOUNTED, format!("nothing is mounted at {path}")),
            Some(link) => {
                (&PATH_LINKED, format!("{path} is a symbolic link to {}", link.display()))
            }
        };
        return vec![Judgement::new(&DATA_DISK_MOUNTED, reason, message)];
    };
    let message = format!("{} ({}) is mounted at {path}", mount.source, mount.kind);
    let mut judgements = vec![Judgement::new(&DATA_DISK_MOUNTED, &MOUNTED, message)];
    let (reason, message) = match &facts.probe {
        Some(Ok(StorageFacts { wanted, disk: Some(disk) })) => {
            let write = facts.write.as_ref();
            on_disk(mount, wanted.as_ref(), disk, write, (config, store))
                .unwrap_or_else(|| written(write, config))
        }
        Some(Err(error)) => silent(error),
        // Unmounted between the two looks: the next one tells.
        Some(Ok(StorageFacts { disk: None, .. })) | None => return judgements,
    };
    judgements.push(Judgement::new(&DATA_DISK_WRITABLE, reason, message));
    judgements
}

type Said = (&'static Reason<Remedy>, String);
type Write = Result<WriteFacts, ProbeError>;

fn silent(error: &ProbeError) -> Said {
    match error {
        ProbeError::Silent | ProbeError::SilentWrite | ProbeError::UsedUp(_) => {
            (&DISK_SILENT, error.to_string())
        }
        ProbeError::Failed(why) => (&PROBE_FAILED, why.clone()),
    }
}

/// What is wrong with what was seen on the disk: what hinders most comes first.
fn on_disk(
    mount: &Mount,
    wanted: Option<&Owner>,
    disk: &DiskFacts,
    write: Option<&Write>,
    (config, store): (&config::Storage, &Path),
) -> Option<Said> {
    let (path, owner) = (config.path.display(), &config.owner);
    if held::is_read_only(mount, disk) {
        return Some((&READ_ONLY, format!("{path} is read-only")));
    }
    if wanted.is_none() {
        return Some((&USER_MISSING, format!("there is no user {owner}")));
    }
    if let Some(Ok(WriteFacts { written: Some(Written::Closed(directory)) })) = write {
        let message = format!("{owner} cannot pass {directory}, and so not reach {path}");
        return Some((&NOT_TRAVERSABLE, message));
    }
    if let Some(link) = disk.link_to(store) {
        let message = format!("{} in {path} is a symbolic link to {}", link.name, link.target);
        return Some((&LINKED, message));
    }
    if disk.needs_owner() {
        let more = if disk.wrong_owner.truncated { "at least " } else { "" };
        let count = disk.wrong_owner.count;
        let first = disk.wrong_owner.first.as_ref();
        let first = first.map_or_else(String::new, |path| format!(", first {path}"));
        let message = format!("{more}{count} in {path} do not belong to {owner}{first}");
        return Some((&WRONG_OWNER, message));
    }
    if let Some(first) = &disk.immutable.first {
        let count = disk.immutable.count;
        let message =
            format!("{count} in {path} do not belong to {owner} and are immutable, first {first}");
        return Some((&IMMUTABLE, message));
    }
    if disk.free_bytes < config.minimum_free_bytes {
        let (free, wanted) = (disk.free_bytes >> 20, config.minimum_free_bytes >> 20);
        let message = format!("{path} has {free} MiB free, {wanted} MiB are wanted");
        let reason = if config.make_room { &CROWDED } else { &LOW_SPACE };
        return Some((reason, message));
    }
    if held::lacks_inodes(disk) {
        let (free, total) = (disk.free_inodes, disk.total_inodes);
        let message = format!("{path} has {free} of {total} inodes free, {INODES} are wanted");
        return Some((&LOW_INODES, message));
    }
    None
}

/// What came of a write.
fn written(write: Option<&Write>, config: &config::Storage) -> Said {
    let (path, owner) = (config.path.display(), &config.owner);
    let failed = match write {
        Some(Err(error)) => return silent(error),
        Some(Ok(WriteFacts { written: Some(Written::Failed { path, errno, error }) })) => {
            (errno, format!("{owner} cannot write in {path}: {error}"))
        }
        _ => return (&WRITABLE, format!("{path} belongs to {owner} and has room")),
    };
    let (errno, message) = failed;
    let kind = errno.map(|errno| io::Error::from_raw_os_error(errno).kind());
    match kind {
        Some(ErrorKind::ReadOnlyFilesystem) => (&READ_ONLY, message),
        // Reserved blocks or a quota: there is room, but not for this user.
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => (&LOW_SPACE, message),
        _ => (&WRITE_FAILED, message),
    }
}

#[cfg(test)]
mod tests;
