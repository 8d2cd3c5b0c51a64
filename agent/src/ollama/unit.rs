//! What systemd says of the server's unit.

use std::time::Duration;

use zbus::OwnedObjectPath;

use crate::bus::{Bus, BusError, Object, SYSTEMD};
use crate::core::uptime_at;

/// The unit's state. Field names are systemd's properties.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

/// Reads the state of the unit `name`. Asking loads a unit file; it starts nothing.
///
/// # Errors
/// Where systemd cannot be asked.
pub(super) async fn read(bus: &Bus, name: &str) -> Result<Unit, BusError> {
    let path: OwnedObjectPath = bus.call(SYSTEMD, "LoadUnit", &(name,)).await?;
    let unit = Object {
        service: SYSTEMD.service,
        path: path.as_str(),
        interface: "org.freedesktop.systemd1.Unit",
    };
    let service = Object { interface: "org.freedesktop.systemd1.Service", ..unit };
    let (job, _): (u32, OwnedObjectPath) = bus.property(unit, "Job").await?;
    let load_state: String = bus.property(unit, "LoadState").await?;
    // u64::MAX stands for "not accounted".
    let cpu: u64 = bus.property(service, "CPUUsageNSec").await?;
    Ok(Unit {
        load_state,
        active_state: bus.property(unit, "ActiveState").await?,
        sub_state: bus.property(unit, "SubState").await?,
        result: bus.property(service, "Result").await?,
        restarts: bus.property(service, "NRestarts").await?,
        invocation: invocation(bus.property(unit, "InvocationID").await?),
        // InactiveExitTimestamp would be the moment that it entered auto-restart.
        started: uptime_at(micros(bus.property(service, "ExecMainStartTimestampMonotonic").await?)),
        cpu: (cpu != u64::MAX).then(|| Duration::from_nanos(cpu)),
        job: job != 0,
        start_burst: bus.property(unit, "StartLimitBurst").await?,
        start_interval: micros(bus.property(unit, "StartLimitIntervalUSec").await?),
    })
}

/// Sixteen bytes, or none.
fn invocation(bytes: Vec<u8>) -> u128 {
    bytes.try_into().map_or(0, u128::from_be_bytes)
}

fn micros(value: u64) -> Duration {
    Duration::from_micros(value)
}
