//! The files that models are made of, damaged on the data disk.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::fault::Fault;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::twin::heal_like_its_twin;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "model-files",
    story: "Manifests and blobs are empty, garbage or gone: named as what they are, and made anew",
    needs: Needs::AnyServer,
    shows: &[
        "ModelPresent/ManifestUnreadable",
        "ModelPresent/Unreadable",
        "ModelPresent/WeightsDamaged",
        "AliasPresent/ManifestUnreadable",
        "AliasPresent/Unreadable",
        "AliasPresent/WeightsDamaged",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Where the server keeps its manifests, seen from the data disk's top.
macro_rules! manifests {
    () => {
        "/var/lib/ollama/manifests/registry.ollama.ai/library"
    };
}

const CREATE: &str = "curl --silent --show-error --fail http://127.0.0.1:11434/api/create --data \
    '{\"model\":\"qwen3-embedding-saigak:0.6b\",\"from\":\"qwen3-embedding:0.6b\",\
    \"template\":\"{{ .Prompt }}\",\"parameters\":{\"num_ctx\":4096},\"stream\":false}'";
const PULL: &str = "curl --silent --show-error --fail http://127.0.0.1:11434/api/pull --data \
    '{\"model\":\"qwen3-embedding:0.6b\",\"stream\":false}'";
const PULL_AND_CREATE: &str = "curl --silent --show-error --fail --retry 20 --retry-delay 1 \
    --retry-connrefused http://127.0.0.1:11434/api/pull --data \
    '{\"model\":\"qwen3-embedding:0.6b\",\"stream\":false}' && \
    curl --silent --show-error --fail http://127.0.0.1:11434/api/create --data \
    '{\"model\":\"qwen3-embedding-saigak:0.6b\",\"from\":\"qwen3-embedding:0.6b\",\
    \"template\":\"{{ .Prompt }}\",\"parameters\":{\"num_ctx\":4096},\"stream\":false}'";

/// The server writes manifests in place: a full disk, or a loss of power, leaves an empty one.
pub(super) const ALIAS_EMPTY: Fault = Fault {
    what: "the alias's manifest is empty",
    why: "the disk was full when the alias was written",
    breaks: concat!(": > ", manifests!(), "/qwen3-embedding-saigak/0.6b"),
    condition: "AliasPresent",
    reasons: &["ManifestUnreadable"],
    remedies: &[&["model/CreateAlias"]],
    by_hand: CREATE,
    keeps_data: true,
    seen_within: Duration::from_secs(30),
    healed_within: Duration::from_mins(1),
};

/// The alias serves all the while.
pub(super) const SOURCE_GARBAGE: Fault = Fault {
    what: "the model's manifest is garbage",
    why: "the power was lost when it was written",
    breaks: concat!("echo not json > ", manifests!(), "/qwen3-embedding/0.6b"),
    condition: "ModelPresent",
    reasons: &["ManifestUnreadable"],
    remedies: &[&["model/Pull"]],
    by_hand: PULL,
    keeps_data: true,
    seen_within: Duration::from_secs(30),
    healed_within: Duration::from_mins(1),
};

/// To its clients it is gone, and it is made of nothing else than what the source is made of.
const TEMPLATE_GONE: Fault = Fault {
    what: "the file with the alias's template is gone",
    why: "a clean-up deleted small files",
    breaks: "rm /var/lib/ollama/blobs/sha256-$(printf '{{ .Prompt }}' | sha256sum \
        | cut --characters=1-64)",
    reasons: &["Missing"],
    ..ALIAS_EMPTY
};

/// The blobs are kept over the restart, so nothing is loaded again.
pub(super) const MANIFESTS_GONE: Fault = Fault {
    what: "all manifests are gone, and the server restarts",
    why: "somebody restored a backup that had only the blobs",
    breaks: "rm -r /var/lib/ollama/manifests && systemctl restart ollama.service",
    condition: "AliasPresent",
    reasons: &["Missing"],
    remedies: &[&["model/Pull", "model/CreateAlias"]],
    by_hand: PULL_AND_CREATE,
    keeps_data: true,
    seen_within: Duration::from_secs(30),
    healed_within: Duration::from_mins(2),
};

/// The server lists such a model, and answers 404 to whoever asks for it.
pub(super) const WEIGHTS_GONE: Fault = Fault {
    what: "the model's weights are gone",
    why: "a clean-up deleted the largest file",
    breaks: "find /var/lib/ollama/blobs -type f -size +1M -delete",
    condition: "ModelPresent",
    reasons: &["Missing", "Pulling"],
    remedies: &[&["model/Pull"]],
    by_hand: PULL,
    keeps_data: true,
    seen_within: Duration::from_secs(30),
    healed_within: Duration::from_mins(5),
};

/// A pull says that it succeeded, and mends nothing, as long as the damaged file is there.
const WEIGHTS_CUT: Fault = Fault {
    what: "the model's weights are cut short",
    why: "a copy of the disk broke off",
    breaks: "find /var/lib/ollama/blobs -type f -size +1M -exec truncate --size=1M {} +",
    condition: "ModelPresent",
    reasons: &["WeightsDamaged"],
    remedies: &[&["model/DropDamaged", "model/Pull"]],
    by_hand: "find /var/lib/ollama/blobs -type f -size +100k -delete && \
        curl --silent --show-error --fail http://127.0.0.1:11434/api/pull --data \
        '{\"model\":\"qwen3-embedding:0.6b\",\"stream\":false}'",
    keeps_data: true,
    seen_within: Duration::from_secs(30),
    healed_within: Duration::from_mins(5),
};

const WEIGHTS_GARBAGE: Fault = Fault {
    what: "the model's weights are garbage",
    why: "the disk lost its cache with the power",
    breaks: "find /var/lib/ollama/blobs -type f -size +1M -exec \
        dd if=/dev/urandom of={} bs=1M count=1 conv=notrunc status=none \\;",
    ..WEIGHTS_CUT
};

const WEIGHTS_EMPTY: Fault = Fault {
    what: "the model's weights are an empty file",
    why: "the power was lost when they were renamed into place",
    breaks: "find /var/lib/ollama/blobs -type f -size +1M -exec truncate --size=0 {} +",
    ..WEIGHTS_CUT
};

/// A small file that the manifest names: a pull writes the manifest, and takes that as it is.
const CONFIG_GARBAGE: Fault = Fault {
    what: "a small file that the manifest names is garbage",
    why: "a download was changed on its way, and only the first wrong file was noticed",
    breaks: concat!(
        "digest=$(sed -n 's/.*\"config\":{[^}]*\"digest\":\"sha256:\\([0-9a-f]*\\)\".*/\\1/p' ",
        manifests!(),
        "/qwen3-embedding/0.6b) && file=/var/lib/ollama/blobs/sha256-$digest && \
         test -s $file && tr '{' '!' < $file > /run/config && cat /run/config > $file"
    ),
    reasons: &["ManifestUnreadable"],
    remedies: &[&["model/Pull", "model/DropDamaged", "model/Pull"]],
    ..WEIGHTS_CUT
};

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.play(&guest, &ALIAS_EMPTY).await?;
    stage.play(&guest, &TEMPLATE_GONE).await?;
    let mark = guest.mark();
    let row = heal_like_its_twin(&guest, &SOURCE_GARBAGE).await.context(SOURCE_GARBAGE.what)?;
    stage.add(row);
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "a source without a manifest made a serving guest unready");
    stage.play(&guest, &MANIFESTS_GONE).await?;
    stage.play(&guest, &WEIGHTS_GONE).await?;
    stage.play(&guest, &WEIGHTS_CUT).await?;
    for fault in [&WEIGHTS_GARBAGE, &WEIGHTS_EMPTY, &CONFIG_GARBAGE] {
        heal(stage, &guest, fault).await?;
    }
    not_permitted(stage, &guest).await
}

