//! What the guest itself needs to go on: memory, room on its root disk and in `/run`, a clock
//! that is right. For people; no repair exists.
//!
//! | condition | holds when |
//! |---|---|
//! | `ClockSynchronized` | a time service has set the clock |
//! | `MemoryAvailable` | a twentieth of the memory is available |
//! | `RootDiskSpace` | 512 MiB are free on the root disk |
//! | `RunSpace` | 16 MiB are free in `/run` |

mod clock;

use std::time::Duration;

use nix::sys::statvfs::statvfs;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::core::{Condition, Judgement, Reason, Role};
use crate::guest::{Declared, Remedy};

pub use clock::{CLOCK_SYNCHRONIZED, Clock, TimeService, holds_pull};

/// There is memory left.
pub static MEMORY_AVAILABLE: Condition = advisory("MemoryAvailable");
/// There is room on the root disk.
pub static ROOT_DISK_SPACE: Condition = advisory("RootDiskSpace");
/// There is room for what lasts until the next boot.
pub static RUN_SPACE: Condition = advisory("RunSpace");

const fn advisory(name: &'static str) -> Condition {
    Condition {
        name,
        concern: "system",
        role: Role::Advisory,
        needs: &[],
        explained_by: &[],
        grace: Duration::ZERO,
    }
}

/// Below this part of all memory the kernel is busy reclaiming, and its OOM killer near.
const MEMORY_FLOOR: u64 = 20;

/// The journal, a package upgrade and the agent's own ledger need about so much.
const ROOT_FLOOR: u64 = 512 << 20;

/// With less than that in `/run` systemd reads no unit files again.
const RUN_FLOOR: u64 = 16 << 20;

static ENOUGH: Reason<Remedy> = Reason::good("Enough");
static LOW_MEMORY: Reason<Remedy> =
    Reason::fault("LowMemory", "see systemd-cgtop -m, or give the VM more memory");
static LOW_SPACE: Reason<Remedy> =
    Reason::fault("LowSpace", "make room on /: journalctl --vacuum-size=100M, apt-get clean");

static LOW_RUN_SPACE: Reason<Remedy> =
    Reason::fault("LowSpace", "make room in /run: see du -xah /run | sort -h");

/// The conditions, and all that can be said of each.
pub static REASONS: &[Declared] = &[
    (&CLOCK_SYNCHRONIZED, clock::REASONS),
    (&MEMORY_AVAILABLE, &[&ENOUGH, &LOW_MEMORY]),
    (&ROOT_DISK_SPACE, &[&ENOUGH, &LOW_SPACE]),
    (&RUN_SPACE, &[&ENOUGH, &LOW_RUN_SPACE]),
];

/// What was seen of the guest itself, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Memory that programs can have without swapping (`MemAvailable`), and all memory.
    pub memory: Option<(u64, u64)>,
    /// Free on the root disk for programs that are not root's.
    pub root_free: Option<u64>,
    /// The wall clock.
    pub clock: Clock,
    /// The same in `/run`.
    pub run_free: Option<u64>,
}

/// Looks at the guest itself. Only these two file systems are asked for their space: sysinfo
/// would ask every mount, and the data disk may hang.
pub async fn look() -> Facts {
    let kind = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(kind).ok();
    let free = |path: &'static str| {
        tokio::task::spawn_blocking(move || {
            let found = statvfs(path).ok()?;
            found.blocks_available().checked_mul(found.fragment_size())
        })
    };
    let (root_free, run_free) = tokio::join!(free("/"), free("/run"));
    Facts {
        memory: system.map(|system| (system.available_memory(), system.total_memory())),
        root_free: root_free.ok().flatten(),
        run_free: run_free.ok().flatten(),
        clock: clock::look(),
    }
}

/// Judges the guest itself.
#[must_use]
pub fn check(facts: &Facts) -> Vec<Judgement<Remedy>> {
    let mut judgements = vec![clock::check(&facts.clock)];
    if let Some((available, total)) = facts.memory {
        let enough = available >= total / MEMORY_FLOOR;
        let reason = if enough { &ENOUGH } else { &LOW_MEMORY };
        let message = if enough {
            "there is memory left".to_owned()
        } else {
            format!("{} of {} MiB are available", available >> 20, total >> 20)
        };
        judgements.push(Judgement::new(&MEMORY_AVAILABLE, reason, message));
    }
    let places = [
        (&ROOT_DISK_SPACE, "/", facts.root_free, ROOT_FLOOR, &LOW_SPACE),
        (&RUN_SPACE, "/run", facts.run_free, RUN_FLOOR, &LOW_RUN_SPACE),
    ];
    for (condition, path, free, floor, low) in places {
        let Some(free) = free else { continue };
        let judged = if free >= floor {
            Judgement::new(condition, &ENOUGH, format!("{path} has room"))
        } else {
            Judgement::new(condition, low, format!("{path} has {} KiB free", free >> 10))
        };
        judgements.push(judged);
    }
    judgements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_are_held() {
        let names = |facts: &Facts| -> Vec<_> {
            check(facts).iter().skip(1).map(|judgement| judgement.reason.name).collect()
        };
        let (root_free, run_free) = (Some(ROOT_FLOOR), Some(RUN_FLOOR));
        let good = Facts { memory: Some((50, 1000)), root_free, run_free, clock: clock::look() };
        assert_eq!(names(&good), ["Enough", "Enough", "Enough"]);
        let (root_free, run_free) = (Some(ROOT_FLOOR - 1), Some(RUN_FLOOR - 1));
        let low = Facts { memory: Some((49, 1000)), root_free, run_free, clock: clock::look() };
        assert_eq!(names(&low), ["LowMemory", "LowSpace", "LowSpace"]);
        assert_eq!(names(&Facts { root_free: None, run_free: None, ..good }), ["Enough"]);
    }

    #[tokio::test]
    async fn this_machine_has_memory() {
        let facts = look().await;
        assert!(facts.memory.is_some_and(|(_, total)| total > 0));
        assert!(facts.root_free.is_some());
    }
}
