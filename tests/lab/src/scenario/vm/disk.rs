//! The data disk fails, and is full.

use anyhow::{Context, Result, ensure};

use super::network::healthy_boot;
use super::{QUIET, READY, ready};
use crate::guest::report::Report;
use crate::scenario::stage::Stage;
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario};

/// Writes that fail.
pub(super) const BROKEN: Scenario = Scenario {
    name: "disk-broken",
    story: "The data disk fails every write: that is named, and nothing restarts; whole, it is Ready",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(broken(stage)) },
};

/// No room.
pub(super) const FULL: Scenario = Scenario {
    name: "disk-full",
    story: "The data disk of a VM is full: that is named; with room, it is Ready",
    needs: Needs::AnyServer,
    shows: &["DataDiskWritable/LowSpace"],
    play: |stage| -> Playing<'_> { Box::pin(full(stage)) },
};

/// What the kernel makes of a disk that fails: its journal ends, and with it all writing. Until
/// then the probe's own file cannot be written.
const NAMES: &[&str] = &["ReadOnly", "WriteFailed"];

/// All that there is for others than root but for a MiB: nothing of it is ever written.
const FILLED: &str = "free=$(df --output=avail --block-size=1M /var/lib/ollama | tail -1) && \
    install --owner=ollama --group=ollama /dev/null /var/lib/ollama/ballast && \
    fallocate --length $((free - 1))M /var/lib/ollama/ballast";

async fn broken(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    let server = guest.invocation("ollama.service").await?;
    let before = guest.data().await?;
    let mark = guest.mark();
    guest.vm()?.break_data().await?;
    stage.say("every write to the data disk fails");
    let named = |report: &Report| {
        let found = report.condition("DataDiskWritable");
        found.is_some_and(|disk| disk.status == "False" && NAMES.contains(&disk.reason.as_str()))
    };
    let seen = guest.wait(mark.at, READY, "the disk to be named", named).await?;
    guest.quiet(QUIET).await?;
    // A manifest may be seen to be unreadable before the disk that it lies on is.
    guest.expect_nothing_done(&mark)?;
    ensure!(guest.invocation("ollama.service").await? == server, "the server was restarted");
    stage.say("the disk is whole again, and the VM is started anew");
    guest.kill().await?;
    healthy_boot(stage, &guest, "data disk that failed, whole again, from power-on").await?;
    ensure!(guest.data().await? == before, "the data disk has changed");
    stage.add(Row {
        fault: "data disk fails every write".into(),
        seen: Some(seen.at - mark.at),
        ..Row::default()
    });
    Ok(())
}

async fn full(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    let mark = guest.mark();
    guest.sh(FILLED).await?;
    let seen = guest.expect(&mark, "DataDiskWritable", "False", "LowSpace", READY).await?;
    guest.quiet(QUIET).await?;
    guest.expect_repairs(&mark, &[])?;
    let room = guest.mark();
    guest.sh("rm /var/lib/ollama/ballast").await.context("the ballast")?;
    guest.expect(&room, "DataDiskWritable", "True", "Writable", READY).await?;
    let healed = guest.until_ready(room.at, READY).await?;
    stage.add(Row {
        fault: "data disk full".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - room.at),
        ..Row::default()
    });
    Ok(())
}
