//! The guest comes up with another kernel, for which nobody has built NVIDIA's module.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::{QUIET, READY, ready};
use crate::guest::gpu::settings;
use crate::guest::report::Report;
use crate::scenario::stage::Stage;
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "kernel",
    story: "A VM boots another kernel, with no module for it: named; built, the agent loads it",
    needs: Needs::AnyServer,
    shows: &["GpuDriverLoaded/KernelPending", "GpuDriverLoaded/LibraryMissing"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// What PCI shows from the next boot on: a GPU, as QEMU has none to give.
const GPU: &str = "mkdir --parents /srv/pci/0000:01:00.0 && cd /srv/pci/0000:01:00.0 && \
    echo 0x10de > vendor && echo 0x030000 > class && \
    printf '[Mount]\\nWhat=/srv/pci\\nWhere=/sys/bus/pci/devices\\nType=none\\nOptions=bind\\n\
    [Install]\\nWantedBy=local-fs.target\\n' > /etc/systemd/system/sys-bus-pci-devices.mount && \
    systemctl enable sys-bus-pci-devices.mount";

const SETTINGS: &str = "/etc/saigak-agent/conf.d/99-lab-gpu.toml";

/// What DKMS leaves for the running kernel: a module that has NVIDIA's name. It is another of the
/// kernel's own that does nothing by itself, under that name, and without the signature, which is
/// not for what it has become.
const BUILT: &str = "set -o errexit; to=/lib/modules/$(uname --kernel-release)/updates/dkms; \
    mkdir --parents $to; xz --decompress --stdout $(modinfo --filename nls_utf8) | \
    head --bytes=-28 | perl -0777 -pe 's/nls_utf8\\0/nvidia\\0\\0\\0/g' > $to/nvidia.ko; \
    depmod";

async fn play(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    let kernel = "uname --kernel-release";
    let first = guest.sh(kernel).await?;
    guest.sh(GPU).await?;
    let expected = settings(1, "nvidia");
    guest.sh(&format!("printf '{}' > {SETTINGS}", expected.replace('\n', "\\n"))).await?;
    guest.sh(BUILT).await.context("a module for the kernel that runs now")?;
    guest.power_off().await?;
    guest.vm()?.rebuild(|hardware| hardware.upgraded = true);
    guest.power_on().await?;
    let mark = guest.since_boot();
    let second = guest.sh(kernel).await?;
    ensure!(first != second, "it is the same kernel: {first}");
    let (first, second) = (first.trim(), second.trim());
    stage.say(&format!("{second} runs, and there is a module for {first} alone"));
    let words = format!("no module for {second}, but one for {first}");
    let named = |report: &Report| {
        let driver = report.condition("GpuDriverLoaded");
        !report.ready && driver.is_some_and(|it| it.message.starts_with(&words))
    };
    let seen = guest.wait(mark.at, READY, "the kernels to be named", named).await?;
    guest.quiet(QUIET).await?;
    guest.expect_repairs(&mark, &[])?;
    stage.add(Row {
        fault: "no module for the kernel, from power-on".into(),
        seen: Some(seen.at - mark.at),
        ..Row::default()
    });

    stage.say("the module is built for it as well");
    let built = guest.mark();
    guest.sh(BUILT).await?;
    let there = Instant::now();
    // As far as it goes without NVIDIA's library.
    let loaded = guest.expect(&built, "GpuDriverLoaded", "False", "LibraryMissing", READY).await?;
    guest.sh("grep --quiet '^nvidia ' /proc/modules").await.context("it is not loaded")?;
    guest.quiet(Duration::from_secs(30)).await?;
    guest.expect_repairs(&built, &["gpu/LoadModule"])?;
    stage.add(Row {
        fault: "a module for the kernel, from its build to loaded".into(),
        healed: Some(loaded.saturating_duration_since(there)),
        remedies: guest.remedies(&built),
        ..Row::default()
    });
    Ok(())
}
