//! The link, its address, and the DHCP server.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::fault::Fault;
use super::stage::Stage;
use super::table::Row;
use super::twin::Follower;
use super::{Needs, Playing, Scenario};

/// See the story.
pub(super) const LINK: Scenario = Scenario {
    name: "link",
    story: "A link that someone took down, or whose address or route someone deleted, comes back",
    needs: Needs::AnyServer,
    shows: &["NetworkUp/LinkDown", "AddressAssigned/AddressLost", "AddressAssigned/NoRoute"],
    play: |stage| -> Playing<'_> { Box::pin(link(stage)) },
};

/// See the story.
pub(super) const CABLE: Scenario = Scenario {
    name: "cable",
    story: "No carrier is named as such, and no repair is wasted on what only the host can mend",
    needs: Needs::AnyServer,
    shows: &["NetworkUp/NoCarrier"],
    play: |stage| -> Playing<'_> { Box::pin(cable(stage)) },
};

/// See the story.
pub(super) const DHCP: Scenario = Scenario {
    name: "dhcp",
    story: "The DHCP server was away: no storm of repairs, and a lease as soon as it is back",
    needs: Needs::AnyServer,
    shows: &["AddressAssigned/NoLease"],
    play: |stage| -> Playing<'_> { Box::pin(dhcp(stage)) },
};

pub(super) const DOWN: Fault = Fault {
    what: "link admin-down",
    why: "somebody, or some script, ran `ip link set enp1s0 down`",
    breaks: "ip link set enp1s0 down",
    condition: "NetworkUp",
    reasons: &["LinkDown"],
    remedies: &[&["network/Reconfigure"]],
    by_hand: "ip link set enp1s0 up && networkctl reconfigure enp1s0",
    keeps_data: true,
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_mins(1),
};

pub(super) const FLUSHED: Fault = Fault {
    what: "address flushed",
    why: "a half-finished change left the link without its address",
    breaks: "ip address flush dev enp1s0",
    condition: "AddressAssigned",
    reasons: &["AddressLost"],
    remedies: &[&["network/Reconfigure"]],
    by_hand: "networkctl reconfigure enp1s0",
    keeps_data: true,
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_mins(1),
};

pub(super) const UNROUTED: Fault = Fault {
    what: "default route gone",
    why: "a VPN client took the default route and did not give it back",
    breaks: "ip route delete default dev enp1s0",
    condition: "AddressAssigned",
    reasons: &["NoRoute"],
    remedies: &[&["network/Reconfigure"]],
    by_hand: "networkctl reconfigure enp1s0",
    keeps_data: true,
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_secs(30),
};

async fn link(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let server = guest.invocation("ollama.service").await?;
    stage.play(&guest, &DOWN).await?;
    stage.play(&guest, &FLUSHED).await?;
    stage.play(&guest, &UNROUTED).await?;
    ensure!(guest.invocation("ollama.service").await? == server, "Ollama was restarted for it");
    Ok(())
}

const CUT: &str = "the cable is cut outside of the guest";

async fn cable(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.say(&format!("breaks: {CUT}, for 20 seconds"));
    let follower = Follower::begin(&guest, CUT).await?;
    let mark = guest.mark();
    guest.gateway.carrier(false).await?;
    let limit = Duration::from_secs(15);
    let seen = guest.expect(&mark, "NetworkUp", "False", "NoCarrier", limit).await?;
    guest.expect_cause(&mark, "NetworkUp", "NoCarrier", limit).await?;
    // Long enough for an impatient agent to do something about it.
    guest.quiet(Duration::from_secs(20)).await?;
    guest.expect_repairs(&mark, &[])?;
    guest.gateway.carrier(true).await?;
    let joined = guest.mark();
    let healed = guest.until_ready(joined.at, Duration::from_mins(1)).await?;
    let named = ("NetworkUp", &["NoCarrier"][..]);
    follower.end(&guest, named, Some(joined.at - mark.at)).await?;
    stage.add(Row {
        fault: "cable cut, then joined".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - joined.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}

async fn dhcp(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let server = guest.invocation("ollama.service").await?;
    stage.say("breaks: the DHCP server goes away, and the address with it, for 40 seconds");
    let mark = guest.mark();
    guest.gateway.dhcp.stop().await?;
    guest.sh("ip address flush dev enp1s0").await?;
    let limit = Duration::from_secs(15);
    let seen = guest.expect(&mark, "AddressAssigned", "False", "NoLease", limit).await?;
    // Long enough for an impatient agent to try again and again.
    guest.watch(Duration::from_secs(40)).await;
    let repairs = guest.timeline.repairs_since(&mark);
    let foreign = repairs.iter().find(|repair| !repair.remedy.starts_with("network/"));
    ensure!(foreign.is_none(), "a missing lease led to {foreign:?}");
    ensure!(repairs.len() <= 6, "a storm: {} repairs in 40 s", repairs.len());
    guest.gateway.dhcp.start().await?;
    let back = guest.mark();
    let healed = guest.until_ready(back.at, Duration::from_mins(2)).await?;
    ensure!(guest.invocation("ollama.service").await? == server, "Ollama was restarted for it");
    stage.add(Row {
        fault: "DHCP server away, then back".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - back.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}
