//! A server that is told to keep its models elsewhere than on the data disk.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::fault::Fault;
use super::matter::Matter;
use super::stage::{FIRST_READY, Stage};
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "models",
    story: "OLLAMA_MODELS leads to the root disk: it gets no model, the data disk is used again",
    needs: Needs::AnyServer,
    shows: &[
        "ModelsOnDataDisk/Inside",
        "ModelsOnDataDisk/Elsewhere",
        "ModelsOnDataDisk/SetByFile",
        "ModelsOnDataDisk/Unreadable",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// The agent's own drop-in is taken away where it is broken again.
pub(crate) const ELSEWHERE: Fault = Fault {
    what: "OLLAMA_MODELS leads to the root disk",
    why: "an override of OLLAMA_MODELS came with somebody's image",
    breaks: "rm -f /run/systemd/system/ollama.service.d/*.conf && \
        mkdir -p /etc/systemd/system/ollama.service.d && \
        install --directory --owner=ollama --group=ollama /srv/models && \
        printf '[Service]\\nEnvironment=OLLAMA_MODELS=/srv/models\\n' \
        > /etc/systemd/system/ollama.service.d/override.conf && \
        systemctl daemon-reload && systemctl restart ollama.service",
    condition: "ModelsOnDataDisk",
    reasons: &["Elsewhere"],
    remedies: &[&["ollama/UseDataDisk"]],
    by_hand: "rm /etc/systemd/system/ollama.service.d/override.conf && \
        systemctl daemon-reload && systemctl restart ollama.service",
    keeps_data: true,
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_mins(1),
};

/// What the unit says now is not what the server was started with.
const NOT_YET: Matter = Matter {
    what: "OLLAMA_MODELS changed, the server not restarted yet",
    breaks: "mkdir -p /etc/systemd/system/ollama.service.d && \
        printf '[Service]\\nEnvironment=OLLAMA_MODELS=/srv/models\\n' \
        > /etc/systemd/system/ollama.service.d/override.conf && systemctl daemon-reload",
    condition: "ModelsOnDataDisk",
    reasons: &["Elsewhere"],
    says: "ollama/UseDataDisk is held back",
    ready: true,
    remedies: &[&[]],
    cure: "rm /etc/systemd/system/ollama.service.d/override.conf && systemctl daemon-reload",
    after: &[&[]],
    seen_within: Duration::from_secs(30),
    healed_within: Duration::from_secs(30),
};

/// No drop-in wins over an environment file.
const BY_FILE: Matter = Matter {
    what: "OLLAMA_MODELS set by an environment file",
    breaks: "install --directory --owner=ollama --group=ollama /srv/models && \
        echo OLLAMA_MODELS=/srv/models > /etc/default/ollama && \
        mkdir -p /etc/systemd/system/ollama.service.d && \
        printf '[Service]\\nEnvironmentFile=/etc/default/ollama\\n' \
        > /etc/systemd/system/ollama.service.d/override.conf && \
        systemctl daemon-reload && systemctl restart ollama.service",
    condition: "ModelsOnDataDisk",
    reasons: &["SetByFile"],
    says: "/etc/default/ollama sets OLLAMA_MODELS=/srv/models",
    ready: false,
    remedies: &[&[]],
    cure: "echo OLLAMA_MODELS=/var/lib/ollama > /etc/default/ollama && \
        systemctl restart ollama.service",
    after: &[&[]],
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_secs(30),
};

const UNREADABLE: Matter = Matter {
    what: "an environment file that only root may read",
    breaks: "chmod 600 /etc/default/ollama",
    condition: "ModelsOnDataDisk",
    reasons: &["Unreadable"],
    says: "/etc/default/ollama cannot be read",
    ready: true,
    remedies: &[&[]],
    cure: "chmod 644 /etc/default/ollama",
    after: &[&[]],
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_secs(30),
};

/// The server's store below its home directory, which lies on the data disk.
const MOVED_HOME: &str = "set -e; cd /var/lib/ollama; systemctl stop ollama.service; \
    runuser --user ollama -- mkdir --parents .ollama/models; \
    mv blobs manifests .ollama/models; mkdir -p /etc/systemd/system/ollama.service.d; \
    printf '[Service]\nUnsetEnvironment=OLLAMA_MODELS\nEnvironment=HOME=/var/lib/ollama\n' \
    > /etc/systemd/system/ollama.service.d/override.conf; \
    systemctl daemon-reload; systemctl start ollama.service";

const CUT_AT_HOME: &str = "find /var/lib/ollama/.ollama/models/blobs -type f -size +1M \
    -exec truncate --size=1M {} +";

const MOVED_BACK: &str = "set -e; cd /var/lib/ollama; systemctl stop ollama.service; \
    rm -rf blobs manifests; mv .ollama/models/* .; rm -r .ollama/models; \
    rm /etc/systemd/system/ollama.service.d/override.conf; \
    systemctl daemon-reload; systemctl start ollama.service";

/// That is the data disk as well: nothing is moved, nothing loaded again.
async fn at_home(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("OLLAMA_MODELS is not set, and the server's home lies on the data disk");
    guest.sh("systemctl stop saigak-agent.service").await?;
    guest.sh(MOVED_HOME).await?;
    let mark = guest.mark();
    guest.sh("systemctl start saigak-agent.service").await?;
    guest.until_ready(mark.at, FIRST_READY).await?;
    let limit = Duration::from_secs(30);
    guest.expect(&mark, "ModelsOnDataDisk", "True", "Inside", limit).await?;
    guest.quiet(Duration::from_secs(6)).await?;
    guest.expect_repairs(&mark, &[])?;

    stage.say("breaks: the model's weights there are cut short");
    let mark = guest.mark();
    guest.sh(CUT_AT_HOME).await?;
    let seen = guest.expect(&mark, "ModelPresent", "False", "WeightsDamaged", limit).await?;
    let good = |report: &Report| {
        report.ready && report.condition("ModelPresent").is_some_and(|found| found.status == "True")
    };
    guest.wait(seen, FIRST_READY, "Ready, with ModelPresent True", good).await?;
    guest.client_embed().await?;
    guest.expect_repairs(&mark, &["model/DropDamaged", "model/Pull"])?;
    guest.sh("systemctl stop saigak-agent.service").await?;
    guest.sh(MOVED_BACK).await?;
    let mark = guest.mark();
    guest.sh("systemctl start saigak-agent.service").await?;
    guest.until_ready(mark.at, FIRST_READY).await.map(drop)
}

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    at_home(stage, &guest).await?;
    stage.play_matter(&guest, &NOT_YET).await?;
    stage.play(&guest, &ELSEWHERE).await?;
    for matter in [&BY_FILE, &UNREADABLE] {
        stage.play_matter(&guest, matter).await?;
    }
    let pulled = guest.sh("find /srv/models -type f").await?;
    ensure!(pulled.is_empty(), "something was written to the root disk: {pulled}");
    Ok(())
}
