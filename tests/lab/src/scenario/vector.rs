//! Embeddings that look right in every way and are not those of the model.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::fault::Fault;
use super::proof::{DROP_IN, QUICK, SWITCHES};
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;
use crate::net::client::AGENT_PORT;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "vector",
    story: "Vectors of the right shape that tell nothing, numbers that rot after a thousand good \
            answers, a reference that is torn; and rounding, which is left alone",
    needs: Needs::StandIn,
    shows: &["EmbeddingCorrect/WrongVector", "EmbeddingCorrect/NotFinite"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// See the story.
pub(super) const ROT: Scenario = Scenario {
    name: "weights-rot",
    story: "The weights on the disk are others under the same name, and the server serves them",
    needs: Needs::AnyServer,
    shows: &["EmbeddingCorrect/WrongVector"],
    play: |stage| -> Playing<'_> { Box::pin(rot(stage)) },
};

/// The header stays: nothing but the vectors tells. They change when the model is loaded anew.
const ROTTEN: Fault = Fault {
    what: "the model's weights rot, and it is loaded anew",
    why: "a disk gives back other bytes than were written to it",
    breaks: "find /var/lib/ollama/blobs -type f -size +1M | while read blob; do \
        half=$(($(stat --format=%s $blob) / 131072)) && \
        dd if=/dev/urandom of=$blob bs=64K seek=$half count=$((half - 1)) conv=notrunc \
        status=none; done && curl --silent --show-error --fail \
        http://127.0.0.1:11434/api/embed --data \
        '{\"model\":\"qwen3-embedding-saigak:0.6b\",\"keep_alive\":0}'",
    condition: "EmbeddingCorrect",
    reasons: &["WrongVector"],
    remedies: &[
        &["model/Unload", "model/DropDamaged", "model/Pull"],
        // Where what is set aside is computed with for as long as it is loaded.
        &["model/Unload", "model/DropDamaged", "model/Pull", "ollama/Restart"],
    ],
    by_hand: "find /var/lib/ollama/blobs -type f -size +1M -delete && \
        curl --silent --show-error --fail http://127.0.0.1:11434/api/pull --data \
        '{\"model\":\"qwen3-embedding:0.6b\",\"stream\":false}' && \
        curl --silent --show-error --fail http://127.0.0.1:11434/api/embed --data \
        '{\"model\":\"qwen3-embedding-saigak:0.6b\",\"keep_alive\":0}'",
    keeps_data: false,
    seen_within: Duration::from_secs(30),
    healed_within: Duration::from_mins(5),
};

/// The state directory's file.
const FILE: &str = "/var/lib/saigak-agent/references.json";

/// Two proofs have agreed, and it is written.
const IS_KEPT: &str = "until test -s /var/lib/saigak-agent/references.json; do sleep 0.2; done";

/// Embeds as many texts as the runner computes rightly.
const A_THOUSAND: &str = "printf '{\"model\":\"qwen3-embedding-saigak:0.6b\",\"input\":[' \
    > /run/texts.json && for number in $(seq 999); do printf '\"x\",'; done >> /run/texts.json && \
    printf '\"x\"]}' >> /run/texts.json && curl --silent --show-error --fail --output /dev/null \
    --data @/run/texts.json http://127.0.0.1:11434/v1/embeddings";

const LIMIT: Duration = Duration::from_mins(1);

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.sh("mkdir -p /etc/saigak-agent/conf.d").await?;
    guest.write_file("/etc/saigak-agent/conf.d/50-lab.toml", QUICK)?;
    guest.sh(DROP_IN).await?;
    let mark = guest.mark();
    guest.sh("systemctl restart saigak-agent.service").await?;
    guest.until_ready(mark.at, FIRST_READY).await?;
    guest.sh_within(IS_KEPT, LIMIT).await.context("no reference is kept")?;
    rounding(stage, &guest).await?;
    other(stage, &guest).await?;
    after_a_thousand(stage, &guest).await?;
    torn(stage, &guest).await
}

async fn rot(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.sh_within(IS_KEPT, LIMIT).await.context("no reference is kept")?;
    stage.play(&guest, &ROTTEN).await
}

