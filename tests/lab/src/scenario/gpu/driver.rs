//! The driver, while there is none: each cause under its own name, and the one repair.

use std::time::Duration;

use anyhow::{Context, Result};
use saigak_lab_gpu::State;

use super::{ASKED, RESTART};
use crate::guest::Guest;
use crate::guest::gpu::{Gpus, Pci};
use crate::guest::report::Report;
use crate::scenario::fault::by_hand;
use crate::scenario::files::FORGETS;
use crate::scenario::stage::Stage;
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(in crate::scenario) const SCENARIO: Scenario = Scenario {
    name: "gpu-driver",
    story: "NVIDIA's driver is not loaded: nouveau, no module, another kernel, a signature, told \
            apart; loaded where that helps, and Ollama restarted once",
    needs: Needs::StandIn,
    shows: &[
        "GpuDriverLoaded/ModuleNotBuilt",
        "GpuDriverLoaded/NouveauBound",
        "GpuDriverLoaded/OtherDriverBound",
        "GpuDriverLoaded/KernelPending",
        "GpuDriverLoaded/SignatureRefused",
        "GpuDriverLoaded/NotLoaded",
        "GpuDriverLoaded/Loaded",
        "GpuOffloaded/StartedBeforeDriver",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// A list of modules with NVIDIA's in it, for the running kernel or for one that is not there.
const FOR_ANOTHER: &str = "mkdir -p /usr/lib/modules/9.9.9-lab && \
    echo 'updates/dkms/nvidia.ko.xz:' > /usr/lib/modules/9.9.9-lab/modules.dep";
const FOR_THIS: &str = "mkdir -p /usr/lib/modules/$(uname -r) && \
    echo 'updates/dkms/nvidia.ko.xz:' > /usr/lib/modules/$(uname -r)/modules.dep";

/// The kernel's part of loading a module: a container has none of its own. It refuses as long as
/// there is a file that says so.
const MODPROBE: &str = "#!/bin/sh\n\
    test ! -e /srv/gpu/refuses || { \
    echo \"modprobe: ERROR: could not insert '$1': Key was rejected by service\" >&2; exit 1; }\n\
    test -e /srv/gpu/loaded.json || exit 0\n\
    mkdir -p /srv/gpu/module/nvidia /srv/gpu/proc/nvidia\n\
    mv /srv/gpu/loaded.json /srv/gpu/state.json\n";

/// Has the helper's sandbox let it write there.
const WRITABLE: &str = "mkdir -p /run/systemd/system/saigak-fix-gpu-load.service.d && \
    printf '[Service]\\nReadWritePaths=/srv/gpu\\n' \
    > /run/systemd/system/saigak-fix-gpu-load.service.d/lab.conf && systemctl daemon-reload";

/// Longer than any patience before a repair that is not wanted.
const WATCHED: Duration = Duration::from_secs(8);

async fn play(stage: &Stage) -> Result<()> {
    let driven = State::healthy();
    let undriven = State { driver: None, ..driven.clone() };
    let bound = |driver| vec![Pci::nvidia(&driven.gpus[0], driver)];
    let guest = stage.boot_with(Gpus { pci: bound(None), ..Gpus::of(undriven) }).await?;
    guest.write_file("/usr/sbin/modprobe", MODPROBE)?;
    guest.sh("chmod 755 /usr/sbin/modprobe && touch /srv/gpu/refuses").await?;
    guest.sh(WRITABLE).await?;

    let named = |what, reason, advice| only_a_person(stage, &guest, what, reason, advice);
    named("no module for any kernel", "ModuleNotBuilt", "linux-headers").await?;
    guest.change_pci(&bound(Some("nouveau")))?;
    named("nouveau bound", "NouveauBound", "blacklist nouveau").await?;
    guest.change_pci(&bound(Some("vfio-pci")))?;
    named("vfio-pci bound", "OtherDriverBound", "lspci -k").await?;
    guest.change_pci(&bound(None))?;
    guest.sh(FOR_ANOTHER).await?;
    named("a module for another kernel alone", "KernelPending", "reboot into that").await?;

    let mark = guest.mark();
    guest.sh(FOR_THIS).await?;
    guest.expect(&mark, "GpuDriverLoaded", "False", "NotLoaded", ASKED).await?;
    named("the module's signature refused", "SignatureRefused", "mokutil --import").await?;

    loads(stage, &guest, &driven).await.context("a module that can be loaded")
}

/// The agent names it with the advice, and leaves it at that.
async fn only_a_person(
    stage: &Stage,
    guest: &Guest,
    what: &str,
    reason: &str,
    advice: &str,
) -> Result<()> {
    let mark = guest.mark();
    stage.say(&format!("breaks: {what}"));
    let named = |report: &Report| {
        !report.ready
            && report.next.contains(advice)
            && report.condition("GpuDriverLoaded").is_some_and(|it| it.reason == reason)
    };
    let said = format!("GpuDriverLoaded/{reason} and {advice:?}");
    let seen = guest.until(ASKED, &said, named).await?;
    guest.quiet(WATCHED).await?;
    stage.add_seen(what, seen - mark.at, guest, &mark);
    Ok(())
}

/// The module is loaded, and the server, which found no GPU when it started, is restarted once.
async fn loads(stage: &Stage, guest: &Guest, driven: &State) -> Result<()> {
    stage.say("breaks: the module is there, and nobody has loaded it");
    guest.sh(FORGETS).await?;
    let after = serde_json::to_string(driven).context("cannot write a state")?;
    guest.write_file("/srv/gpu/loaded.json", after)?;
    let mark = guest.mark();
    guest.sh("rm /srv/gpu/refuses && systemctl start saigak-agent.service").await?;
    guest.expect(&mark, "GpuDriverLoaded", "False", "NotLoaded", ASKED).await?;
    let loaded = guest.expect(&mark, "GpuDriverLoaded", "True", "Loaded", ASKED).await?;
    let limit = Duration::from_mins(1);
    let on_gpu = guest.expect(&mark, "GpuOffloaded", "True", "OnGpu", limit).await?;
    guest.until_ready(on_gpu, limit).await?;
    guest.expect_repairs(&mark, &["gpu/LoadModule", "ollama/Restart"])?;
    guest.quiet(Duration::from_secs(30)).await.context("once is enough")?;
    let by_hand = by_hand(guest, "true", RESTART).await.context("a bare restart")?;
    stage.add(Row {
        fault: "from the loaded driver to the model on the GPU".into(),
        seen: Some(loaded - mark.at),
        healed: Some(on_gpu - loaded),
        by_hand: Some(by_hand),
        remedies: guest.remedies(&mark),
    });
    Ok(())
}