/// Not to be permitted to see is not to have seen a fault: nothing is done about it. But what
/// was proven before counts no longer than the next proof.
async fn not_permitted(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: the server may not read the weights");
    let mark = guest.mark();
    guest.sh("find /var/lib/ollama/blobs -type f -size +1M -exec chmod 000 {} +").await?;
    let limit = Duration::from_secs(30);
    let named = |report: &Report| {
        !report.ready
            && report.condition("AliasPresent").is_some_and(|condition| {
                condition.reason == "Unreadable" && condition.message.contains("permission denied")
            })
    };
    let seen = guest.wait(mark.at, limit, "AliasPresent/Unreadable, not ready", named).await?.at;
    guest.quiet(Duration::from_secs(6)).await?;
    guest.expect_repairs(&mark, &[])?;
    let cured = guest.mark();
    guest.sh("find /var/lib/ollama/blobs -type f -perm 000 -exec chmod 644 {} +").await?;
    let healed = guest.until_ready(cured.at, FIRST_READY).await?;
    stage.add(Row {
        fault: "the server may not read the weights".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - cured.at),
        ..Row::default()
    });
    Ok(())
}

/// Ends the agent and has it forget which rungs it has tried, as if the fault before had not
/// been: a recovered condition forgets them only after a while.
pub(super) const FORGETS: &str =
    "systemctl stop saigak-agent.service && find /var/lib/saigak-agent -type f -delete";

/// Like [`Stage::play`], without the repair by hand: it is that of the fault before.
async fn heal(stage: &Stage, guest: &Guest, fault: &Fault) -> Result<()> {
    let mark = guest.mark();
    guest.sh(FORGETS).await?;
    guest.sh("systemctl start saigak-agent.service").await?;
    guest.until_ready(mark.at, FIRST_READY).await?;
    stage.say(&format!("breaks: {}", fault.what));
    let row = super::fault::heal(guest, fault).await.with_context(|| fault.what.to_owned())?;
    stage.add(row);
    Ok(())
}
