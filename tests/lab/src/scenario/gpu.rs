//! The GPU: there, driven, healthy, and really used. The GPUs are imagined: the lab's own library
//! stands in for NVIDIA's.

mod attached;
mod driver;
mod fallback;
mod hangs;
mod health;
mod idle;
mod library;
mod own;
mod placed;
mod pod;
mod scrapes;

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;

use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use crate::guest::Guest;
use crate::guest::gpu::Gpus;
use crate::guest::options::Options;
use crate::guest::report::Report;
use crate::guest::timeline::Mark;

pub(super) use attached::SCENARIO as ATTACHED;
pub(super) use driver::SCENARIO as DRIVER;
pub(super) use fallback::SCENARIO as FALLBACK;
pub(super) use hangs::SCENARIO as HANGS;
pub(super) use health::SCENARIO as HEALTH;
pub(super) use idle::SCENARIO as IDLE;
pub(super) use library::SCENARIO as LIBRARY;
pub(super) use own::SCENARIO as OWN;
pub(super) use placed::SCENARIO as PLACED;
pub(super) use pod::SCENARIO as POD;
pub(super) use scrapes::SCENARIO as SCRAPES;

/// How long a change of what is read from the kernel's memory or asked of the server may take to
/// be said.
const SEEN: Duration = Duration::from_secs(30);

/// The same for what is asked of the driver: one that does not answer is asked again within half
/// a minute, and what it does not tell by itself is read every 15 s.
const ASKED: Duration = Duration::from_secs(75);

/// Ends the probes, as systemd does; the agent has the next one.
const END_PROBES: &str = "systemctl kill 'saigak-probe-gpu@*.service'";
/// What they have used of the CPU, in nanoseconds.
const PROBES_CPU: &str = "systemctl show -P CPUUsageNSec 'saigak-probe-gpu@*.service' | grep .";

/// The server of the guest starts anew, as a person has it.
const RESTART: &str = "systemctl reset-failed ollama.service; systemctl restart ollama.service";

/// Waits until a condition is so, if it is not so already.
async fn until(guest: &Guest, condition: &str, status: &str, reason: &str) -> Result<()> {
    let what = format!("{condition} to be {status}/{reason}");
    let fits = |report: &Report| {
        let is = report.condition(condition);
        is.is_some_and(|is| is.status == status && is.reason == reason)
    };
    guest.until(ASKED, &what, fits).await.map(drop)
}

impl Stage {
    /// Boots a guest with these GPUs, and all else in order.
    async fn boot_with(&self, gpus: Gpus) -> Result<Rc<Guest>> {
        let options = self.healthy_options().await?;
        self.boot(Options { gpus: Some(gpus), ..options }).await
    }

    /// The same under a name of its own, where it is not the only one.
    async fn boot_another_with(&self, gpus: Gpus, name: &str) -> Result<Rc<Guest>> {
        let options = self.healthy_options().await?;
        let name = format!("{}-{name}", options.name);
        self.boot(Options { gpus: Some(gpus), name, ..options }).await
    }

    /// Boots a guest with these GPUs, and waits until it is ready.
    async fn boot_ready_with(&self, gpus: Gpus) -> Result<Rc<Guest>> {
        let guest = self.boot_with(gpus).await?;
        let mark = guest.since_boot();
        guest.until_ready(mark.at, FIRST_READY).await?;
        Ok(guest)
    }

    /// Adds a line for a fault that the agent has named, after `seen`.
    fn add_seen(&self, fault: &str, seen: Duration, guest: &Guest, mark: &Mark) {
        self.add(Row {
            fault: fault.into(),
            seen: Some(seen),
            remedies: guest.remedies(mark),
            ..Row::default()
        });
    }
}
