//! Pulls that are interrupted: what has been loaded is not loaded again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::model::BOTH_DELETED;
use super::stage::Stage;
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::{Pull, Report};
use crate::guest::template::SOURCE;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "pull",
    story: "In the middle of a pull the server restarts, then the agent is upgraded: it goes on \
            where it was; another model is to be pulled: the first is left, and lost no more",
    needs: Needs::AnyServer,
    shows: &["ModelPresent/Pulling", "ModelPresent/PullFailed"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Bytes a second that the registry gives: half a minute for the small model, in which a package
/// is installed on a machine that has other work.
const SLOW: u64 = 256 << 10;
/// What must be at hand before the pull is interrupted.
const MIDDLE: u64 = 1 << 20;
/// Settings besides the guest's own.
const SETTINGS: &str = "/etc/saigak-agent/conf.d/50-lab.toml";
/// Where the package lies in the guest.
const PACKAGE: &str = "/var/lib/saigak-agent.deb";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let package = stage.lab.run.plan.package()?;
    let package =
        std::fs::read(package).with_context(|| format!("cannot read {}", package.display()))?;
    guest.write_file(PACKAGE, package)?;
    interrupt(stage, &guest, "the server restarts during a pull", "systemctl restart ollama")
        .await?;
    let upgrade = format!("dpkg --install {PACKAGE}");
    interrupt(stage, &guest, "the agent is upgraded during a pull", &upgrade).await?;
    another_source(stage, &guest).await
}

async fn interrupt(stage: &Stage, guest: &Guest, what: &str, how: &str) -> Result<()> {
    stage.say(&format!("breaks: model and alias deleted; {what}"));
    guest.gateway.limit_registry(Some(SLOW)).await?;
    let mark = guest.mark();
    guest.sh(BOTH_DELETED.breaks).await?;
    let middle = |report: &Report| loaded(report).is_some_and(|bytes| bytes >= MIDDLE);
    let limit = Duration::from_mins(1);
    let before = guest.wait(mark.at, limit, "a pull in its middle", middle).await?;
    let struck = guest.mark();
    guest.sh(how).await?;
    let over = |report: &Report| report.pull.is_none();
    let ended = guest.wait(struck.at, limit, "the end of the pull", over).await?;
    let again = |report: &Report| loaded(report).is_some();
    let again = guest.wait(ended.at, limit, "another pull", again).await?;
    let (before, again_at) = (loaded(&before.report), again.at);
    let after = loaded(&again.report);
    ensure!(after >= before, "the pull began anew: {after:?} bytes after {before:?}");
    // The server goes on by itself where the slow registry was cut off.
    guest.gateway.limit_registry(None).await?;
    let healed = guest.until_ready(again_at, Duration::from_mins(5)).await?;
    guest.expect_repairs(&mark, &["model/Pull", "model/Pull", "model/CreateAlias"])?;
    stage.add(Row {
        fault: what.into(),
        seen: Some(again_at - struck.at),
        healed: Some(healed - struck.at),
        by_hand: None,
        remedies: guest.remedies(&struck),
    });
    Ok(())
}

/// The settings name another model, which the registry does not have, and then the first again.
async fn another_source(stage: &Stage, guest: &Guest) -> Result<()> {
    let what = "another model is to be pulled, during a pull";
    stage.say(&format!("breaks: model deleted; {what}"));
    guest.gateway.limit_registry(Some(SLOW / 4)).await?;
    let mark = guest.mark();
    guest.sh(BOTH_DELETED.breaks).await?;
    let middle = |report: &Report| loaded(report).is_some_and(|bytes| bytes >= MIDDLE);
    let limit = Duration::from_mins(1);
    let before = guest.wait(mark.at, limit, "a pull in its middle", middle).await?;
    guest.sh("mkdir -p /etc/saigak-agent/conf.d").await?;
    guest.write_file(SETTINGS, "[model]\nsource = \"lab-other:1\"\n")?;
    let struck = guest.mark();
    guest.sh("systemctl reload saigak-agent.service").await?;
    let failed = |report: &Report| {
        report.condition("ModelPresent").is_some_and(|found| {
            found.reason == "PullFailed" && found.message.contains("lab-other:1: pull model")
        })
    };
    let seen = guest.wait(struck.at, limit, "the other pull to fail", failed).await?;
    ensure!(seen.report.pull.is_none(), "the old pull is told under the new settings");
    guest.sh(&format!("rm {SETTINGS} && systemctl reload saigak-agent.service")).await?;
    let again = |report: &Report| loaded(report).is_some();
    let again = guest.wait(seen.at, limit, "the first pull again", again).await?;
    let model = again.report.pull.as_ref().map(|pull| pull.model.as_str());
    ensure!(model == Some(SOURCE), "another model is pulled: {model:?}");
    let (before, after) = (loaded(&before.report), loaded(&again.report));
    ensure!(after >= before, "the pull began anew: {after:?} bytes after {before:?}");
    guest.gateway.limit_registry(None).await?;
    let healed = guest.until_ready(again.at, Duration::from_mins(5)).await?;
    stage.add(Row {
        fault: what.into(),
        seen: Some(seen.at - struck.at),
        healed: Some(healed - struck.at),
        by_hand: None,
        remedies: guest.remedies(&struck),
    });
    Ok(())
}

/// Bytes at hand, once the server has said how many there are.
fn loaded(report: &Report) -> Option<u64> {
    let large = |pull: &&Pull| pull.total_bytes > MIDDLE;
    report.pull.as_ref().filter(large).map(|pull| pull.completed_bytes)
}
