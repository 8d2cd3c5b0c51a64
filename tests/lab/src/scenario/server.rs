//! The server process.

use std::time::Duration;

use anyhow::Result;

use super::fault::Fault;
use super::stage::Stage;
use super::{Needs, Playing, Scenario};

/// See the story.
pub(super) const SERVER: Scenario = Scenario {
    name: "server",
    story: "Ollama was killed, stopped, or frozen with its port still open",
    needs: Needs::AnyServer,
    shows: &[
        "OllamaRunning/Restarting",
        "OllamaRunning/Stopped",
        "OllamaServing/Unresponsive",
        "EmbeddingCorrect/NotProven",
    ],
    play: |stage| -> Playing<'_> { Box::pin(server(stage)) },
};

/// See the story.
pub(super) const LOOPBACK: Scenario = Scenario {
    name: "loopback",
    story: "Ollama listens on 127.0.0.1 only: every check inside passes, every client fails",
    needs: Needs::AnyServer,
    shows: &["EndpointReachable/LoopbackOnly"],
    play: |stage| -> Playing<'_> { Box::pin(loopback(stage)) },
};

/// systemd restarts it by itself; the agent must not add a restart of its own.
pub(crate) const KILLED: Fault = Fault {
    what: "Ollama killed",
    why: "the kernel's out-of-memory killer took it",
    breaks: "systemctl kill --signal=KILL ollama.service",
    condition: "OllamaRunning",
    reasons: &["Restarting", "Stopped", "Failed"],
    remedies: &[&[]],
    by_hand: "systemctl restart ollama.service",
    keeps_data: true,
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_mins(1),
};

pub(crate) const STOPPED: Fault = Fault {
    what: "Ollama stopped",
    why: "somebody stopped it for maintenance and went home",
    breaks: "systemctl stop ollama.service",
    condition: "OllamaRunning",
    reasons: &["Stopped"],
    remedies: &[&["ollama/Start"]],
    by_hand: "systemctl start ollama.service",
    keeps_data: true,
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_mins(1),
};

pub(crate) const FROZEN: Fault = Fault {
    what: "Ollama frozen",
    why: "a lock that is never released: the port is open, nothing answers",
    breaks: "systemctl kill --signal=STOP ollama.service",
    condition: "OllamaServing",
    reasons: &["Unresponsive"],
    remedies: &[&["ollama/Restart"]],
    by_hand: "systemctl restart ollama.service",
    keeps_data: true,
    seen_within: Duration::from_secs(90),
    healed_within: Duration::from_mins(2),
};

/// A drop-in that sorts after the package's wins over it.
pub(crate) const BOUND: Fault = Fault {
    what: "Ollama on 127.0.0.1 only",
    why: "an override of OLLAMA_HOST was left from a debugging session",
    breaks: "rm -f /run/systemd/system/ollama.service.d/*.conf && \
        mkdir -p /etc/systemd/system/ollama.service.d && \
        printf '[Service]\\nEnvironment=OLLAMA_HOST=127.0.0.1\\n' \
        > /etc/systemd/system/ollama.service.d/override.conf && \
        systemctl daemon-reload && systemctl restart ollama.service",
    condition: "EndpointReachable",
    reasons: &["LoopbackOnly"],
    remedies: &[&["ollama/BindAll"]],
    by_hand: "rm /etc/systemd/system/ollama.service.d/override.conf && \
        systemctl daemon-reload && systemctl restart ollama.service",
    keeps_data: true,
    seen_within: Duration::from_secs(30),
    healed_within: Duration::from_mins(1),
};

async fn server(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    for fault in [&KILLED, &STOPPED, &FROZEN] {
        stage.play(&guest, fault).await?;
    }
    Ok(())
}

async fn loopback(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.play(&guest, &BOUND).await
}
