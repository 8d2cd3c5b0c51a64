//! The VM is made of something else than before.

use anyhow::{Result, ensure};

use super::network::healthy_boot;
use super::{READY, ready};
use crate::scenario::stage::Stage;
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario};

/// A data disk that comes late.
pub(super) const LATE: Scenario = Scenario {
    name: "late-disk",
    story: "The data disk is missing at boot, and attached while the VM runs: Ready, nothing lost",
    needs: Needs::AnyServer,
    shows: &["DataDiskMounted/NotMounted"],
    play: |stage| -> Playing<'_> { Box::pin(late(stage)) },
};

/// A link in another slot.
pub(super) const SLOT: Scenario = Scenario {
    name: "other-slot",
    story: "The NIC is in another PCI slot, and its name another: Ready, nothing repaired",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(slot(stage)) },
};

async fn late(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    let before = guest.data().await?;
    guest.power_off().await?;
    guest.vm()?.rebuild(|hardware| hardware.data = false);
    guest.power_on().await?;
    let mark = guest.since_boot();
    stage.say("boots without its data disk");
    // systemd still looks for it while others are mounted.
    guest.expect(&mark, "BootstrapComplete", "True", "Complete", READY).await?;
    let seen = guest.expect_cause(&mark, "DataDiskMounted", "NotMounted", READY).await?;
    let store = guest.sh("ls -A /var/lib/ollama").await?;
    ensure!(store.is_empty(), "something was written to the mount point: {store}");
    stage.say("the disk is attached");
    let attached = guest.mark();
    guest.vm()?.attach_data().await?;
    let healed = guest.until_ready(attached.at, READY).await?;
    ensure!(guest.data().await? == before, "the data disk has changed");
    stage.add(Row {
        fault: "data disk attached late, from then".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - attached.at),
        remedies: guest.remedies(&mark),
        ..Row::default()
    });
    Ok(())
}

async fn slot(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    guest.power_off().await?;
    guest.vm()?.rebuild(|hardware| hardware.slot = 2);
    healthy_boot(stage, &guest, "NIC in another slot, from power-on").await?;
    let links = guest.sh("ip -oneline -4 address show scope global").await?;
    ensure!(links.contains("enp2s0") && !links.contains("enp1s0"), "{links}");
    Ok(())
}
