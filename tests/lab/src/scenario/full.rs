//! No room on the root disk, and none in /run: the agent needs both, and goes on without.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::fault::heal;
use super::matter::Matter;
use super::server::{BOUND, STOPPED};
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::options::Options;

/// See the story.
pub(super) const ROOT: Scenario = Scenario {
    name: "root-full",
    story: "The root disk is full: a budget has its room already, so repairs are made all the same",
    needs: Needs::AnyServer,
    shows: &["RootDiskSpace/LowSpace"],
    play: |stage| -> Playing<'_> { Box::pin(root(stage)) },
};

/// See the story.
pub(super) const RUN: Scenario = Scenario {
    name: "run-full",
    story: "/run is full: the agent starts and answers, and the drop-in is written once it can be",
    needs: Needs::AnyServer,
    shows: &["RunSpace/Enough", "RunSpace/LowSpace"],
    play: |stage| -> Playing<'_> { Box::pin(run(stage)) },
};

/// The 512 MiB that the agent wants, and what a guest writes while it is healthy.
const ROOT_BYTES: u64 = 640 << 20;

const ROOT_FULL: Matter = Matter {
    what: "root disk full",
    breaks: "cat /dev/zero > /srv/ballast 2>/dev/null; \
        ! head --bytes=1M /dev/zero 2>/dev/null > /srv/more",
    condition: "RootDiskSpace",
    reasons: &["LowSpace"],
    says: "/ has 0 KiB free",
    ready: true,
    remedies: &[&[]],
    cure: "rm /srv/ballast /srv/more",
    after: &[&[]],
    seen_within: Duration::from_secs(45),
    healed_within: Duration::from_secs(30),
};

async fn root(stage: &Stage) -> Result<()> {
    let options = Options { root_bytes: Some(ROOT_BYTES), ..stage.healthy_options().await? };
    let guest = stage.boot(options).await?;
    let mark = guest.since_boot();
    guest.until_ready(mark.at, FIRST_READY).await?;
    stage.play_matter(&guest, &ROOT_FULL).await?;

    stage.say("breaks: root disk full, then Ollama stopped, twice, by an agent started anew");
    guest.sh(ROOT_FULL.breaks).await?;
    for what in ["root disk full, Ollama stopped", "root disk full, agent killed, Ollama stopped"] {
        let row = heal(&guest, &STOPPED).await.context(what)?;
        stage.add(Row { fault: what.into(), ..row });
        let last = guest.timeline.last().context("no report")?;
        let killed = guest.mark();
        guest.sh("systemctl kill --signal=KILL saigak-agent.service").await?;
        let again = guest.until_another_agent(killed.at, &last, FIRST_READY).await?;
        guest.until_ready(again.at, FIRST_READY).await?;
    }
    let report = guest.timeline.last().context("no report")?;
    let starts = report.repairs.iter().filter(|repair| repair.remedy == "ollama/Start").count();
    ensure!(starts == 2, "the agent remembers {starts} of 2 repairs: {:?}", report.repairs);
    guest.sh(ROOT_FULL.cure).await.map(drop)
}

/// Room in /run before it is filled, in KiB: more than the 16 MiB that systemd wants.
const SPARE: u32 = 18 << 10;
const BALLAST: &str = "/run/ballast";

async fn run(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.say("breaks: /run full, Ollama on 127.0.0.1 only, the agent started anew");
    guest.sh("systemctl stop saigak-agent.service").await?;
    guest.sh(BOUND.breaks).await?;
    guest
        .sh(&format!(
            "used=$(($(stat --file-system --format='(%b - %f) * %S / 1024' /run))) && \
             mount -o remount,size=$((used + {SPARE}))k /run"
        ))
        .await?;
    fill(&guest)?;
    let mark = guest.mark();
    guest.systemctl(&["start", "saigak-agent.service"]).await?;
    let limit = Duration::from_secs(30);
    guest.expect(&mark, "RunSpace", "False", "LowSpace", limit).await?;
    let seen = guest.expect_cause(&mark, "EndpointReachable", "LoopbackOnly", limit).await?;
    let refused = |report: &crate::guest::report::Report| {
        report.repairs.last().is_some_and(|repair| {
            let said = repair.message.as_deref().unwrap_or_default();
            repair.remedy == "ollama/BindAll"
                && repair.was_refused()
                && said.contains("No space left on device")
        })
    };
    guest.wait(mark.at, limit, "ollama/BindAll refused for want of room", refused).await?;

    stage.say("makes room");
    let mended = guest.mark();
    guest.write_file(BALLAST, "")?;
    let healed = guest.until_ready(mended.at, Duration::from_mins(1)).await?;
    guest.expect(&mended, "RunSpace", "True", "Enough", limit).await?;
    stage.add(Row {
        fault: "/run full, and Ollama on 127.0.0.1 only".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mended.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}

/// Takes the last of /run from outside: systemd itself needs room there to run a command.
fn fill(guest: &Guest) -> Result<()> {
    let Err(error) = guest.write_file(BALLAST, vec![0; 64 << 20]) else {
        bail!("/run holds 64 MiB more than it should")
    };
    let full = error.downcast_ref::<std::io::Error>();
    ensure!(full.is_some_and(|e| e.kind() == std::io::ErrorKind::StorageFull), "{error:#}");
    Ok(())
}
