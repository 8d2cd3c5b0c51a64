//! The process that computes the embeddings, killed or frozen behind a server that looks well.

use std::time::Duration;

use anyhow::{Context, Result};

use super::fault::Fault;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;

/// See the story.
pub(super) const IDLE: Scenario = Scenario {
    name: "runner-idle",
    story: "The idle runner was killed, or frozen: the server replaces it, the agent lets it",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(idle(stage)) },
};

/// See the story. A real server computes too fast here for a request to be caught on its way.
pub(super) const IN_FLIGHT: Scenario = Scenario {
    name: "runner-in-flight",
    story: "The runner was killed, frozen, or stopped and stays: only it is ended, and only then",
    needs: Needs::StandIn,
    shows: &["EmbeddingCorrect/Stuck", "EmbeddingCorrect/ProofStale"],
    play: |stage| -> Playing<'_> { Box::pin(in_flight(stage)) },
};

/// Functions for the guest's shell. `runner` prints the runner's process. `in_flight` sends a
/// text that takes two seconds to compute, and returns once the runner has one: when a connection
/// of its port outlasts a ping's, among however many others.
pub(super) const FUNCTIONS: &str = r#"
runner() {
    pgrep --parent "$(systemctl show -P MainPID ollama.service)"
}
connections() {
    ss --no-header --numeric --tcp state established src 127.0.0.1 |
        awk '$3 !~ /:11434$/ && $4 !~ /:11434$/ { print $3, $4 }' | sort
}
unload() {
    systemd-run --quiet --collect --unit=unload.service curl --silent --max-time 300 --data \
        '{"model":"qwen3-embedding-saigak:0.6b","keep_alive":0}' http://127.0.0.1:11434/api/embed
}
in_flight() {
    text=$(head --bytes=4000 /dev/zero | tr '\0' x)
    printf '{"model":"qwen3-embedding-saigak:0.6b","input":"%s"}' "$text" > /run/text.json
    systemd-run --quiet --collect --unit=client.service curl --silent --output /run/answer.json \
        --max-time 300 --data @/run/text.json http://127.0.0.1:11434/v1/embeddings
    until
        connections > /run/before
        sleep 0.1
        connections > /run/now
        comm -12 /run/before /run/now | grep --quiet .
    do :; done
}
"#;
pub(super) const PATH: &str = "/usr/local/lib/runner.sh";

/// Only its end ends a request that waits for a frozen runner.
pub(crate) const FROZEN: Fault = Fault {
    what: "runner frozen with a request on its way",
    why: "the GPU's driver never comes back from a call",
    breaks: ". /usr/local/lib/runner.sh; in_flight && kill -STOP $(runner)",
    condition: "EmbeddingCorrect",
    reasons: &["Stuck"],
    remedies: &[&["ollama/StopRunner"]],
    by_hand: ". /usr/local/lib/runner.sh; kill -KILL $(runner)",
    keeps_data: true,
    seen_within: Duration::from_mins(2),
    healed_within: Duration::from_mins(1),
};

/// The server waits for the runner's request, and all others wait for the server.
pub(crate) const STOPPING: Fault = Fault {
    what: "runner told to stop, and frozen with a request on its way",
    why: "ollama ps says \"Stopping...\" for ever",
    breaks: ". /usr/local/lib/runner.sh; in_flight && kill -STOP $(runner) && unload",
    ..FROZEN
};

/// The server finds out with the next request, which is the proof's.
const KILLED_IDLE: &str = "kill -KILL $(runner)";
/// Ten seconds for a ping, and ten for its end.
const FROZEN_IDLE: &str = "kill -STOP $(runner)";
/// The client is told that it was its own fault; nobody else notices.
const KILLED_IN_FLIGHT: &str = "in_flight && kill -KILL $(runner) && \
    while systemctl is-active --quiet client.service; do :; done && \
    grep --quiet 'do embedding request' /run/answer.json";

async fn idle(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.write_file(PATH, FUNCTIONS)?;
    replaced(stage, &guest, "runner killed while idle", KILLED_IDLE).await?;
    replaced(stage, &guest, "runner frozen while idle", FROZEN_IDLE).await
}

async fn in_flight(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.write_file(PATH, FUNCTIONS)?;
    replaced(stage, &guest, "runner killed with a request on its way", KILLED_IN_FLIGHT).await?;
    stage.play(&guest, &FROZEN).await?;
    stage.play(&guest, &STOPPING).await
}

/// Breaks the runner, and watches the server replace it at the next proof.
async fn replaced(stage: &Stage, guest: &Guest, what: &str, breaks: &str) -> Result<()> {
    stage.say(&format!("breaks: {what}"));
    let runner = guest.sh(&format!(". {PATH}; runner")).await?;
    let mark = guest.mark();
    guest.sh(&format!(". {PATH}; {breaks}")).await.context(what.to_owned())?;
    let another = format!(
        ". {PATH}; until now=$(runner) && test \"$now\" != '{}'; do sleep 0.2; done",
        runner.trim()
    );
    // Until the next proof, and the server's patience with the runner.
    guest.sh_within(&another, Duration::from_secs(45)).await.context(what.to_owned())?;
    // It may have been ready all the while.
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    let healed = match &lapse {
        Some(lapse) => Some(guest.until_ready(lapse.at, FIRST_READY).await?),
        None => None,
    };
    guest.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
    guest.expect_repairs(&mark, &[]).context(what.to_owned())?;
    stage.add(Row {
        fault: what.into(),
        seen: lapse.map(|seen| seen.at - mark.at),
        healed: healed.map(|healed| healed - mark.at),
        ..Row::default()
    });
    Ok(())
}
