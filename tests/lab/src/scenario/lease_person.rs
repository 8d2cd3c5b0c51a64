//! A person gives the link an address while the agent repeats a lease there.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::lease::{LONG, noted, repeats};
use super::netplan::{APPLY, FILE, MENDED, OURS, settled};
use super::stage::Stage;
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::timeline::Mark;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "lease-person",
    story: "A person configures the link while a lease is repeated there: an address beside DHCP changes nothing, one instead of it ends the repetition",
    needs: Needs::AnyServer,
    shows: &["NetworkAsConfigured/Superseded"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// The person's address, in the network that the router is in.
const ADDRESS: &str = "10.0.2.7";

/// In netplan's file: another address, DHCP is left on.
const BESIDE: &str = "network:\n  version: 2\n  ethernets:\n    enp1s0:\n      dhcp4: true\n      \
    addresses: [192.168.9.5/24]\n";

/// Waits until the link has it.
const ADDED: &str = "timeout 20 sh -c \
    'until ip -4 address show dev enp1s0 | grep -q 192.168.9.5/; do sleep 0.1; done'";

/// In netplan's file, so that networkd goes by the same file as before.
const NETPLAN: &str = "network:\n  version: 2\n  ethernets:\n    enp1s0:\n      dhcp4: false\n      \
    addresses: [10.0.2.7/24]\n      routes: [{to: default, via: 10.0.2.1}]\n      \
    nameservers: {addresses: [10.0.2.1]}\n";

/// In a file of networkd's that comes before netplan's.
const FIRST: &str = "/etc/systemd/network/05-person.network";
const NETWORKD: &str = "[Match]\nName=enp1s0\n[Network]\nAddress=10.0.2.7/24\nGateway=10.0.2.1\n\
    DNS=10.0.2.1\n";

async fn play(stage: &Stage) -> Result<()> {
    let guest = noted(stage).await?;
    stage.say("the DHCP server and the lease are gone, and the last one is repeated");
    let gone = guest.mark();
    guest.gateway.dhcp.stop().await?;
    guest.sh("networkctl reconfigure enp1s0").await?;
    repeats(&guest, &gone).await?;

    stage.say("a person gives the link one more address, which leads nowhere");
    let mark = guest.mark();
    guest.write_file(FILE, BESIDE)?;
    guest.sh(APPLY).await?;
    guest.sh(ADDED).await?;
    guest.quiet(Duration::from_secs(6)).await?;
    guest.expect_repairs(&mark, &[])?;
    ensure!(!guest.sh(OURS).await?.is_empty(), "the repeated lease was withdrawn");
    guest.client_embed().await.context("at the repeated address")?;

    stage.say("a person gives the link an address by netplan");
    let mark = guest.mark();
    guest.write_file(FILE, NETPLAN)?;
    guest.sh(APPLY).await?;
    holds(stage, &guest, &mark, "a static address by netplan, the repeated lease withdrawn")
        .await?;

    stage.say("the person takes it back, and the lease is repeated again");
    let back = guest.mark();
    guest.write_file(FILE, MENDED)?;
    guest.sh(APPLY).await?;
    repeats(&guest, &back).await?;

    stage.say("a person gives the link an address by a file of networkd's own");
    let mark = guest.mark();
    guest.write_file(FIRST, NETWORKD)?;
    guest.sh("networkctl reload").await?;
    holds(stage, &guest, &mark, "a static address by networkd, the repeated lease withdrawn").await
}

/// The agent takes its own file away, and nothing but the person's address is left.
async fn holds(stage: &Stage, guest: &Guest, mark: &Mark, what: &str) -> Result<()> {
    let limit = Duration::from_secs(30);
    let seen = guest.expect(mark, "NetworkAsConfigured", "False", "Superseded", limit).await?;
    let healed = settled(guest, seen, "AsConfigured").await?;
    guest.expect_repairs(mark, &["network/RepeatLease"])?;
    let left = guest.sh(OURS).await?;
    ensure!(left.is_empty(), "still there: {left}");
    let alone = format!("the address {ADDRESS} alone");
    let assigned = |report: &crate::guest::report::Report| {
        let found = report.condition("AddressAssigned");
        report.ready && found.is_some_and(|found| found.message.contains(ADDRESS))
    };
    guest.wait(seen, LONG, &alone, assigned).await?;
    let addresses = guest.sh("ip -4 -brief address show dev enp1s0").await?;
    ensure!(addresses.contains(ADDRESS) && !addresses.contains("10.0.2.2/"), "{addresses}");
    guest.client_embed_at(ADDRESS).await.context("at the person's address")?;
    guest.quiet(Duration::from_secs(6)).await?;
    guest.expect_repairs(mark, &["network/RepeatLease"])?;
    stage.add(Row {
        fault: what.into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(mark),
    });
    Ok(())
}
