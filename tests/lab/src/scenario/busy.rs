//! A server with more to do than it can: it is left alone, and the guest stays ready.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::proof::{DROP_IN, SWITCHES, UNLOAD};
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;
use crate::guest::timeline::Mark;
use crate::net::traffic::{Load, Traffic};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "busy",
    story: "32 clients, a full queue, a load of 90 seconds: busy is not stuck, and stays Ready",
    needs: Needs::StandIn,
    shows: &["EmbeddingCorrect/Busy"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const CROWD: Load = Load::Crowd(32);
/// A tenth of a second of work each: the last of the clients waits for more than three.
const BYTES: usize = 200;
const SATURATED: Duration = Duration::from_secs(90);
const REFUSED: Duration = Duration::from_secs(30);

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.sh(DROP_IN).await?;
    let mark = guest.mark();
    guest.until_ready(mark.at, FIRST_READY).await?;
    saturated(stage, &guest).await.context("32 clients")?;
    loads(stage, &guest).await.context("a load of 90 s")
}

/// Fails unless the guest was ready all the while, nothing was repaired, and the same server runs.
async fn undisturbed(guest: &Guest, mark: &Mark, server: &str) -> Result<()> {
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    let lapse = lapse.map(|seen| seen.report.to_string());
    ensure!(lapse.is_none(), "a busy server was called unready: {lapse:?}");
    guest.expect_repairs(mark, &[])?;
    let same = guest.invocation("ollama.service").await? == server;
    ensure!(same, "a busy server was restarted");
    Ok(())
}

async fn saturated(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("32 clients ask without a pause for a minute and a half");
    let server = guest.invocation("ollama.service").await?;
    let mark = guest.mark();
    let traffic = Traffic::begin(guest.gateway.worker(), CROWD, BYTES)?;
    guest.watch(SATURATED).await;
    stage.say("the queue is full: three of four are refused for half a minute");
    guest.write_file(SWITCHES, "{\"queue\": 8}")?;
    guest.watch(REFUSED).await;
    guest.write_file(SWITCHES, "{}")?;
    let figures = traffic.end().await?;
    undisturbed(guest, &mark, &server).await?;
    ensure!(figures.failed == 0, "lost to a false repair: {figures}: {:?}", figures.first);
    ensure!(figures.refused > 0 && figures.served > 0, "{figures}");
    stage.add(Row { fault: format!("32 clients: {figures}"), ..Row::default() });
    Ok(())
}

async fn loads(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("the model is unloaded, and loading it takes 90 seconds");
    let server = guest.invocation("ollama.service").await?;
    let mark = guest.mark();
    guest.write_file(SWITCHES, "{\"load_seconds\": 90}")?;
    guest.sh(UNLOAD).await?;
    let limit = Duration::from_mins(1);
    let seen = guest.expect(&mark, "EmbeddingCorrect", "True", "Busy", limit).await?;
    guest.write_file(SWITCHES, "{}")?;
    let proven = |report: &Report| {
        report.condition("EmbeddingCorrect").is_some_and(|found| found.reason == "Proven")
    };
    let limit = Duration::from_mins(3);
    let healed = guest.wait(seen, limit, "a proof", proven).await?.at;
    ensure!(healed - mark.at > Duration::from_secs(80), "that was no load of 90 s");
    undisturbed(guest, &mark, &server).await?;
    stage.add(Row {
        fault: "a load of 90 s".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        ..Row::default()
    });
    Ok(())
}
