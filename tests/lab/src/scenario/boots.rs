//! The lab itself, without the agent: what every other scenario takes for granted.

use anyhow::{Result, ensure};

use super::stage::Stage;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::options::Options;
use crate::net::GUEST;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "boots",
    story: "The lab is what it claims to be: real guests, apart from each other and the machine",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

async fn play(stage: &Stage) -> Result<()> {
    let bare = |name: &str| Options { agent: false, ..Options::empty(name) };
    let (first, second) =
        tokio::try_join!(stage.boot(bare("boots")), stage.boot(bare("boots-too")))?;
    for guest in [&first, &second] {
        let word = guest.settled().await?;
        ensure!(word == "running", "{} is {word}", guest.name);
        is_on_the_network(guest).await?;
    }
    clock_is_out_of_reach(&first).await?;
    a_kill_stays_in_its_guest(&first, &second).await?;
    a_link_leads_nowhere_else(&first)?;
    stage.say("powers off, and boots with another MAC");
    first.power_off().await?;
    first.gateway.new_pod("52:54:00:00:00:77").await?;
    first.power_on().await?;
    is_on_the_network(&first).await?;
    let link = first.sh("ip -oneline link show enp1s0").await?;
    ensure!(link.contains("52:54:00:00:00:77"), "{link}");
    Ok(())
}

async fn is_on_the_network(guest: &Guest) -> Result<()> {
    guest.sh("/usr/lib/systemd/systemd-networkd-wait-online -i enp1s0 --timeout=20").await?;
    let address = guest.sh("ip -oneline -4 address show enp1s0").await?;
    ensure!(address.contains(GUEST), "no lease: {address}");
    let registry = guest.sh("curl --silent --show-error https://registry.ollama.ai/v2/").await;
    ensure!(registry.is_ok(), "the registry is not trusted: {registry:?}");
    let disk = guest.sh("findmnt --noheadings --output SOURCE /var/lib/ollama").await?;
    ensure!(!disk.trim().is_empty(), "no data disk");
    let usage = guest.sh("systemctl show --property CPUUsageNSec systemd-networkd").await?;
    ensure!(!usage.contains("not set"), "no CPU accounting: {usage}");
    Ok(())
}

/// A guest that could set it would set the clock of the whole machine.
async fn clock_is_out_of_reach(guest: &Guest) -> Result<()> {
    let attempt = guest.try_sh("date --set=@$(date +%s)").await?;
    ensure!(attempt.code != 0, "a guest can set the machine's clock");
    Ok(())
}

async fn a_kill_stays_in_its_guest(first: &Guest, second: &Guest) -> Result<()> {
    let id = "systemctl show --property MainPID --value ssh.service";
    let before = second.sh(id).await?;
    first.sh("systemctl kill --signal=KILL ssh.service").await?;
    ensure!(second.sh(id).await? == before, "a kill in one guest reached the other");
    Ok(())
}

/// What a scenario breaks in a guest must stay in it.
fn a_link_leads_nowhere_else(guest: &Guest) -> Result<()> {
    guest.write_file("/root/plain", "guest")?;
    ensure!(guest.read_file("/root/plain")? == b"guest");
    let root = format!("/proc/{}/root", guest.leader()?);
    std::os::unix::fs::symlink("/root/elsewhere", format!("{root}/root/link"))?;
    guest.write_file("/root/link", "guest")?;
    ensure!(guest.read_file("/root/elsewhere")? == b"guest");
    ensure!(!std::path::Path::new("/root/elsewhere").exists(), "a link led out of the guest");
    Ok(())
}
