//! What can be done about a GPU: little, and never to a GPU that is in use. Nothing is reset, no
//! process is killed, no guest rebooted.

use std::time::Duration;

use super::follow::Probe;
use crate::core::{Budget, Outcome, Reason, Rung};
use crate::fix;
use crate::guest::Remedy as Any;

/// An action on the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The kernel loads the driver's module.
    LoadModule,
    /// NVIDIA's persistence daemon is started: it makes the device nodes, and keeps the driver at
    /// work.
    StartPersistence,
}

impl Remedy {
    /// Every remedy of this concern.
    pub const ALL: [Self; 2] = [Self::LoadModule, Self::StartPersistence];

    /// `gpu/…`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LoadModule => "gpu/LoadModule",
            Self::StartPersistence => "gpu/StartPersistence",
        }
    }

    /// How often it may run.
    #[must_use]
    pub fn budget(self) -> Budget {
        Budget::hourly(3)
    }

    /// How long it may take: a module that finds its GPU takes seconds; the helper that starts
    /// the daemon waits for systemd's job for 200 s.
    #[must_use]
    pub fn deadline(self) -> Duration {
        Duration::from_secs(240)
    }
}

/// What the kernel says of a module that is not signed by a key that it knows.
const REFUSED: &str = "Key was rejected by service";

pub(super) static NOT_LOADED: Reason<Any> =
    Reason::fault("NotLoaded", "modprobe nvidia, and see dmesg | grep -i nvidia for what it says")
        // udev loads it at boot, after the agent was started.
        .mended_by(
            5000,
            &[
                Rung::new(Any::Gpu(Remedy::LoadModule), 2, 10),
                Rung::new(Any::Gpu(Remedy::StartPersistence), 1, 15),
            ],
        )
        .decisive();

pub(super) static DEVICES_MISSING: Reason<Any> = Reason::fault(
    "DevicesMissing",
    "nvidia-modprobe -c 0 -u makes them; then see ls -l /dev/nvidia* and dmesg | grep -i nvrm",
)
.mended_by(5000, &[Rung::new(Any::Gpu(Remedy::StartPersistence), 1, 15)])
.decisive();

/// Carries out one remedy, and has the driver asked again.
pub async fn apply(remedy: Remedy, probe: &Probe) -> Outcome {
    let name = match remedy {
        Remedy::LoadModule => fix::Name::GpuLoad,
        Remedy::StartPersistence => fix::Name::GpuPersistence,
    };
    let outcome: Outcome = fix::call(name).await.into();
    let refused = match &outcome {
        Outcome::Failed(words) if words.contains(REFUSED) => Some(words.clone()),
        _ => None,
    };
    probe.ask_again(refused);
    outcome
}
