//! The next pod brings another network, and cloud-init writes the configuration anew.

use anyhow::{Result, ensure};

use super::{READY, freed, ready, told};
use crate::guest::Guest;
use crate::guest::vm::seed::Seed;
use crate::scenario::stage::Stage;
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario};

/// What the incident becomes where the guest was set up by this repository.
pub(super) const OTHER_MAC: Scenario = Scenario {
    name: "other-mac",
    story: "The next pod's NIC has another MAC: Ready, and nothing was repaired",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(other_mac(stage)) },
};

/// A correction that must reach a guest that exists.
pub(super) const OTHER_CONFIG: Scenario = Scenario {
    name: "other-config",
    story: "Another network-config for the same instance: it is taken, Ready, nothing was repaired",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(other_config(stage)) },
};

/// A configuration in which there is nothing.
pub(super) const EMPTY: Scenario = Scenario {
    name: "empty-config",
    story: "The network-config names no link: cloud-init leaves the guest without, the agent mends",
    needs: Needs::AnyServer,
    shows: &["NetworkUp/Unmanaged"],
    play: |stage| -> Playing<'_> { Box::pin(empty(stage)) },
};

const MAC: &str = "52:54:00:aa:bb:02";
/// Less than what DHCP gives, so that it is known whose it is.
const MTU: &str = "1380";

async fn other_mac(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    guest.power_off().await?;
    guest.vm()?.rebuild(|hardware| MAC.clone_into(&mut hardware.mac));
    healthy_boot(stage, &guest, "another MAC, from power-on").await
}

async fn other_config(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    guest.power_off().await?;
    let seed = told::seed(&stage.lab)?;
    let config = seed.network_config.as_deref().unwrap_or_default();
    let dhcp = "    dhcp4: true\n";
    ensure!(config.matches(dhcp).count() == 1, "the network-config has not one {dhcp}");
    let mtu = format!("{dhcp}    dhcp4-overrides: {{use-mtu: false}}\n    mtu: {MTU}\n");
    let config = config.replace(dhcp, &mtu);
    guest.vm()?.seed(&Seed { network_config: Some(config), ..seed }).await?;
    healthy_boot(stage, &guest, "another network-config, from power-on").await?;
    let link = guest.sh("ip -oneline link show enp1s0").await?;
    ensure!(link.contains(&format!("mtu {MTU}")), "it was not taken: {link}");
    Ok(())
}

async fn empty(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    guest.power_off().await?;
    let nothing = "version: 2\nethernets: {}\n".to_owned();
    let told = Seed { network_config: Some(nothing), ..told::seed(&stage.lab)? };
    guest.vm()?.seed(&told).await?;
    guest.power_on().await?;
    let mark = guest.since_boot();
    let seen = guest.expect(&mark, "NetworkUp", "False", "Unmanaged", READY).await?;
    let healed = guest.until_ready(seen, READY).await?;
    freed(&guest, &mark)?;
    stage.add(Row {
        fault: "an empty network-config, from power-on".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        remedies: guest.remedies(&mark),
        ..Row::default()
    });
    Ok(())
}

/// Powers it on, and sees it become ready without a repair.
pub(super) async fn healthy_boot(stage: &Stage, guest: &Guest, what: &str) -> Result<()> {
    guest.power_on().await?;
    let mark = guest.since_boot();
    let ready = guest.until_ready(mark.at, READY).await?;
    guest.expect_repairs(&mark, &[])?;
    stage.add(Row { fault: what.into(), healed: Some(ready - mark.at), ..Row::default() });
    Ok(())
}
