//! Pulls that are cut at their beginning, in their middle and at their end, from every side.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::model::BOTH_DELETED;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::{Pull, Report};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "pull-cuts",
    story: "A pull is cut at 1, 50 and 99 %, then its agent and its server are killed, and its \
            guest switched off, in the middle: it is seen to come, and comes whole each time",
    needs: Needs::AnyServer,
    shows: &["ModelPresent/Pulling"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Prints the size of the weights.
const SIZE: &str = "find /var/lib/ollama/blobs -type f -size +1M -printf %s";

const LIMIT: Duration = Duration::from_mins(3);

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    for percent in [1, 50, 99] {
        cut(stage, &guest, percent).await.with_context(|| format!("cut at {percent} %"))?;
    }
    let kills: [(&str, &str, Option<&str>); 3] = [
        ("pull-agent", "the agent is killed during a pull", Some("saigak-agent.service")),
        ("pull-server", "the server is killed during a pull", Some("ollama.service")),
        ("pull-guest", "the guest is switched off and on during a pull", None),
    ];
    // A model that goes again and again is pulled ever later: each has a guest of its own.
    for (name, what, unit) in kills {
        let guest = stage.boot_another_healthy(name).await?;
        kill(stage, &guest, what, unit).await.context(what)?;
    }
    Ok(())
}

/// Deletes model and alias, and waits until so much of them has come back from a registry that
/// then falls silent.
pub(super) async fn until_pulled(guest: &Guest, percent: u64) -> Result<Pull> {
    let size: u64 = guest.sh(SIZE).await?.trim().parse().context("the size of the weights")?;
    let part = (size * percent).div_ceil(100);
    guest.gateway.spoil_registry(&format!("{{\"stall_after\": {part}}}"))?;
    let mark = guest.mark();
    guest.sh(BOTH_DELETED.breaks).await?;
    let far = |report: &Report| {
        report.pull.as_ref().is_some_and(|pull| {
            pull.total_bytes >= size
                && pull.completed_bytes >= part
                && pull.rate_bytes_per_second.is_some()
        })
    };
    let what = format!("{percent} % of a pull, and how fast that came");
    let seen = guest.wait(mark.at, LIMIT, &what, far).await?;
    seen.report.pull.context("no pull")
}

async fn cut(stage: &Stage, guest: &Guest, percent: u64) -> Result<()> {
    let what = format!("the registry goes away at {percent} % of a pull");
    stage.say(&format!("breaks: model and alias deleted; {what}"));
    let mark = guest.mark();
    let pull = until_pulled(guest, percent).await?;
    ensure!(pull.seconds_left.is_some() && pull.attempt == 1, "too little is told: {pull:?}");
    if percent == 50 {
        is_told(guest).await?;
    }
    let struck = guest.mark();
    guest.gateway.registry.stop().await?;
    guest.gateway.spoil_registry("{}")?;
    guest.watch(Duration::from_secs(5)).await;
    guest.gateway.start_registry().await?;
    let healed = guest.until_ready(struck.at, LIMIT).await?;
    guest.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
    let fell = guest.timeline.since(struck.at).into_iter().find_map(|seen| {
        let now = seen.report.pull?;
        let known = now.total_bytes >= pull.total_bytes;
        (known && now.completed_bytes < pull.completed_bytes).then_some(now)
    });
    ensure!(fell.is_none(), "the pull began anew: {fell:?} after {pull:?}");
    stage.add(Row {
        fault: what,
        seen: Some(Duration::ZERO),
        healed: Some(healed - struck.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}

/// A person, a probe and Prometheus see it too.
async fn is_told(guest: &Guest) -> Result<()> {
    for (asked, says) in [
        ("saigak-agent status", "[##########          ] 5"),
        ("curl --silent 'http://127.0.0.1:7244/readyz?verbose'", "pull of qwen3-embedding:0.6b: "),
        ("curl --silent http://127.0.0.1:7244/metrics", "saigak_pull_completed_bytes{model="),
        ("curl --silent http://127.0.0.1:7244/metrics", "saigak_pull_attempts_total{model="),
    ] {
        let told = guest.sh(asked).await?;
        ensure!(told.contains(says), "{asked} does not say {says:?}: {told}");
    }
    Ok(())
}

async fn kill(stage: &Stage, guest: &Guest, what: &str, unit: Option<&str>) -> Result<()> {
    stage.say(&format!("breaks: model and alias deleted; {what}"));
    until_pulled(guest, 50).await?;
    let struck = guest.mark();
    if let Some(unit) = unit {
        guest.sh(&format!("systemctl kill --signal=KILL {unit}")).await?;
    } else {
        guest.power_off().await?;
        guest.power_on().await?;
    }
    guest.gateway.spoil_registry("{}")?;
    let gone = guest.wait(struck.at, FIRST_READY, "the guest to be unready", |told| !told.ready);
    let healed = guest.until_ready(gone.await?.at, LIMIT).await?;
    guest.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
    stage.add(Row {
        fault: what.into(),
        seen: Some(Duration::ZERO),
        healed: Some(healed - struck.at),
        by_hand: None,
        remedies: guest.remedies(&struck),
    });
    Ok(())
}
