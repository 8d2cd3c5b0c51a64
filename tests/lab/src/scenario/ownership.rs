//! A data disk that belongs to root.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::fault::{Fault, by_hand, heal};
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "ownership",
    story: "A restored disk belongs to root: 5,000 files come back to ollama, /etc/shadow does not",
    needs: Needs::AnyServer,
    shows: &["DataDiskWritable/WrongOwner"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// The data "disk" becomes a directory of the root file system, bound to its place: only there
/// can a hard link to /etc/shadow exist at all.
const ONE_FILE_SYSTEM: &str = "systemctl stop ollama.service && \
    cp --archive /var/lib/ollama /srv/ollama && systemctl stop var-lib-ollama.mount && \
    printf '[Unit]\\nDescription=Data disk\\n[Mount]\\nWhat=/srv/ollama\\nWhere=/var/lib/ollama\\n\
Type=none\\nOptions=bind\\n' > /etc/systemd/system/var-lib-ollama.mount && \
    systemctl daemon-reload && systemctl start var-lib-ollama.mount ollama.service";

/// 5,000 small files beside the models.
const FILES: &str = "mkdir /srv/ollama/spare && cd /srv/ollama/spare && \
    seq 5000 | xargs touch && chown --recursive ollama:ollama /srv/ollama/spare";

/// The traps, which no repair may follow.
const TRAPS: &str = "ln --symbolic /etc/shadow /srv/ollama/spare/symbolic && \
    ln /etc/shadow /srv/ollama/spare/hard";

/// The traps are put aside while root takes the rest: `chown --recursive` by hand would have
/// given /etc/shadow away, which is the accident that this scenario is about.
pub(crate) const TAKEN: Fault = Fault {
    what: "data disk owned by root, 5,000 files",
    why: "a disk was restored from a backup, or copied by root",
    breaks: "systemctl stop ollama.service && \
        find /srv/ollama -type f -links 1 -exec chown root:root {} + && \
        find /srv/ollama -type d -exec chown root:root {} + && \
        chmod 0700 /srv/ollama && systemctl start ollama.service",
    condition: "DataDiskWritable",
    reasons: &["WrongOwner"],
    remedies: &[
        &["storage/FixOwner"],
        &["storage/FixOwner", "ollama/Restart"],
        &["storage/FixOwner", "ollama/Start"],
        &["storage/FixOwner", "ollama/ResetFailed"],
    ],
    by_hand: "find /srv/ollama -type f -links 1 -exec chown ollama:ollama {} + && \
        find /srv/ollama -type d -exec chown ollama:ollama {} + && \
        systemctl restart ollama.service",
    keeps_data: true,
    seen_within: Duration::from_secs(30),
    healed_within: Duration::from_secs(90),
};

/// What no repair may change.
const SHADOW: &str = "stat --format='%U:%G %a' /etc/shadow && \
    stat --format='%U:%G' /srv/ollama/spare/symbolic";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.say("lays the traps: a symbolic and a hard link to /etc/shadow on the data disk");
    lay_traps(&guest).await?;
    let shadow = guest.sh(SHADOW).await?;
    not_a_fault(&guest)?;

    stage.say(&format!("breaks: {}", TAKEN.what));
    let mark = guest.mark();
    let row = heal(&guest, &TAKEN).await.context(TAKEN.what)?;
    // The server is down for want of its directory: that is named, not the server.
    guest.expect_cause(&mark, "DataDiskWritable", "WrongOwner", Duration::from_secs(1)).await?;
    ensure!(guest.sh(SHADOW).await? == shadow, "/etc/shadow or a link to it was changed");
    let left = "find /srv/ollama ! -user ollama -links 1 ! -type l ! -name lost+found | wc --lines";
    ensure!(guest.sh(left).await?.trim() == "0", "some files still belong to root");
    not_a_fault(&guest)?;

    let by_hand = by_hand(&guest, TAKEN.breaks, TAKEN.by_hand).await?;
    stage.add(Row { by_hand: Some(by_hand), ..row });
    Ok(())
}

/// Moves the data to one file system with /etc/shadow and lays the traps.
pub(crate) async fn lay_traps(guest: &Guest) -> Result<()> {
    let mark = guest.mark();
    guest.sh("systemctl stop saigak-agent.service").await?;
    for step in [ONE_FILE_SYSTEM, FILES, TRAPS, "systemctl start saigak-agent.service"] {
        guest.sh(step).await?;
    }
    guest.until_ready(mark.at, FIRST_READY).await.context("with the traps laid").map(drop)
}

/// The links that are left alone are not for ever a fault.
fn not_a_fault(guest: &Guest) -> Result<()> {
    let report = guest.timeline.last().context("the agent has said nothing")?;
    let disk = report.condition("DataDiskWritable").context("no DataDiskWritable")?;
    ensure!(disk.status == "True", "DataDiskWritable is {}/{}", disk.status, disk.reason);
    Ok(())
}
