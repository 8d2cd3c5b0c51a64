//! Models from elsewhere than the public registry.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::model::BOTH_DELETED;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;
use crate::guest::template::SOURCE;
use crate::guest::timeline::Mark;
use crate::net::{MIRROR, REGISTRY};

/// See the story.
pub(super) const MIRRORED: Scenario = Scenario {
    name: "mirror",
    story: "The registry has lost the model, its mirror has it; then neither has, and both are \
            named; while the registry is well the mirror is not asked",
    needs: Needs::AnyServer,
    shows: &["ModelPresent/PullFailed", "NamesResolve/Resolved"],
    play: |stage| -> Playing<'_> { Box::pin(mirrored(stage)) },
};

/// See the story.
pub(super) const AIR_GAPPED: Scenario = Scenario {
    name: "air-gapped",
    story: "No registry and no DNS: the model comes from a GGUF file, and from an exported tree; \
            a damaged one is named, and never served",
    needs: Needs::AnyServer,
    shows: &["NamesResolve/NotNeeded", "ModelPresent/PullFailed", "ModelPresent/DigestMismatch"],
    play: |stage| -> Playing<'_> { Box::pin(air_gapped(stage)) },
};

/// Settings besides the guest's own.
const SETTINGS: &str = "/etc/saigak-agent/conf.d/50-lab.toml";

const LIMIT: Duration = Duration::from_mins(1);

/// New settings for an agent that remembers nothing: no pause from the case before.
async fn configure(guest: &Guest, settings: &str) -> Result<Mark> {
    guest.sh("mkdir -p /etc/saigak-agent/conf.d").await?;
    guest.write_file(SETTINGS, settings)?;
    let mark = guest.mark();
    guest.sh("systemctl restart saigak-agent.service").await?;
    guest.until_ready(mark.at, FIRST_READY).await?;
    Ok(mark)
}

