//! Answers that look like embeddings and are none. A real server cannot be made to give them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::twin::Follower;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;
use crate::net::client::AGENT_PORT;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "proof",
    story: "The server answers 200 with vectors that are wrong: Ready would be a lie",
    needs: Needs::StandIn,
    shows: &[
        "EmbeddingCorrect/WrongDimension",
        "EmbeddingCorrect/NotFinite",
        "EmbeddingCorrect/NotUnit",
        "EmbeddingCorrect/Busy",
        "EmbeddingCorrect/ServerError",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// The switch file, and the drop-in that names it to the stand-in.
pub(super) const SWITCHES: &str = "/etc/saigak-standin.json";
pub(super) const DROP_IN: &str = "mkdir -p /etc/systemd/system/ollama.service.d && \
    printf '[Service]\\nEnvironment=SAIGAK_STANDIN_FAULTS=/etc/saigak-standin.json\\n' \
    > /etc/systemd/system/ollama.service.d/switches.conf && \
    systemctl daemon-reload && systemctl restart ollama.service";

pub(super) const UNLOAD: &str = "curl --silent --show-error --fail http://127.0.0.1:11434/api/embed --data \
    '{\"model\":\"qwen3-embedding-saigak:0.6b\",\"keep_alive\":0}'";
/// A load that takes longer fails.
const SHORT_LOADS: &str = "printf '[Service]\\nEnvironment=OLLAMA_LOAD_TIMEOUT=2s\\n' \
    > /etc/systemd/system/ollama.service.d/loads.conf && systemctl daemon-reload";

/// More proofs than by default, so that the scenario is short; each counts for the usual 30 s.
pub(super) const QUICK: &str = "[proof]\ninterval_seconds = 2\ntimeout_seconds = 3\n";

/// What the stand-in is switched to, and the reason that the agent must give for it.
const CASES: &[(&str, &str, &str)] = &[
    ("three quarters of the dimensions", "short", "WrongDimension"),
    ("one number is not a number", "nan", "NotFinite"),
    ("twice the length", "not-unit", "NotUnit"),
    ("nothing but zeros", "zero", "NotUnit"),
];

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.sh("mkdir -p /etc/saigak-agent/conf.d").await?;
    guest.write_file("/etc/saigak-agent/conf.d/50-lab.toml", QUICK)?;
    guest.sh(DROP_IN).await?;
    let mark = guest.mark();
    guest.sh("systemctl restart saigak-agent.service").await?;
    guest.until_ready(mark.at, FIRST_READY).await?;
    for (what, switch, reason) in CASES {
        stage.say(&format!("breaks: the stand-in answers with {what}"));
        let follower = Follower::begin(&guest, what).await?;
        let mark = guest.mark();
        guest.write_file(SWITCHES, format!("{{\"vector\":\"{switch}\"}}"))?;
        let limit = Duration::from_mins(1);
        let seen = guest
            .expect(&mark, "EmbeddingCorrect", "False", reason, limit)
            .await
            .with_context(|| (*what).to_owned())?;
        let answer = guest.get(AGENT_PORT, "/readyz").await?;
        ensure!(answer.status == 503, "/readyz says {} to {what}", answer.status);
        ensure!(answer.body.contains(reason), "/readyz does not name {reason}: {}", answer.body);
        guest.write_file(SWITCHES, "{}")?;
        let mended = guest.mark();
        let healed = guest.until_ready(mended.at, FIRST_READY).await?;
        let named = ("EmbeddingCorrect", &[*reason][..]);
        follower.end(&guest, named, Some(mended.at - mark.at)).await?;
        stage.add(Row {
            fault: (*what).into(),
            seen: Some(seen - mark.at),
            healed: Some(healed - mended.at),
            by_hand: None,
            remedies: guest.remedies(&mark),
        });
    }
    busy(stage, &guest).await?;
    cannot_load(stage, &guest).await
}

/// What a server does that has other work for a while: here, one that loads the model anew.
async fn busy(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: the model is unloaded, and loading it takes 30 seconds");
    let mark = guest.mark();
    // Longer than the longest pause between two proofs: the pin, which is nobody's proof, may load
    // it as well, and the next proof must still have to wait.
    guest.write_file(SWITCHES, "{\"load_seconds\": 30}")?;
    guest.sh(UNLOAD).await?;
    let limit = Duration::from_mins(1);
    let seen = guest.expect(&mark, "EmbeddingCorrect", "True", "Busy", limit).await?;
    guest.write_file(SWITCHES, "{}")?;
    let proven = |report: &Report| {
        report.condition("EmbeddingCorrect").is_some_and(|found| found.reason == "Proven")
    };
    let healed = guest.wait(seen, limit, "a proof", proven).await?.at;
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    let lapse = lapse.map(|seen| seen.report.to_string());
    ensure!(lapse.is_none(), "a busy server was called unready: {lapse:?}");
    guest.expect_repairs(&mark, &[])?;
    stage.add(Row {
        fault: "the server is busy for 30 s".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        ..Row::default()
    });
    Ok(())
}

/// The first restart comes a minute after the first error: a person is quicker here.
async fn cannot_load(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: the runner cannot load the model");
    guest.sh(SHORT_LOADS).await?;
    let mark = guest.mark();
    guest.write_file(SWITCHES, "{\"load_seconds\": 20}")?;
    guest.sh("systemctl restart ollama.service").await?;
    let limit = Duration::from_secs(30);
    let failed = |report: &Report| {
        report.condition("EmbeddingCorrect").is_some_and(|condition| {
            condition.reason == "ServerError"
                && condition.message.contains("timed out waiting for llama-server to start")
        })
    };
    let seen = guest.wait(mark.at, limit, "ServerError in the server's words", failed).await?.at;
    let answer = guest.get(AGENT_PORT, "/readyz").await?;
    ensure!(answer.status == 503, "/readyz says {} to it", answer.status);
    guest.write_file(SWITCHES, "{}")?;
    let mended = guest.mark();
    let healed = guest.until_ready(mended.at, FIRST_READY).await?;
    guest.expect_repairs(&mark, &[])?;
    stage.add(Row {
        fault: "the runner cannot load the model".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mended.at),
        ..Row::default()
    });
    Ok(())
}
