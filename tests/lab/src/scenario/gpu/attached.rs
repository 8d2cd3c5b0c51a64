//! What PCI shows.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use saigak_lab_gpu::{Gpu, State};

use super::{END_PROBES, SEEN, until};
use crate::guest::Guest;
use crate::guest::gpu::{Gpus, Library, Pci};
use crate::guest::report::Report;
use crate::scenario::stage::{FIRST_READY, Stage};
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "gpu-attached",
    story: "The GPU was not passed through, or only one of two: not ready, said once, no repair",
    needs: Needs::StandIn,
    shows: &[
        "GpuAttached/NotAttached",
        "GpuAttached/TooFew",
        "GpuAttached/Attached",
        "GpuAttached/Unreadable",
        "GpuDriverLoaded/NotAllDriven",
        "GpuDriverLoaded/Unbound",
        "GpuHealthy/NotObservable",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Two rounds of quick looks.
const WATCHED: Duration = Duration::from_secs(6);

async fn play(stage: &Stage) -> Result<()> {
    let mut healthy = State::healthy();
    healthy.gpus.push(Gpu::geforce(1));
    let pci: Vec<Pci> = healthy.gpus.iter().map(|gpu| Pci::nvidia(gpu, Some("nvidia"))).collect();
    // A display adapter of the hypervisor's, and the sound of a card: neither is a GPU.
    let others = [
        Pci { address: "0000:00:01.0".into(), vendor: "0x1234", class: "0x030000", driver: None },
        Pci { address: "0000:0a:00.1".into(), vendor: "0x10de", class: "0x040300", driver: None },
    ];
    stage.say("boots without the two GPUs that are expected");
    let none = Gpus { pci: others.to_vec(), ..Gpus::of(healthy) };
    let guest = stage.boot_with(none).await?;
    missing(stage, &guest, "no GPU on PCI", "NotAttached", "pass one through").await?;

    stage.say("has one of the two");
    guest.change_pci(&[&others[..], &pci[..1]].concat())?;
    missing(stage, &guest, "one of two GPUs on PCI", "TooFew", "domain.devices.gpus").await?;

    stage.say("has both");
    let mark = guest.mark();
    guest.change_pci(&[&others[..], &pci].concat())?;
    guest.expect(&mark, "GpuAttached", "True", "Attached", SEEN).await?;
    guest.until_ready(mark.at, FIRST_READY).await.context("with both GPUs")?;
    guest.expect_repairs(&mark, &[])?;
    partly_seen(stage, &guest).await?;

    for (vendor, number, driver) in [("intel", "0x8086", "xe"), ("amd", "0x1002", "amdgpu")] {
        stage.say(&format!("boots with a GPU of {vendor}"));
        let mut card =
            Pci { address: "0000:06:00.0".into(), vendor: number, class: "0x038000", driver: None };
        let pci = vec![card.clone()];
        let gpus = Gpus { expected: (1, vendor), pci, state: None, library: Library::None };
        let guest = stage.boot_another_with(gpus, vendor).await?;
        let mark = guest.since_boot();
        guest.expect(&mark, "GpuAttached", "True", "Attached", FIRST_READY).await?;
        until(&guest, "GpuDriverLoaded", "False", "Unbound").await?;
        card.driver = Some(driver);
        guest.change_pci(&[card])?;
        until(&guest, "GpuDriverLoaded", "True", "Loaded").await?;
        until(&guest, "GpuHealthy", "Unknown", "NotObservable").await?;
        guest.expect_repairs(&mark, &[])?;
    }
    Ok(())
}

/// PCI cannot be read; then the driver has not taken one of the two.
async fn partly_seen(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: the agent may not read what is on PCI");
    let mark = guest.mark();
    guest.sh("chmod 700 /srv/gpu/pci").await?;
    guest.expect(&mark, "GpuAttached", "Unknown", "Unreadable", SEEN).await?;
    guest.sh("chmod 755 /srv/gpu/pci").await?;
    until(guest, "GpuAttached", "True", "Attached").await?;
    stage.say("breaks: the driver has one of the two");
    guest.change_gpus(|state| state.gpus.truncate(1))?;
    guest.sh(END_PROBES).await?;
    until(guest, "GpuDriverLoaded", "False", "NotAllDriven").await?;
    guest.expect_repairs(&mark, &[])
}

/// The agent names what is missing and what a person does about it, and does nothing itself; the
/// server embeds all the while.
async fn missing(
    stage: &Stage,
    guest: &Guest,
    what: &str,
    reason: &str,
    advice: &str,
) -> Result<()> {
    let mark = guest.mark();
    let named = |report: &Report| {
        !report.ready
            && report.next.contains(advice)
            && report
                .cause
                .as_ref()
                .is_some_and(|cause| cause.condition == "GpuAttached" && cause.reason == reason)
    };
    let said = format!("the cause GpuAttached/{reason} and {advice:?}");
    let seen = guest.until(FIRST_READY, &said, named).await?;
    guest.quiet(WATCHED).await?;
    guest.expect_repairs(&mark, &[])?;
    let last = guest.timeline.last().context("no report")?;
    ensure!(!last.ready, "ready without the GPUs: {last}");
    stage.add_seen(what, seen - mark.at, guest, &mark);
    Ok(())
}
