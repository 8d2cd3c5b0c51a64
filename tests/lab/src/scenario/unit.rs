//! A unit that systemd does not start, or not any more.

use std::time::Duration;

use anyhow::Result;

use super::fault::Fault;
use super::matter::Matter;
use super::stage::Stage;
use super::{Needs, Playing, Scenario};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "unit",
    story: "Ollama failed for good, was started too often, masked, removed, or edited by mistake",
    needs: Needs::AnyServer,
    shows: &[
        "OllamaRunning/Failed",
        "OllamaRunning/StartLimitHit",
        "OllamaRunning/UnitMasked",
        "OllamaRunning/UnitMissing",
        "OllamaRunning/UnitInvalid",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// systemd does not start it again by itself.
pub(crate) const FAILED: Fault = Fault {
    what: "Ollama killed, and systemd told not to restart it",
    why: "a unit of one's own, without Restart=always",
    breaks: "mkdir -p /run/systemd/system/ollama.service.d && \
        printf '[Service]\\nRestart=no\\n' > /run/systemd/system/ollama.service.d/no.conf && \
        systemctl daemon-reload && systemctl kill --signal=KILL ollama.service",
    condition: "OllamaRunning",
    reasons: &["Failed"],
    remedies: &[&["ollama/Start"]],
    by_hand: "systemctl start ollama.service",
    keeps_data: true,
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_mins(1),
};

/// The unit's limit is five starts in ten seconds.
pub(crate) const TOO_OFTEN: Fault = Fault {
    what: "Ollama started too often",
    why: "somebody, or a script, restarted it again and again until systemd refused",
    breaks: "while systemctl restart ollama.service; do :; done 2> /dev/null; \
        systemctl is-failed --quiet ollama.service",
    condition: "OllamaRunning",
    reasons: &["StartLimitHit"],
    remedies: &[&["ollama/ResetFailed"]],
    by_hand: "systemctl reset-failed ollama.service && systemctl start ollama.service",
    keeps_data: true,
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_mins(1),
};

/// Two starts are one rung, and what is down again within ten seconds has not recovered: which
/// rung it is depends on what was played before.
const AGAIN: &[&[&str]] = &[&["ollama/Start"], &["ollama/ResetFailed"]];

/// A unit in /etc cannot be masked by a link beside it.
const MASKED: Matter = Matter {
    what: "Ollama's unit masked",
    breaks: "systemctl stop ollama.service && \
        mv /etc/systemd/system/ollama.service /root/ollama.service && \
        systemctl mask ollama.service",
    condition: "OllamaRunning",
    reasons: &["UnitMasked"],
    says: "systemctl unmask ollama.service",
    ready: false,
    // It may have been seen stopped before it was masked.
    remedies: &[&[], &["ollama/Start"]],
    cure: "systemctl unmask ollama.service && \
        mv /root/ollama.service /etc/systemd/system/ollama.service && systemctl daemon-reload",
    after: AGAIN,
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_mins(1),
};

const REMOVED: Matter = Matter {
    what: "Ollama's unit removed",
    breaks: "mv /etc/systemd/system/ollama.service /root/ollama.service && \
        systemctl stop ollama.service && systemctl daemon-reload",
    condition: "OllamaRunning",
    reasons: &["UnitMissing"],
    says: "install Ollama",
    ready: false,
    remedies: &[&[], &["ollama/Start"]],
    cure: "mv /root/ollama.service /etc/systemd/system/ollama.service && systemctl daemon-reload",
    after: AGAIN,
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_mins(1),
};

/// `ExecStart=` adds to the one that is there, unless an empty one stands before it.
const INVALID: Matter = Matter {
    what: "a second ExecStart= in Ollama's unit",
    breaks: "mkdir -p /run/systemd/system/ollama.service.d && \
        printf '[Service]\\nExecStart=/usr/local/bin/ollama serve\\n' \
        > /run/systemd/system/ollama.service.d/edit.conf && \
        systemctl stop ollama.service && systemctl daemon-reload",
    condition: "OllamaRunning",
    reasons: &["UnitInvalid"],
    says: "systemd-analyze verify",
    ready: false,
    remedies: &[&[], &["ollama/Start"]],
    cure: "rm /run/systemd/system/ollama.service.d/edit.conf && systemctl daemon-reload",
    after: AGAIN,
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_mins(1),
};

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    // In turns: what is started twice within ten seconds has not recovered in between.
    stage.play_matter(&guest, &REMOVED).await?;
    stage.play(&guest, &FAILED).await?;
    stage.play_matter(&guest, &MASKED).await?;
    stage.play(&guest, &TOO_OFTEN).await?;
    stage.play_matter(&guest, &INVALID).await
}
