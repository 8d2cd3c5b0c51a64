//! The incident, with all that made it: no network-config at first boot, so cloud-init's fallback
//! pinned netplan to the MAC of that boot; then a new pod with another MAC, and the same instance,
//! for which cloud-init did not take its network configuration anew.

use std::rc::Rc;

use anyhow::{Context, Result, ensure};

use super::{READY, freed, told};
use crate::guest::Guest;
use crate::guest::vm::seed::Seed;
use crate::net::client::AGENT_PORT;
use crate::scenario::stage::Stage;
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "incident",
    story: "Booted without a network-config, then in a new pod with another MAC: reachable again",
    needs: Needs::AnyServer,
    shows: &["NetworkUp/MacPinned"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const NETPLAN: &str = "/etc/netplan/50-cloud-init.yaml";
/// The MACs of the first pod and of the next.
const OLD: &str = "52:54:00:aa:bb:01";
const NEW: &str = "52:54:00:aa:bb:02";

async fn play(stage: &Stage) -> Result<()> {
    let guest = installed(stage).await?;
    stage.say("powers off; the next pod has another MAC, the instance-id is the same");
    guest.power_off().await?;
    again(stage, &guest).await
}

/// A machine whose first boot was without a network-config, and in order.
pub(crate) async fn installed(stage: &Stage) -> Result<Rc<Guest>> {
    let guest = Guest::make_vm(&stage.lab, stage.name(), None).await?;
    stage.keep(&guest);
    let told = told::seed(&stage.lab)?;
    let user_data = told::without_updates(&told.user_data)?;
    guest.vm()?.seed(&Seed { user_data, network_config: None, ..told }).await?;
    told::bring_disks(&guest).await?;
    guest.vm()?.rebuild(|hardware| OLD.clone_into(&mut hardware.mac));
    let mark = guest.mark();
    guest.power_on().await?;
    guest.until_ready(mark.at, READY).await.context("the first boot")?;
    guest.expect(&mark, "BootstrapComplete", "True", "Complete", READY).await?;
    Ok(guest)
}

/// Powers it on in a new pod, and sees it heal.
pub(crate) async fn again(stage: &Stage, guest: &Guest) -> Result<()> {
    guest.vm()?.rebuild(|hardware| NEW.clone_into(&mut hardware.mac));
    let mark = guest.mark();
    guest.power_on().await?;
    let seen = guest.expect(&mark, "NetworkUp", "False", "MacPinned", READY).await?;
    let netplan = guest.sh(&format!("cat {NETPLAN}")).await?;
    ensure!(netplan.contains(OLD), "cloud-init did not pin the link: {netplan}");
    let healed = guest.until_ready(seen, READY).await?;
    freed(guest, &mark)?;
    let probe = guest.get(AGENT_PORT, "/readyz").await?;
    ensure!(probe.status == 200, "/readyz: {}", probe.status);
    let after = guest.sh(&format!("cat {NETPLAN}")).await?;
    ensure!(after == netplan, "persistent network configuration was changed");
    stage.add(Row {
        fault: "another MAC, the same instance, from power-on".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        remedies: guest.remedies(&mark),
        ..Row::default()
    });
    Ok(())
}
