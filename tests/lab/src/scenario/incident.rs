//! The incident: a node restarted, the VM came back in a new pod with a new MAC, netplan's file
//! was pinned to the old one, and Kubernetes saw `Running`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::options::Options;
use crate::net::client::AGENT_PORT;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "incident",
    story: "A node restarts, the pod's MAC is new, netplan is pinned to the old one: Running, dead",
    needs: Needs::AnyServer,
    shows: &["NetworkUp/MacPinned"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// The MAC of the pod that the VM was installed in.
const OLD: &str = "52:54:00:aa:bb:01";
/// The MACs of later pods.
const NEW: &str = "52:54:00:aa:bb:02";
const NEWER: &str = "52:54:00:aa:bb:03";
/// What a person types once the cause is known: the smallest repair, beside netplan's file.
const BY_HAND: &str = "mkdir -p /run/systemd/network/10-netplan-enp1s0.network.d && \
    printf '[Match]\\nPermanentMACAddress=\\nMACAddress=\\nName=enp1s0\\n' \
    > /run/systemd/network/10-netplan-enp1s0.network.d/99-by-hand.conf && networkctl reload";

/// What `netplan apply` does for networkd; it also reloads udev, which a container has not.
const NETPLAN_APPLY: &str = "netplan generate && networkctl reload";

async fn play(stage: &Stage) -> Result<()> {
    let options = Options { agent_held: true, ..pinned(stage.healthy_options().await?) };
    let guest = stage.boot(options).await?;
    let by_hand = without_the_agent(stage, &guest).await?;
    stage.say("powers off; the next pod has yet another MAC, and this time the agent runs");
    guest.sh("systemctl --quiet unmask saigak-agent.service").await?;
    let netplan = guest.read_file("/etc/netplan/50-cloud-init.yaml")?;
    guest.power_off().await?;
    guest.gateway.new_pod(NEWER).await?;
    let mark = guest.mark();
    guest.power_on().await?;
    let limit = Duration::from_secs(30);
    let seen = guest.expect(&mark, "NetworkUp", "False", "MacPinned", limit).await?;
    guest.expect_cause(&mark, "NetworkUp", "MacPinned", limit).await?;
    let healed = guest.until_ready(seen, FIRST_READY).await?;
    guest.expect_repairs(&mark, &["network/MatchByName"])?;
    let ready = guest.get(AGENT_PORT, "/readyz").await?;
    ensure!(ready.status == 200, "/readyz: {}", ready.status);
    let after = guest.read_file("/etc/netplan/50-cloud-init.yaml")?;
    ensure!(after == netplan, "persistent network configuration was changed");
    stage.add(Row {
        fault: "MAC pin, from power-on".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: Some(by_hand),
        remedies: guest.remedies(&mark),
    });
    Ok(())
}

/// A guest whose netplan file is pinned to the MAC of a pod that is gone.
pub(crate) fn pinned(options: Options) -> Options {
    Options { mac: NEW.into(), pinned_to: Some(OLD.into()), ..options }
}

/// The incident as it was: systemd is content, nobody can reach the guest, and the obvious
/// repair does not help. Returns what the right one takes by hand.
async fn without_the_agent(stage: &Stage, guest: &Guest) -> Result<Duration> {
    let word = guest.settled().await?;
    ensure!(word == "running", "the incident's guest says {word}, not running");
    unreachable(guest).await.context("after boot")?;
    stage.say("systemd says running, no client reaches it, and applying netplan does not help");
    guest.sh(NETPLAN_APPLY).await?;
    unreachable(guest).await.context("after netplan was applied")?;
    let start = Instant::now();
    guest.sh(BY_HAND).await?;
    guest.sh("/usr/lib/systemd/systemd-networkd-wait-online -i enp1s0 -4 --timeout=30").await?;
    guest.client_embed().await.context("after the repair by hand")?;
    Ok(start.elapsed())
}

async fn unreachable(guest: &Guest) -> Result<()> {
    let address = guest.sh("ip -oneline -4 address show enp1s0").await?;
    ensure!(address.is_empty(), "the pin does not hold: {address}");
    ensure!(guest.get(AGENT_PORT, "/livez").await.is_err(), "a client reaches the guest");
    Ok(())
}
