//! A guest that has ended without a shutdown, with files of the model that are not what they were.
//! The server notices nothing of it: it loads them, and computes something else.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::fault::expect_one_of;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "unclean",
    story: "The guest is lost, and weights have a wrong bit then: set aside, kept, loaded anew",
    needs: Needs::AnyServer,
    shows: &[
        "ModelFilesIntact/NotDoubted",
        "ModelFilesIntact/Orderly",
        "ModelFilesIntact/Verifying",
        "ModelFilesIntact/Damaged",
        "ModelFilesIntact/Intact",
        "ModelFilesIntact/Unverified",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Changes the model's largest file and keeps its size: `$file` is that file.
const DAMAGES: &[(&str, &str)] = &[
    (
        "one bit of the weights is flipped",
        "python3 -c 'import sys\n\
         with open(sys.argv[1], \"r+b\") as file:\n\
         \x20   file.seek(-7, 2); byte = file.read(1)[0]\n\
         \x20   file.seek(-7, 2); file.write(bytes([byte ^ 4]))' \"$file\"",
    ),
    (
        "the last 64 KiB of the weights are zeros",
        "size=$(stat --format=%s \"$file\") && truncate --size=-64K \"$file\" && \
         truncate --size=$size \"$file\"",
    ),
];

const LARGEST: &str = "file=$(find /var/lib/ollama/blobs -type f -name 'sha256-*' \
    -not -name '*.set-aside-*' -size +1M)";

/// A wrong vector may be noticed before the file that it comes of, and the model be loaded anew.
const REPAIRS: &[&[&str]] =
    &[&["model/DropDamaged", "model/Pull"], &["model/Unload", "model/DropDamaged", "model/Pull"]];

/// How often the files were read since the boot.
const READ: &str =
    "journalctl --boot --quiet --output=cat --grep='^Started' -u 'saigak-probe-blobs@*' | wc -l";

/// The helper gives no answer.
const HELPLESS: &str = "mkdir -p /etc/systemd/system/saigak-probe-blobs@.service.d && \
    printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' \
    > /etc/systemd/system/saigak-probe-blobs@.service.d/false.conf && sync";

/// It gives one again, and nothing is repaired.
const FOUND: &str = "saigak-agent pause 30m && \
    rm /etc/systemd/system/saigak-probe-blobs@.service.d/false.conf && systemctl daemon-reload && \
    systemctl restart saigak-agent.service";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let good = guest.client_embed().await?;
    stage.say("shuts down in good order: nothing is read");
    guest.power_off().await?;
    let mark = guest.mark();
    guest.power_on().await?;
    guest.until_ready(mark.at, FIRST_READY).await?;
    let limit = Duration::from_secs(10);
    guest.expect(&mark, "ModelFilesIntact", "True", "Orderly", limit).await?;
    guest.quiet(Duration::from_secs(6)).await?;
    guest.expect_repairs(&mark, &[])?;
    ensure!(guest.sh(READ).await?.trim() == "0", "files were read after a clean boot");
    for (what, damage) in DAMAGES {
        stage.say(&format!("breaks: the guest is lost, and {what}"));
        damaged(stage, &guest, what, damage, &good).await.with_context(|| (*what).to_owned())?;
    }
    unverified(stage, &guest).await?;
    outlives(stage, &guest).await
}

/// Boots a guest that was lost; returns when.
async fn lose(guest: &Guest) -> Result<crate::guest::timeline::Mark> {
    guest.sh("sync").await?;
    guest.kill().await?;
    let mark = guest.mark();
    guest.power_on().await?;
    Ok(mark)
}

async fn damaged(
    stage: &Stage,
    guest: &Guest,
    what: &str,
    damage: &str,
    good: &[f32],
) -> Result<()> {
    let before = guest.data().await?;
    guest.sh(&format!("{LARGEST} && {damage}")).await?;
    ensure!(guest.data().await? == before, "the server would notice that");
    let mark = lose(guest).await?;
    let limit = FIRST_READY + Duration::from_secs(30);
    let seen = guest.expect(&mark, "ModelFilesIntact", "False", "Damaged", limit).await?;
    let whole = |report: &Report| {
        report.ready
            && report.condition("ModelFilesIntact").is_some_and(|found| found.reason == "Intact")
    };
    let healed = guest.wait(seen, Duration::from_mins(2), "Ready, and intact", whole).await?.at;
    expect_one_of(guest, &mark, REPAIRS)?;
    ensure!(guest.data().await? == before, "the data disk is not what it was");
    let kept = guest.set_aside().await?;
    ensure!(kept.lines().count() == 1, "the last one is set aside, and kept: {kept}");
    // Neither the damaged file nor what had loaded it answers any more.
    let now = guest.client_embed().await?;
    let cosine: f32 = good.iter().zip(&now).map(|(one, other)| one * other).sum();
    ensure!(cosine > 0.999, "another vector than before: cosine {cosine}");
    stage.add(Row {
        fault: format!("the guest is lost, and {what}"),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}

/// What cannot be read keeps nothing from being ready, and nothing is repaired for it.
async fn unverified(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: the guest is lost, and the helper that reads the files gives no answer");
    guest.sh(HELPLESS).await?;
    let mark = lose(guest).await?;
    let limit = FIRST_READY;
    guest.expect(&mark, "ModelFilesIntact", "Unknown", "Unverified", limit).await?;
    guest.until_ready(mark.at, FIRST_READY).await?;
    guest.quiet(Duration::from_secs(6)).await?;
    guest.expect_repairs(&mark, &[])
}

/// What was found damaged is so for the next agent as well, before it has read anything.
async fn outlives(stage: &Stage, guest: &Guest) -> Result<()> {
    let what = "a wrong bit is found, and the agent is restarted before it is repaired";
    stage.say(&format!("breaks: {what}"));
    let before = guest.data().await?;
    guest.sh(&format!("{LARGEST} && {} && {FOUND}", DAMAGES[0].1)).await?;
    let broken = guest.mark();
    let limit = FIRST_READY + Duration::from_secs(30);
    let seen = guest.expect(&broken, "ModelFilesIntact", "False", "Damaged", limit).await?;
    let last = guest.timeline.last().context("the agent has said nothing")?;
    let restarted = guest.mark();
    guest.sh("systemctl restart saigak-agent.service").await?;
    let next = guest.until_another_agent(restarted.at, &last, FIRST_READY).await?;
    guest.expect(&restarted, "ModelFilesIntact", "False", "Damaged", FIRST_READY).await?;
    guest.watch(Duration::from_secs(6)).await;
    for said in guest.timeline.since(next.at) {
        let found = said.report.condition("ModelFilesIntact");
        let forgotten = found.is_some_and(|found| found.reason == "Verifying");
        ensure!(!said.report.ready && !forgotten, "the next agent does not know: {}", said.line);
    }
    let resumed = guest.mark();
    guest.sh("saigak-agent resume").await?;
    let healed = guest.until_ready(resumed.at, limit).await?;
    // What is loaded may compute with them or not: which repairs come besides is not told here.
    let remedies = guest.remedies(&resumed);
    ensure!(remedies.contains("model/DropDamaged"), "not set aside: {remedies}");
    ensure!(guest.data().await? == before, "the data disk is not what it was");
    stage.add(Row {
        fault: what.into(),
        seen: Some(seen - broken.at),
        healed: Some(healed - resumed.at),
        by_hand: None,
        remedies,
    });
    Ok(())
}
