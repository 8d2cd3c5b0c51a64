//! New settings for a running agent, and what it remembers.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::support::exits;
use crate::guest::Guest;
use crate::guest::report::Report;
use crate::scenario::stage::{FIRST_READY, Stage};
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "reload",
    story: "New settings count without a restart, bad ones not at all, and the past is kept",
    needs: Needs::AnyServer,
    shows: &["AliasPresent/Missing", "DataDiskMounted/Mounted"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const FILE: &str = "/etc/saigak-agent/conf.d/50-lab.toml";
/// What a reload takes, with air for a busy machine.
const SOON: Duration = Duration::from_secs(20);

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let mark = guest.mark();
    let id = guest.sh("systemctl show --property=MainPID saigak-agent.service").await?;

    stage.say("settings that leave what was seen as it is: Ready throughout");
    write(&guest, "[proof]\ninterval_seconds = 5\n[serve]\nlisten = \"0.0.0.0:7245\"\n").await?;
    guest.sh("systemctl reload saigak-agent.service").await?;
    let later = |report: &Report| {
        report
            .configuration
            .as_ref()
            .is_some_and(|known| known.error.is_none() && known.needs_restart == ["serve.listen"])
    };
    guest.wait(mark.at, SOON, "the new settings", later).await?;

    stage.say("settings that cannot be used: the old ones are kept, and the status says so");
    write(&guest, "[proof]\ninterval_secs = 5\n").await?;
    let refused = guest.try_sh("systemctl reload saigak-agent.service").await?;
    ensure!(refused.code != 0, "systemctl does not tell that the reload failed");
    exits(&guest.try_sh("saigak-agent reload").await?, 78, "50-lab.toml:2: unknown key")?;
    exits(&guest.sh_as("nobody", "saigak-agent reload").await?, 1, "only root")?;
    exits(
        &guest.try_sh("saigak-agent config check").await?,
        78,
        &format!("{FILE}:2: unknown key"),
    )?;
    exits(&guest.try_sh("saigak-agent config check /usr/lib/saigak-agent/conf.d").await?, 0, "")?;
    let status = guest.sh("saigak-agent status").await?;
    ensure!(status.contains("50-lab.toml:2: unknown key"), "{status}");
    let kept =
        |report: &Report| report.configuration.as_ref().is_some_and(|known| known.error.is_some());
    guest.wait(mark.at, SOON, "why the new settings are not used", kept).await?;
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "not ready for a while: {lapse:?}");

    stage.say("another alias: what was proven before does not count for it, and it is made");
    let before = guest.timeline.last().and_then(|report| report.configuration);
    let before = before.context("no settings are told")?.loaded_at;
    let other = guest.mark();
    write(&guest, "[model]\nalias = \"lab-other:1\"\n").await?;
    guest.sh("systemctl kill --signal=HUP saigak-agent.service").await?;
    let read = |report: &Report| {
        report.configuration.as_ref().is_some_and(|known| known.loaded_at != before)
    };
    let read = guest.wait(other.at, SOON, "the new settings", read).await?;
    ensure!(!read.report.ready, "Ready with an alias that nobody has proven: {}", read.report);
    guest.expect(&other, "AliasPresent", "False", "Missing", SOON).await?;
    let healed = guest.wait(read.at, FIRST_READY, "Ready", |report| report.ready).await?;
    guest.expect_repairs(&other, &["model/CreateAlias"])?;
    ensure!(healed.report.configuration.is_some_and(|known| known.error.is_none()));

    let same = guest.sh("systemctl show --property=MainPID saigak-agent.service").await?;
    ensure!(same == id, "the agent was restarted");
    remembers(stage, &guest).await
}

async fn write(guest: &Guest, text: &str) -> Result<()> {
    guest.sh("mkdir -p /etc/saigak-agent/conf.d").await?;
    guest.write_file(FILE, text)
}

/// The history and the watch.
async fn remembers(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("a torn history is read as far as it goes, and watching goes on over a restart");
    guest.sh("truncate --size=-3 /var/lib/saigak-agent/history.ndjson").await?;
    // Lines for those who are not at a terminal; the agent is restarted under it.
    guest
        .sh("systemd-run --quiet --unit=lab-watch --property=StandardOutput=file:/run/watch.log \
             saigak-agent status --watch")
        .await?;
    let mark = guest.mark();
    guest.sh("systemctl restart saigak-agent.service").await?;
    guest.until_ready(mark.at, FIRST_READY).await?;
    let wait = "for try in $(seq 100); do \
        grep -q 'does not answer' /run/watch.log && tail -n 1 /run/watch.log | grep -q Ready \
        && exit 0; sleep 0.1; done; cat /run/watch.log; exit 1";
    guest.sh(wait).await.context("the watch did not see the restart")?;
    guest.sh("systemctl stop lab-watch.service").await?;
    let screen = "script --quiet --command 'timeout 2 saigak-agent status --watch' /dev/null";
    let screen = guest.try_sh(&format!("{screen} < /dev/null")).await?.stdout;
    ensure!(
        screen.matches("\u{1b}[H\u{1b}[J").count() >= 2,
        "a terminal is not drawn anew: {screen}"
    );
    let history = guest.sh_as("nobody", "saigak-agent history").await?.stdout;
    let starts = history.lines().filter(|line| line.ends_with("starts")).count();
    ensure!(starts == 2, "two agents have started: {history}");
    ensure!(history.contains("model/CreateAlias for AliasPresent/Missing: Succeeded"), "{history}");
    Ok(())
}
