//! What systemd says of the server's unit.

use std::path::PathBuf;
use std::time::Duration;

use zbus::OwnedObjectPath;

use crate::bus::{Bus, BusError, Object, SYSTEMD};
use crate::core::uptime_at;

/// The unit's state. Field names are systemd's properties.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unit {
    /// `loaded`, `not-found`, `masked`, …
    pub load_state: String,
    /// `active`, `inactive`, `failed`, `activating`, …
    pub active_state: String,
    /// `running`, `auto-restart`, …
    pub sub_state: String,
    /// Why it failed: `success`, `exit-code`, `start-limit-hit`, …
    pub result: String,
    /// Restarts that systemd made by itself.
    pub restarts: u32,
    /// systemd's id of this start of the unit (`InvocationID`); 0 before the first.
    pub invocation: u128,
    /// Uptime at which its main process was last started, whether or not that went well.
    pub started: Duration,
    /// CPU time of its control group, where it is accounted.
    pub cpu: Option<Duration>,
    /// Whether a job for it is queued.
    pub job: bool,
    /// Starts that systemd allows within `start_interval`. 0: any number.
    pub start_burst: u32,
    /// See `start_burst`. Zero: no limit.
    pub start_interval: Duration,
    /// How its main process ended last; zero before it has ended.
    pub exit_status: i32,
    /// How many files it may have open, connections included.
    pub files: u64,
    /// Its control group, as a path below the root of all groups; empty while it has none.
    pub group: String,
    /// Whom it runs as; empty for root.
    pub user: String,
    /// What its environment is made of.
    pub environment: Environment,
    /// The program that it starts, where systemd says which.
    pub program: Option<PathBuf>,
}

/// What the server's environment is made of: `NAME=value`. What comes later wins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// Given to every service: `DefaultEnvironment=`, and what `systemctl set-environment` added.
    pub everybody: Vec<String>,
    /// `PassEnvironment=`, names of variables of systemd's own, whose values nobody is told.
    pub passed: Vec<String>,
    /// `Environment=`, the last value of each name.
    pub set: Vec<String>,
    /// `EnvironmentFile=`, and whether the file may be missing.
    pub files: Vec<(String, bool)>,
    /// `UnsetEnvironment=`, names that are taken away from all that.
    pub unset: Vec<String>,
}

/// The load state of a unit that has no file.
const NOT_FOUND: &str = "not-found";

/// One line of `ExecStart=` as it stands on the bus: program, arguments, whether a failure is
/// ignored, and when and how it last ran.
type Exec = (String, Vec<String>, bool, u64, u64, u64, u64, u32, i32, i32);

/// A unit in systemd's list of units: name, description, the three states, the unit it follows,
/// object path, and the job that is queued for it (0: none), its type and path.
type Listed =
    (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

/// How often a unit is read until nobody has it loaded anew meanwhile.
const READS: usize = 3;

/// Reads the state of the unit `name`. Asking loads a unit file; it starts nothing.
///
/// What there is to know comes in many answers. Where it was masked or its file removed between
/// two of them, the later ones are an empty unit's: so it is read again.
///
/// # Errors
/// Where systemd cannot be asked.
pub(super) async fn read(bus: &Bus, name: &str) -> Result<Unit, BusError> {
    let mut unit = read_once(bus, name).await?;
    for _ in 1..READS {
        // All of it came in one answer.
        if is_forgotten(&unit.load_state, &unit.active_state) {
            break;
        }
        let now = listed(bus, name).await?.map(|(_, _, load_state, ..)| load_state);
        if now.as_deref().unwrap_or(NOT_FOUND) == unit.load_state {
            break;
        }
        unit = read_once(bus, name).await?;
    }
    Ok(unit)
}

async fn listed(bus: &Bus, name: &str) -> Result<Option<Listed>, BusError> {
    let listed: Vec<Listed> = bus.call(SYSTEMD, "ListUnitsByNames", &(vec![name],)).await?;
    Ok(listed.into_iter().next())
}

/// Whether systemd forgets such a unit at once. Each further question would have it read the unit's
/// file again, and write a complaint to the journal.
fn is_forgotten(load_state: &str, active_state: &str) -> bool {
    load_state != "loaded" && active_state == "inactive"
}

async fn read_once(bus: &Bus, name: &str) -> Result<Unit, BusError> {
    let Some((_, _, load_state, active_state, sub_state, _, path, job, ..)) =
        listed(bus, name).await?
    else {
        return Ok(Unit { load_state: NOT_FOUND.into(), ..Unit::default() });
    };
    if is_forgotten(&load_state, &active_state) {
        return Ok(Unit { load_state, active_state, sub_state, ..Unit::default() });
    }
    let unit = Object {
        service: SYSTEMD.service,
        path: path.as_str(),
        interface: "org.freedesktop.systemd1.Unit",
    };
    let service = Object { interface: "org.freedesktop.systemd1.Service", ..unit };
    // u64::MAX stands for "not accounted".
    let cpu: u64 = bus.property(service, "CPUUsageNSec").await?;
    Ok(Unit {
        load_state,
        active_state,
        sub_state,
        result: bus.property(service, "Result").await?,
        restarts: bus.property(service, "NRestarts").await?,
        invocation: invocation(bus.property(unit, "InvocationID").await?),
        // InactiveExitTimestamp would be the moment that it entered auto-restart.
        started: uptime_at(micros(bus.property(service, "ExecMainStartTimestampMonotonic").await?)),
        cpu: (cpu != u64::MAX).then(|| Duration::from_nanos(cpu)),
        job: job != 0,
        start_burst: bus.property(unit, "StartLimitBurst").await?,
        start_interval: micros(bus.property(unit, "StartLimitIntervalUSec").await?),
        exit_status: bus.property(service, "ExecMainStatus").await?,
        files: bus.property(service, "LimitNOFILE").await?,
        group: bus.property(service, "ControlGroup").await?,
        user: bus.property(service, "User").await?,
        environment: Environment {
            everybody: bus.property(SYSTEMD, "Environment").await?,
            passed: bus.property(service, "PassEnvironment").await?,
            set: bus.property(service, "Environment").await?,
            files: bus.property(service, "EnvironmentFiles").await?,
            unset: bus.property(service, "UnsetEnvironment").await?,
        },
        program: program(bus.property(service, "ExecStart").await?),
    })
}

fn program(start: Vec<Exec>) -> Option<PathBuf> {
    start.into_iter().next().map(|(path, ..)| path.into())
}

/// Sixteen bytes, or none.
fn invocation(bytes: Vec<u8>) -> u128 {
    bytes.try_into().map_or(0, u128::from_be_bytes)
}

fn micros(value: u64) -> Duration {
    Duration::from_micros(value)
}

#[cfg(test)]
impl Unit {
    /// A server that has run since uptime 100 s.
    pub(crate) fn fake() -> Self {
        Self {
            load_state: "loaded".into(),
            active_state: "active".into(),
            sub_state: "running".into(),
            result: "success".into(),
            restarts: 0,
            invocation: 42,
            started: Duration::from_secs(100),
            cpu: None,
            job: false,
            start_burst: 5,
            start_interval: Duration::from_secs(10),
            exit_status: 0,
            files: 524_288,
            group: "/system.slice/ollama.service".into(),
            user: "ollama".into(),
            environment: Environment::default(),
            program: Some("/usr/local/bin/ollama".into()),
        }
    }
}
