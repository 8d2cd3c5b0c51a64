//! The server's ladders and remedies. A unit is started, never restarted, where nothing
//! runs; a restart is for a server that is proven stuck.

use std::time::Duration;

use super::facts::Facts;
use crate::core::{Budget, Outcome, Reason, Rung};
use crate::fix;
use crate::guest::Remedy as Any;

/// An action on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The unit is started. Does nothing to one that runs.
    Start,
    /// The unit's failure is forgotten by systemd, and the unit started.
    ResetFailed,
    /// The processes that compute for the server are ended, and it is left as it is: it starts
    /// another for the next request. No start of the unit is spent, no download lost.
    StopRunner,
    /// The unit is restarted, its whole control group: a killed server alone would leave its
    /// runner behind, GPU memory included.
    Restart,
    /// A runtime drop-in makes it listen on all addresses, and it is restarted.
    BindAll,
    /// A runtime drop-in makes it keep its models on the data disk, and it is restarted.
    UseDataDisk,
}

impl Remedy {
    /// Every remedy of this concern.
    pub const ALL: [Self; 6] = [
        Self::Start,
        Self::ResetFailed,
        Self::StopRunner,
        Self::Restart,
        Self::BindAll,
        Self::UseDataDisk,
    ];

    /// `ollama/…`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "ollama/Start",
            Self::ResetFailed => "ollama/ResetFailed",
            Self::StopRunner => "ollama/StopRunner",
            Self::Restart => "ollama/Restart",
            Self::BindAll => "ollama/BindAll",
            Self::UseDataDisk => "ollama/UseDataDisk",
        }
    }

    /// How often it may run.
    #[must_use]
    pub fn budget(self) -> Budget {
        match self {
            Self::Start => Budget::hourly(12),
            Self::ResetFailed => Budget::hourly(3),
            Self::StopRunner => Budget::hourly(6),
            Self::Restart => Budget::hourly(4),
            Self::BindAll | Self::UseDataDisk => Budget::hourly(2),
        }
    }

    /// Whether the server's process is left as it is, with all that it does but computing.
    #[must_use]
    pub fn spares_server(self) -> bool {
        matches!(self, Self::Start | Self::StopRunner)
    }

    /// How long it may take. A server that ignores SIGTERM is killed by systemd after its
    /// `TimeoutStopSec=`, 90 s by default; the helper waits for systemd's job for 200 s. Before
    /// that the data disk is looked at, for 15 s if it hangs, and cloud-init, the firewall and
    /// the server, whose knock takes 3 s if it is silent.
    #[must_use]
    pub fn deadline(self) -> Duration {
        Duration::from_secs(240)
    }
}

const START: Any = Any::Ollama(Remedy::Start);
const RESET_FAILED: Any = Any::Ollama(Remedy::ResetFailed);
const RESTART: Any = Any::Ollama(Remedy::Restart);
const BIND_ALL: Any = Any::Ollama(Remedy::BindAll);
const USE_DATA_DISK: Any = Any::Ollama(Remedy::UseDataDisk);

const SEE_JOURNAL: &str = "see systemctl status ollama and journalctl -u ollama";

pub(super) static STOPPED: Reason<Any> = Reason::fault("Stopped", SEE_JOURNAL)
    .mended_by(500, &[Rung::new(START, 2, 10), Rung::new(RESET_FAILED, 1, 20)]);

pub(super) static FAILED: Reason<Any> = Reason::fault("Failed", SEE_JOURNAL)
    .mended_by(1000, &[Rung::new(START, 2, 10), Rung::new(RESET_FAILED, 1, 20)]);

// Whoever starts it again and again may be at work still. systemd's count is forgotten with the
// failure, so its interval need not be waited for.
pub(super) static START_LIMIT_HIT: Reason<Any> =
    Reason::fault("StartLimitHit", SEE_JOURNAL).mended_by(3000, &[Rung::new(RESET_FAILED, 2, 10)]);

pub(super) static NOT_LISTENING: Reason<Any> =
    Reason::fault("NotListening", "see journalctl -u ollama, ss -ltnp and OLLAMA_HOST")
        // Once: where OLLAMA_HOST was moved, restarting again would change nothing.
        .mended_by(5000, &[Rung::new(RESTART, 1, 30)]);

// Two more knocks of three seconds each must stay unanswered before anything is done.
pub(super) static UNRESPONSIVE: Reason<Any> =
    Reason::fault("Unresponsive", SEE_JOURNAL).mended_by(6000, &[Rung::new(RESTART, 2, 30)]);

// Whoever holds them does not let go, or a server that has files left would answer.
pub(super) static TOO_MANY_CONNECTIONS: Reason<Any> = Reason::fault(
    "TooManyConnections",
    "find the client that leaves connections open, or raise LimitNOFILE= of the unit",
)
.mended_by(6000, &[Rung::new(RESTART, 2, 30)]);

pub(super) static LOOPBACK_ONLY: Reason<Any> =
    Reason::fault("LoopbackOnly", "set OLLAMA_HOST=0.0.0.0 in the unit's environment")
        // Once: an EnvironmentFile= beats the drop-in, however often the server is restarted.
        .mended_by(1000, &[Rung::new(BIND_ALL, 1, 15)]);

pub(super) static ELSEWHERE: Reason<Any> =
    Reason::fault("Elsewhere", "set OLLAMA_MODELS to storage.path in the unit's environment")
        // Once: a drop-in that sorts after ours beats it as often as it is written.
        .mended_by(2000, &[Rung::new(USE_DATA_DISK, 1, 20)]);

/// Why `remedy` must wait at `uptime`: the unit's own start limit is never run into. A start
/// of a unit that is down can lose nothing by it; a restart can lose a running server.
#[must_use]
pub fn held(remedy: Remedy, facts: Option<&Facts>, uptime: Duration) -> Option<String> {
    let facts = facts?;
    let unit = facts.unit.as_ref().ok()?;
    match remedy {
        Remedy::ResetFailed | Remedy::StopRunner => None,
        Remedy::Start => facts.starts.would_hit(unit, uptime, false),
        Remedy::Restart | Remedy::BindAll | Remedy::UseDataDisk => {
            facts.starts.would_hit(unit, uptime, true)
        }
    }
}

/// Carries out one remedy.
pub async fn apply(remedy: Remedy) -> Outcome {
    let name = match remedy {
        Remedy::Start => fix::Name::OllamaStart,
        Remedy::ResetFailed => fix::Name::OllamaReset,
        Remedy::StopRunner => fix::Name::OllamaRunner,
        Remedy::Restart => fix::Name::OllamaRestart,
        Remedy::BindAll => fix::Name::OllamaBind,
        Remedy::UseDataDisk => fix::Name::OllamaModels,
    };
    fix::call(name).await.into()
}