/// Fails where the guest was not ready at any moment since then, or something was repaired.
fn served(guest: &Guest, mark: &crate::guest::timeline::Mark) -> Result<()> {
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "the guest was not ready for a while: {lapse:?}");
    guest.expect_repairs(mark, &[])
}

async fn rounding(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("changes: each number is off by three hundredths of itself");
    let mark = guest.mark();
    guest.write_file(SWITCHES, "{\"vector\":\"rounded\"}")?;
    guest.quiet(Duration::from_secs(8)).await?;
    guest.write_file(SWITCHES, "{}")?;
    served(guest, &mark)?;
    stage.add(Row { fault: "more rounding than any machine's".into(), ..Row::default() });
    Ok(())
}

/// An agent that comes later knows it as well: what it is held against outlives it.
async fn other(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: the vectors are those of another text");
    let mark = guest.mark();
    guest.write_file(SWITCHES, "{\"vector\":\"other\"}")?;
    let seen = guest.expect(&mark, "EmbeddingCorrect", "False", "WrongVector", LIMIT).await?;
    let answer = guest.get(AGENT_PORT, "/readyz").await?;
    ensure!(answer.status == 503, "/readyz says {} to it", answer.status);
    ensure!(answer.body.contains("cosine"), "/readyz does not say how wrong: {}", answer.body);
    let later = guest.mark();
    guest.sh("systemctl restart saigak-agent.service").await?;
    guest.expect(&later, "EmbeddingCorrect", "False", "WrongVector", LIMIT).await?;
    let lie = guest.timeline.since(later.at).into_iter().find(|seen| seen.report.ready);
    ensure!(lie.is_none(), "the agent after it was ready: {lie:?}");
    guest.write_file(SWITCHES, "{}")?;
    let mended = guest.mark();
    let healed = guest.until_ready(mended.at, FIRST_READY).await?;
    stage.add(Row {
        fault: "the vectors are those of another text".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mended.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}

/// The model is loaded anew, and the server stays.
async fn after_a_thousand(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: after a thousand good answers the runner's numbers are none");
    let server = guest.invocation("ollama.service").await?;
    let mark = guest.mark();
    guest.write_file(SWITCHES, "{\"sick_after\":1000}")?;
    guest.sh(A_THOUSAND).await?;
    let seen = guest.expect(&mark, "EmbeddingCorrect", "False", "NotFinite", LIMIT).await?;
    let good = |report: &Report| report.ready && report.repair.is_none();
    let healed = guest.wait(seen, LIMIT, "Ready, repaired", good).await?.at;
    guest.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
    guest.expect_repairs(&mark, &["model/Unload"])?;
    let same = guest.invocation("ollama.service").await? == server;
    ensure!(same, "the server was restarted");
    guest.write_file(SWITCHES, "{}")?;
    stage.add(Row {
        fault: "numbers that are none, after a thousand good answers".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}

async fn torn(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: the file with the reference is torn");
    guest.sh("systemctl stop saigak-agent.service").await?;
    guest.sh(&format!("truncate --size=1000 {FILE}")).await?;
    let mark = guest.mark();
    guest.sh("systemctl start saigak-agent.service").await?;
    let healed = guest.until_ready(mark.at, FIRST_READY).await?;
    guest.sh_within(IS_KEPT, LIMIT).await.context("no reference is made anew")?;
    guest.sh("test $(stat --format=%s /var/lib/saigak-agent/references.unusable) = 1000").await?;
    let wrong = |report: &Report| {
        report.condition("EmbeddingCorrect").is_some_and(|found| found.status == "False")
    };
    let told = guest.timeline.since(mark.at).into_iter().find(|seen| wrong(&seen.report));
    ensure!(told.is_none(), "a torn reference made an embedding wrong: {told:?}");
    guest.expect_repairs(&mark, &[])?;
    stage.add(Row {
        fault: "the file with the reference is torn".into(),
        healed: Some(healed - mark.at),
        ..Row::default()
    });
    Ok(())
}
