//! The guest's wall clock. The agent measures by the boot clock and needs it for nothing; the
//! model's registry does, since no certificate is valid at any other time than its own.
//!
//! Whether the kernel holds its clock for synchronised is not for the daemon to ask: the call
//! that tells could set it as well, and is kept from it. What a time service leaves under /run
//! is seen instead, and what nobody tells is `Unknown`.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::core::{BootClock, Clock as _, Condition, Judgement, Reason, Role, rfc3339};
use crate::guest::Remedy;

/// The clock was set by a time service.
pub static CLOCK_SYNCHRONIZED: Condition = Condition {
    name: "ClockSynchronized",
    concern: "system",
    role: Role::Gate,
    needs: &[],
    explained_by: &[],
    grace: Duration::ZERO,
};

static SYNCHRONIZED: Reason<Remedy> = Reason::good("Synchronized");
static NOT_SYNCHRONIZED: Reason<Remedy> = Reason::fault(
    "NotSynchronized",
    "see timedatectl timesync-status: is there a way to a time server, UDP port 123?",
);
static IMPOSSIBLE: Reason<Remedy> =
    Reason::fault("Impossible", "set the clock: timedatectl set-time, or the host's own clock");
static NOT_TOLD: Reason<Remedy> =
    Reason::unknown("NotTold", "systemd-timesyncd does not run here: ask timedatectl or chronyc");

/// All that can be said of it.
pub(super) static REASONS: &[&Reason<Remedy>] =
    &[&SYNCHRONIZED, &NOT_SYNCHRONIZED, &IMPOSSIBLE, &NOT_TOLD];

/// systemd-timesyncd's directory, which is there while it runs.
const TIMESYNCD: &str = "/run/systemd/timesync";

/// The file in it that it touches each time it has set the clock (systemd-timesyncd.service(8)).
const TOUCHED: &str = "synchronized";

/// 2026-01-01. This program is younger, so a clock that says less is wrong. Not the time of the
/// build: that would be as wrong as the clock of the machine that built it.
const YOUNGER_THAN: Duration = Duration::from_secs(1_767_225_600);

/// What was seen of the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// What a time service has left.
    pub service: TimeService,
    /// What it says.
    pub wall: SystemTime,
}

/// What was seen of the time service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeService {
    /// It has set the clock.
    Set,
    /// It runs, and has not.
    Waits,
    /// None is seen, or why it cannot be seen.
    NotTold(String),
}

/// Looks at the clock, and for what a time service has left: /run is in memory.
pub(super) fn look() -> Clock {
    Clock { service: look_in(Path::new(TIMESYNCD)), wall: BootClock.now().wall }
}

fn look_in(directory: &Path) -> TimeService {
    let file = directory.join(TOUCHED);
    let not_told =
        |path: &Path, error| TimeService::NotTold(format!("{}: {error}", path.display()));
    match (directory.metadata(), file.metadata()) {
        (_, Ok(_)) => TimeService::Set,
        (Ok(_), Err(error)) if error.kind() == ErrorKind::NotFound => TimeService::Waits,
        (Ok(_), Err(error)) => not_told(&file, error),
        (Err(error), _) if error.kind() == ErrorKind::NotFound => {
            TimeService::NotTold("no time service tells whether it has set the clock".into())
        }
        (Err(error), _) => not_told(directory, error),
    }
}

/// Judges the clock.
pub(super) fn check(clock: &Clock) -> Judgement<Remedy> {
    let (reason, message) = match (impossible(clock.wall), &clock.service) {
        (Some(message), _) => (&IMPOSSIBLE, message),
        (None, TimeService::Set) => (&SYNCHRONIZED, "systemd-timesyncd has set the clock".into()),
        (None, TimeService::Waits) => {
            (&NOT_SYNCHRONIZED, "systemd-timesyncd has not set the clock yet".into())
        }
        (None, TimeService::NotTold(why)) => (&NOT_TOLD, why.clone()),
    };
    Judgement::new(&CLOCK_SYNCHRONIZED, reason, message)
}

/// Why a pull must wait for a clock that says `wall`. One that is merely not known to be right
/// holds nothing back: a pull at a wrong time fails by itself and says why.
#[must_use]
pub fn holds_pull(wall: SystemTime) -> Option<String> {
    impossible(wall)
}

fn impossible(wall: SystemTime) -> Option<String> {
    (wall < UNIX_EPOCH + YOUNGER_THAN)
        .then(|| format!("the clock says {}, when this agent was not made yet", rfc3339(wall)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_clock_is_right_wrong_or_not_known() {
        let reason = |service, wall| check(&Clock { service, wall }).reason.name;
        let now = at(1_800_000_000);
        assert_eq!(reason(TimeService::Set, now), "Synchronized");
        assert_eq!(reason(TimeService::Waits, now), "NotSynchronized");
        assert_eq!(reason(TimeService::NotTold(String::new()), now), "NotTold");
        // A service that has set such a clock has no better one.
        assert_eq!(reason(TimeService::Set, at(1_700_000_000)), "Impossible");
    }

    #[test]
    fn only_an_impossible_clock_holds_a_pull() {
        assert!(holds_pull(at(0)).is_some_and(|why| why.contains("1970-01-01")));
        assert!(holds_pull(at(1_767_225_599)).is_some_and(|why| why.contains("2025-12-31")));
        assert_eq!(holds_pull(at(1_767_225_600)), None);
    }

    #[test]
    fn timesyncd_is_followed_by_its_files() {
        let directory = tempfile::tempdir().unwrap();
        let timesync = directory.path().join("timesync");
        assert!(matches!(look_in(&timesync), TimeService::NotTold(_)));
        std::fs::create_dir(&timesync).unwrap();
        assert_eq!(look_in(&timesync), TimeService::Waits);
        std::fs::write(timesync.join(TOUCHED), "").unwrap();
        assert_eq!(look_in(&timesync), TimeService::Set);
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        let TimeService::NotTold(why) = look_in(&file) else { panic!("a file is no directory") };
        assert!(why.contains("synchronized"), "{why}");
    }
}
