//! netplan's file is wrong, and a person mends it while the agent's own file is in place.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::incident::pinned;
use super::matter::Matter;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "netplan",
    story: "A person mends netplan's file: the agent takes its own away, and the address stays",
    needs: Needs::AnyServer,
    shows: &[
        "NetworkUp/MacPinned",
        "NetworkUp/Unmanaged",
        "NetworkAsConfigured/Overridden",
        "NetworkAsConfigured/LeftOver",
        "NetworkAsConfigured/AsConfigured",
        "NetworkAsConfigured/Unreadable",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// netplan's file without the pin.
pub(super) const MENDED: &str =
    "network:\n  version: 2\n  ethernets:\n    enp1s0:\n      dhcp4: true\n";
/// What cloud-init renders from a network-config that names no link.
const EMPTY: &str = "network:\n  version: 2\n";
pub(super) const FILE: &str = "/etc/netplan/50-cloud-init.yaml";
/// What `netplan apply` does for networkd; it also reloads udev, which a container has not.
pub(super) const APPLY: &str = "netplan generate && networkctl reload";
/// Every file of the agent's own.
pub(super) const OURS: &str = "find /run/systemd/network -name '*saigak*'";
/// Writes down every address that the link gets or loses.
const WATCH: &str = "systemd-run --quiet --unit=lab-watch --service-type=exec ip monitor address dev enp1s0 && \
    timeout 10 sh -c 'until systemctl is-active --quiet lab-watch; do sleep 0.1; done'";
/// What it has written, and its end.
const WATCHED: &str = "systemctl stop lab-watch; \
    journalctl --quiet --output=cat --unit=lab-watch --grep='Deleted.* inet ' || true";

const CLOSED: Matter = Matter {
    what: "networkd's directory closed to the agent",
    breaks: "chmod 0700 /run/systemd/network",
    condition: "NetworkAsConfigured",
    reasons: &["Unreadable"],
    says: "/run/systemd/network",
    ready: true,
    remedies: &[&[]],
    cure: "chmod 0755 /run/systemd/network",
    after: &[&[]],
    seen_within: Duration::from_secs(30),
    healed_within: Duration::from_secs(30),
};

async fn play(stage: &Stage) -> Result<()> {
    let booted = stage.make(pinned(stage.healthy_options().await?)).await?;
    let mark = booted.mark();
    booted.power_on().await?;
    booted.until_ready(mark.at, FIRST_READY).await?;
    let limit = Duration::from_secs(30);
    settled(&booted, mark.at, "Overridden").await?;
    booted.expect_repairs(&mark, &["network/MatchByName"])?;
    mended(stage, &booted, "the pin is taken out of netplan's file").await?;

    stage.say("breaks: netplan's file names no link any more");
    let emptied = booted.mark();
    booted.write_file(FILE, EMPTY)?;
    booted.sh(APPLY).await?;
    let seen = booted.expect(&emptied, "NetworkUp", "False", "Unmanaged", limit).await?;
    let healed = booted.until_ready(seen, limit).await?;
    settled(&booted, seen, "Overridden").await?;
    booted.expect_repairs(&emptied, &["network/MatchByName"])?;
    stage.add(Row {
        fault: "netplan names no link".into(),
        seen: Some(seen - emptied.at),
        healed: Some(healed - emptied.at),
        by_hand: None,
        remedies: booted.remedies(&emptied),
    });
    mended(stage, &booted, "netplan's file names the link again").await?;
    stage.play_matter(&booted, &CLOSED).await
}

/// Waits until `NetworkAsConfigured` gives that reason and no repair runs any more.
pub(super) async fn settled(guest: &Guest, since: Instant, reason: &str) -> Result<Instant> {
    let fits = |report: &Report| {
        let found = report.condition("NetworkAsConfigured");
        found.is_some_and(|found| found.reason == reason) && report.repair.is_none()
    };
    let what = format!("NetworkAsConfigured/{reason}, and no repair");
    Ok(guest.wait(since, Duration::from_secs(30), &what, fits).await?.at)
}

/// A person mends the file; what the agent put beside it goes, and nobody notices.
async fn mended(stage: &Stage, guest: &Guest, what: &str) -> Result<()> {
    stage.say(what);
    guest.sh(WATCH).await?;
    let mark = guest.mark();
    guest.write_file(FILE, MENDED)?;
    guest.sh(APPLY).await?;
    let limit = Duration::from_secs(30);
    let seen = guest.expect(&mark, "NetworkAsConfigured", "False", "LeftOver", limit).await?;
    let healed = settled(guest, seen, "AsConfigured").await?;
    guest.expect_repairs(&mark, &["network/MatchByName"])?;
    let left = guest.sh(OURS).await?;
    ensure!(left.is_empty(), "still there: {left}");
    let lost = guest.sh(WATCHED).await?;
    ensure!(lost.is_empty(), "the link lost its address: {lost}");
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "not ready meanwhile: {lapse:?}");
    guest.client_embed().await.context("after the agent's file was withdrawn")?;
    stage.add(Row {
        fault: format!("{what}, the agent's own is left over"),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}
