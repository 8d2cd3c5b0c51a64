//! The lease: another one than before, or none for longer than the last one lived.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::stage::Stage;
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;
use crate::guest::timeline::Mark;
use crate::net::{GUEST, OTHER_GUEST};

/// See the story.
pub(super) const OTHER: Scenario = Scenario {
    name: "address",
    story: "Another DHCP server gives another address: Ready means that address, and only proven",
    needs: Needs::AnyServer,
    shows: &["AddressAssigned/Assigned"],
    play: |stage| -> Playing<'_> { Box::pin(other(stage)) },
};

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