/// Deletes model and alias, and has the agent bring them back at once.
async fn brought_back(stage: &Stage, guest: &Guest, what: &str) -> Result<()> {
    stage.say(&format!("breaks: model and alias deleted; {what}"));
    let mark = guest.mark();
    guest.sh(BOTH_DELETED.breaks).await?;
    let missing = |report: &Report| !report.ready;
    let seen = guest.wait(mark.at, LIMIT, "the guest to be unready", missing).await?.at;
    let good = |report: &Report| {
        report.ready && report.condition("ModelPresent").is_some_and(|found| found.status == "True")
    };
    let healed = guest.wait(seen, FIRST_READY, "Ready, with ModelPresent True", good).await?.at;
    guest.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
    guest.expect_repairs(&mark, &["model/Pull", "model/CreateAlias"])?;
    stage.add(Row {
        fault: what.into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}

/// Deletes model and alias, and waits until the message of `ModelPresent` says all of that.
async fn fails(guest: &Guest, reason: &str, says: &[&str]) -> Result<()> {
    let mark = guest.mark();
    guest.sh(BOTH_DELETED.breaks).await?;
    let told = |report: &Report| {
        report.condition("ModelPresent").is_some_and(|found| {
            found.reason == reason && says.iter().all(|words| found.message.contains(words))
        })
    };
    let what = format!("ModelPresent/{reason} to say {says:?}");
    guest.wait(mark.at, LIMIT, &what, told).await?;
    ensure!(guest.client_embed().await.is_err(), "something is served that never came whole");
    let unready = guest.wait(mark.at, LIMIT, "the guest to be unready", |report| !report.ready);
    let unready = unready.await?.at;
    let ready = guest.timeline.since(unready).into_iter().find(|seen| seen.report.ready);
    ensure!(ready.is_none(), "ready without a model");
    Ok(())
}

async fn healed(guest: &Guest) -> Result<()> {
    let mark = guest.mark();
    guest.until_ready(mark.at, FIRST_READY).await?;
    guest.client_embed().await.context("Ready was a lie: a client gets no embedding").map(drop)
}

async fn mirrored(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let mirror = format!("{MIRROR}/library/{SOURCE}");
    configure(&guest, &format!("[model]\nsources = [\"{SOURCE}\", \"{mirror}\"]\n")).await?;

    brought_back(stage, &guest, "the registry and its mirror are well").await?;
    let names = guest.models().await?;
    ensure!(!names.contains(&mirror), "the mirror was asked: {names:?}");

    let lost = format!("{{\"host\": \"{REGISTRY}\", \"status\": 404}}");
    guest.gateway.spoil_registry(&lost)?;
    brought_back(stage, &guest, "the registry has lost it, its mirror has it").await?;
    let names = guest.models().await?;
    ensure!(names.contains(&mirror), "the mirror was not asked: {names:?}");

    stage.say("breaks: neither has it");
    let unmirrored = "curl --silent --show-error --fail --request DELETE \
        http://127.0.0.1:11434/api/delete --data";
    guest.sh(&format!("{unmirrored} '{{\"model\":\"{mirror}\"}}'")).await?;
    guest.gateway.spoil_registry(r#"{"status": 404}"#)?;
    let own = format!("{SOURCE}: pull model manifest: file does not exist; {mirror}: ");
    fails(&guest, "PullFailed", &[&own, "the registry has no such model"]).await?;
    guest.gateway.spoil_registry("{}")?;
    healed(&guest).await
}

/// The weights as a GGUF file, the store as a tree, and what is neither. Prints their SHA-256.
const EXPORTED: &str = "set -e; umask 022; mkdir --parents /srv/tree /srv/gguf /srv/bad; \
    cp --recursive /var/lib/ollama/blobs /var/lib/ollama/manifests /srv/tree; \
    weights=$(find /srv/tree/blobs -type f -size +1M -printf %f | cut --characters=8-71); \
    cp /srv/tree/blobs/sha256-$weights /srv/gguf/model.gguf; \
    echo '<html>' > /srv/bad/model.gguf; chmod --recursive a+rX /srv; echo $weights";

/// Turns one byte of the weights in the tree.
const SPOILED: &str = "printf x | dd of=/srv/tree/blobs/sha256-WEIGHTS bs=1 seek=1000000 \
    conv=notrunc status=none";

/// The model has another name, as it has right after an import.
const OFFERED: &str = "curl --silent --show-error --fail http://127.0.0.1:11434/api/copy --data \
    '{\"source\":\"qwen3-embedding:0.6b\",\
    \"destination\":\"127.0.0.1:9/saigak-agent/qwen3-embedding:0.6b\"}'";

const OF_SOURCE: &str = "manifests/registry.ollama.ai/library/qwen3-embedding/0.6b";

/// Fails where the server has a name that means nothing any more.
async fn nothing_is_offered(guest: &Guest) -> Result<()> {
    let names = guest.models().await?;
    let offered = names.iter().find(|name| name.starts_with("127."));
    ensure!(offered.is_none(), "what files were offered as is left: {names:?}");
    Ok(())
}

async fn air_gapped(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let weights = guest.sh(EXPORTED).await?.trim().to_owned();
    stage.say("the registry and DNS are away");
    guest.gateway.registry.stop().await?;
    guest.gateway.dns.stop().await?;
    let settings = |sources: &str| {
        let stall = "pull_stall_seconds = 20\n";
        format!("[model]\nsources = [{sources}]\nweights = \"{weights}\"\n{stall}")
    };

    let mark = configure(&guest, &settings("\"/srv/absent\", \"/srv/gguf\"")).await?;
    guest.expect(&mark, "NamesResolve", "True", "NotNeeded", LIMIT).await?;
    brought_back(stage, &guest, "a directory has the weights as a GGUF file").await?;

    configure(&guest, &settings("\"/srv/tree\"")).await?;
    brought_back(stage, &guest, "an exported tree of models has it").await?;
    guest.sh(&format!("cmp /srv/tree/{OF_SOURCE} /var/lib/ollama/{OF_SOURCE}")).await?;
    nothing_is_offered(&guest).await?;

    stage.say("breaks: the agent is killed before it has deleted what it offered the files as");
    let (mark, last) = (guest.mark(), guest.timeline.last().context("no report")?);
    guest.sh(&format!("{OFFERED} && systemctl kill --signal=KILL saigak-agent.service")).await?;
    let again = guest.until_another_agent(mark.at, &last, FIRST_READY).await?;
    guest.until_ready(again.at, FIRST_READY).await?;
    nothing_is_offered(&guest).await?;
    guest.expect_repairs(&mark, &[])?;

    stage.say("breaks: what is there is no GGUF file, and another path is empty");
    configure(&guest, &settings("\"/srv/bad\", \"/srv/absent\"")).await?;
    let none = "/srv/bad: /srv/bad/model.gguf: this is no GGUF file; /srv/absent: No such file";
    fails(&guest, "PullFailed", &[none]).await?;
    guest.write_file(SETTINGS, settings("\"/srv/gguf\""))?;
    guest.sh("systemctl reload saigak-agent.service").await?;
    healed(&guest).await?;

    stage.say("breaks: one byte of the weights in the tree is another");
    configure(&guest, &settings("\"/srv/tree\", \"/srv/absent\"")).await?;
    guest.sh(&SPOILED.replace("WEIGHTS", &weights)).await?;
    fails(&guest, "DigestMismatch", &["/srv/tree: digest mismatch"]).await?;
    guest.sh(&format!("cp /srv/gguf/model.gguf /srv/tree/blobs/sha256-{weights}")).await?;
    healed(&guest).await
}
