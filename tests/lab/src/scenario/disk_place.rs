//! The way to the data disk: its directory is a link, a directory above it is closed, or the
//! server's user has another number.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::fault::Fault;
use super::matter::Matter;
use super::stage::{FIRST_READY, Stage};
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "disk-place",
    story: "Ollama's user has another uid, its directory is a link, or one above it is closed",
    needs: Needs::AnyServer,
    shows: &["DataDiskMounted/PathLinked", "DataDiskWritable/NotTraversable"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// The tree still belongs to the old number.
pub(super) const OTHER_UID: Fault = Fault {
    what: "ollama's uid changed",
    why: "the user was made anew, or the disk comes from a guest with another one",
    breaks: "systemctl stop ollama.service && \
        usermod --uid $(($(id --user ollama) + 1000)) ollama 2>/dev/null && \
        systemctl start ollama.service",
    condition: "DataDiskWritable",
    reasons: &["WrongOwner"],
    remedies: &[&["storage/FixOwner"]],
    by_hand: "find /var/lib/ollama -xdev ! -name lost+found -exec chown ollama:ollama {} + && \
        systemctl restart ollama.service",
    keeps_data: false,
    seen_within: Duration::from_secs(20),
    healed_within: Duration::from_mins(1),
};

/// What is written through the link would go to the root disk.
const PATH_LINKED: Matter = Matter {
    what: "the mount point replaced by a symbolic link",
    breaks: "systemctl stop ollama.service var-lib-ollama.mount && rmdir /var/lib/ollama && \
        mkdir /srv/elsewhere && chown ollama:ollama /srv/elsewhere && \
        ln --symbolic /srv/elsewhere /var/lib/ollama",
    condition: "DataDiskMounted",
    reasons: &["PathLinked"],
    says: "/var/lib/ollama is a symbolic link to /srv/elsewhere",
    ready: false,
    remedies: &[&[]],
    cure: "rm /var/lib/ollama && mkdir /var/lib/ollama && systemctl start var-lib-ollama.mount",
    after: &[&["ollama/Start"]],
    seen_within: Duration::from_secs(20),
    healed_within: FIRST_READY,
};

/// The data disk moves below a directory of its own; everything that names its place says so.
const MOVED: &str = "systemctl stop saigak-agent.service ollama.service var-lib-ollama.mount && \
    mkdir --parents /srv/models/ollama /etc/saigak-agent/conf.d \
    /etc/systemd/system/ollama.service.d && cd /etc/systemd/system && \
    sed s,/var/lib/ollama,/srv/models/ollama, var-lib-ollama.mount > srv-models-ollama.mount && \
    rm var-lib-ollama.mount local-fs.target.wants/var-lib-ollama.mount && \
    sed s,/var/lib/ollama,/srv/models/ollama, \
    /usr/lib/systemd/system/ollama.service.d/50-saigak.conf > ollama.service.d/50-saigak.conf && \
    printf '[storage]\\npath = \"/srv/models/ollama\"\\n' > /etc/saigak-agent/conf.d/50-site.toml && \
    systemctl daemon-reload && \
    systemctl start srv-models-ollama.mount ollama.service saigak-agent.service";

/// The server ends at its start, again and again: that is not the cause.
const CLOSED: Matter = Matter {
    what: "a directory above the data disk closed, Ollama restarted",
    breaks: "chmod 0700 /srv/models && systemctl restart ollama.service",
    condition: "DataDiskWritable",
    reasons: &["NotTraversable"],
    says: "ollama cannot pass /srv/models, and so not reach /srv/models/ollama",
    ready: false,
    remedies: &[&[]],
    cure: "chmod 0755 /srv/models",
    after: &[&[]],
    seen_within: Duration::from_secs(30),
    healed_within: FIRST_READY,
};

/// The server runs on and finds none of its models: they are there, and not pulled again.
const CLOSED_MEANWHILE: Matter = Matter {
    what: "a directory above the data disk closed",
    breaks: "chmod 0700 /srv/models",
    // The model is missed first, and what would mend that is refused.
    remedies: &[&[], &["model/Pull"], &["model/CreateAlias"]],
    after: &[&[], &["model/Pull"], &["model/CreateAlias"]],
    ..CLOSED
};

const BLOBS: &str = "find /srv/models/ollama -xdev -type f -printf '%P %s %U\\n' | sort";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.play(&guest, &OTHER_UID).await?;
    belongs_to_ollama(&guest).await?;
    stage.play_matter(&guest, &PATH_LINKED).await?;
    let written = guest.sh("find /srv/elsewhere -mindepth 1").await?;
    ensure!(written.is_empty(), "written through the link: {written}");

    stage.say("moves the data disk to a place of its own");
    let mark = guest.mark();
    guest.sh(MOVED).await?;
    guest.until_ready(mark.at, FIRST_READY).await.context("with the disk elsewhere")?;
    let data = guest.sh(BLOBS).await?;
    for matter in [&CLOSED, &CLOSED_MEANWHILE] {
        let mark = guest.mark();
        stage.play_matter(&guest, matter).await?;
        let limit = Duration::from_secs(1);
        guest.expect_cause(&mark, "DataDiskWritable", "NotTraversable", limit).await?;
        guest.expect_nothing_done(&mark)?;
    }
    ensure!(guest.sh(BLOBS).await? == data, "the models are not what they were");
    Ok(())
}

async fn belongs_to_ollama(guest: &Guest) -> Result<()> {
    let left = "find /var/lib/ollama -xdev ! -user ollama ! -name lost+found";
    let left = guest.sh(left).await?;
    ensure!(left.is_empty(), "not ollama's: {left}");
    Ok(())
}
