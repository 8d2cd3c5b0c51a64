//! The lease: another one than before, or none for longer than the last one lived.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::netplan::settled;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;
use crate::guest::timeline::Mark;
use crate::net::{GUEST, MTU, OTHER_GUEST};

/// See the story.
pub(super) const OTHER: Scenario = Scenario {
    name: "address",
    story: "Another DHCP server gives another address: Ready means that address, and only proven",
    needs: Needs::AnyServer,
    shows: &["AddressAssigned/Assigned"],
    play: |stage| -> Playing<'_> { Box::pin(other(stage)) },
};

/// See the story.
pub(super) const REPEATED: Scenario = Scenario {
    name: "lease",
    story: "The lease has run out and no DHCP server answers: the last one is repeated, if wished",
    needs: Needs::AnyServer,
    shows: &[
        "AddressAssigned/LeaseGone",
        "AddressAssigned/Repeated",
        "NetworkAsConfigured/LeaseRepeated",
        "NetworkAsConfigured/LeaseBack",
    ],
    play: |stage| -> Playing<'_> { Box::pin(repeated(stage)) },
};

/// Switches it on, and waits until the lease is noted.
const SWITCHED_ON: &str = "mkdir -p /etc/saigak-agent/conf.d && \
    printf '[network]\\nrepeat_lease = true\\n' > /etc/saigak-agent/conf.d/50-lab.toml && \
    systemctl restart saigak-agent.service && \
    timeout 20 sh -c 'until test -s /var/lib/saigak-fix/lease.json; do sleep 0.1; done'";

const LIMIT: Duration = Duration::from_secs(30);

async fn other(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let server = guest.invocation("ollama.service").await?;
    let gateway = &guest.gateway;
    stage.say("another DHCP server answers, and gives an address of another network");
    gateway.dhcp.stop().await?;
    gateway.other_network(true).await?;
    gateway.other_dhcp.start().await?;
    stage.add(moved(&guest, OTHER_GUEST).await.context("to the other network")?);
    stage.say("the first DHCP server is back");
    gateway.other_dhcp.stop().await?;
    gateway.other_network(false).await?;
    gateway.dhcp.start().await?;
    stage.add(moved(&guest, GUEST).await.context("and back")?);
    ensure!(guest.invocation("ollama.service").await? == server, "Ollama was restarted for it");
    Ok(())
}

/// A healthy guest whose agent repeats leases, and has noted one.
pub(super) async fn noted(stage: &Stage) -> Result<Rc<Guest>> {
    let guest = stage.boot_healthy().await?;
    let restarted = guest.mark();
    guest.sh(SWITCHED_ON).await?;
    guest.until_ready(restarted.at, FIRST_READY).await?;
    Ok(guest)
}

/// How long the agent may take from a lease that is gone to the repeated one.
pub(super) const LONG: Duration = Duration::from_mins(2);

/// Waits until the lease is gone, and then repeated; returns when that was.
pub(super) async fn repeats(guest: &Guest, mark: &Mark) -> Result<(Instant, Instant)> {
    let seen = guest.expect(mark, "AddressAssigned", "False", "LeaseGone", LIMIT).await?;
    let healed = guest.until_ready(seen, LONG).await?;
    guest.expect(mark, "AddressAssigned", "True", "Repeated", LIMIT).await?;
    guest.expect(mark, "NetworkAsConfigured", "False", "LeaseRepeated", LIMIT).await?;
    guest.quiet(Duration::from_secs(6)).await?;
    guest.expect_repairs(mark, &["network/Reconfigure", "network/RepeatLease"])?;
    Ok((seen, healed))
}

/// What the DHCP server gave: the link's MTU, its default route, and its DNS servers.
const GIVEN: &str = "ip link show dev enp1s0 | grep --only-matching 'mtu [0-9]*' && \
    ip -4 route show default | grep --only-matching 'via [^ ]*\\|metric [0-9]*' && \
    resolvectl dns enp1s0";

async fn repeated(stage: &Stage) -> Result<()> {
    let guest = noted(stage).await?;
    let given = guest.sh(GIVEN).await?;
    ensure!(given.starts_with(&format!("mtu {MTU}\n")), "not the DHCP server's MTU: {given}");
    stage.say("breaks: the DHCP server is gone, and the lease has run out");
    let mark = guest.mark();
    guest.gateway.dhcp.stop().await?;
    // Given back, a lease is as gone as one that has run out after two minutes.
    guest.sh("networkctl reconfigure enp1s0").await?;
    let (seen, healed) = repeats(&guest, &mark).await?;
    let repeated = guest.sh(GIVEN).await?;
    ensure!(repeated == given, "repeated is {repeated}, and given was {given}");
    let limit = LONG;
    stage.add(Row {
        fault: "lease gone, no DHCP server".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });

    stage.say("the DHCP server is back: its lease counts, and the repeated one is withdrawn");
    let back = guest.mark();
    guest.gateway.dhcp.start().await?;
    let seen = guest.expect(&back, "NetworkAsConfigured", "False", "LeaseBack", limit).await?;
    let healed = settled(&guest, seen, "AsConfigured").await?;
    guest.expect_repairs(&back, &["network/RepeatLease"])?;
    let lapse = guest.timeline.since(seen).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "not ready meanwhile: {lapse:?}");
    guest.client_embed().await.context("after the repeated lease was withdrawn")?;
    ensure!(guest.sh(GIVEN).await? == given, "the new lease gives something else");
    stage.add(Row {
        fault: "DHCP server back, repeated lease withdrawn".into(),
        seen: Some(seen - back.at),
        healed: Some(healed - back.at),
        by_hand: None,
        remedies: guest.remedies(&back),
    });
    Ok(())
}

/// The guest asks for a lease anew and gets this address. Nothing is wrong with that, so nothing is
/// repaired, and nothing that was proven at the old address counts any more.
async fn moved(guest: &Guest, address: &str) -> Result<Row> {
    let mark = guest.mark();
    guest.sh("networkctl reconfigure enp1s0").await?;
    let says = |report: &Report, kind: &str| {
        let found = report.condition(kind);
        found.is_some_and(|found| found.status == "True" && found.message.contains(address))
    };
    let assigned = |report: &Report| says(report, "AddressAssigned");
    let seen = guest.wait(mark.at, LIMIT, &format!("the address {address}"), assigned).await?.at;
    let served = |report: &Report| report.ready && says(report, "EndpointReachable");
    let healed = guest.wait(seen, LIMIT, &format!("Ready at {address}"), served).await?.at;
    guest.client_embed_at(address).await.context("Ready was a lie")?;
    guest.expect_repairs(&mark, &[])?;
    newly_proven(guest, &mark, assigned)?;
    Ok(Row {
        fault: format!("another lease: {address}"),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    })
}

/// Whatever said Ready at the new address rests on a proof that began after the move.
fn newly_proven(guest: &Guest, mark: &Mark, there: impl Fn(&Report) -> bool) -> Result<()> {
    for seen in guest.timeline.since(mark.at) {
        if seen.report.ready && there(&seen.report) {
            let line: serde_json::Value = serde_json::from_str(&seen.line)?;
            let age = line["proof"]["ageSeconds"].as_f64().context("Ready without a proof")?;
            let since = (seen.at - mark.at).as_secs_f64();
            ensure!(age < since, "Ready {since:.1} s after the move by a proof {age:.1} s old");
        }
    }
    Ok(())
}
