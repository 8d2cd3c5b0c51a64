//! The model and its alias.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::fault::Fault;
use super::stage::Stage;
use super::table::Row;
use super::twin::Follower;
use super::{Needs, Playing, Scenario};
use crate::guest::template::SOURCE;
use crate::net::client::ALIAS;

/// See the story.
pub(super) const MODEL: Scenario = Scenario {
    name: "model",
    story: "Somebody deleted the model, or the alias that clients ask for",
    needs: Needs::AnyServer,
    shows: &["AliasPresent/Missing", "ModelPresent/Missing", "ModelPresent/Pulling"],
    play: |stage| -> Playing<'_> { Box::pin(model(stage)) },
};

/// See the story.
pub(super) const REGISTRY: Scenario = Scenario {
    name: "registry",
    story: "Model and alias are gone and the registry is away: patience, then everything is back",
    needs: Needs::AnyServer,
    shows: &["ModelPresent/PullFailed"],
    play: |stage| -> Playing<'_> { Box::pin(registry(stage)) },
};

pub(crate) const ALIAS_DELETED: Fault = Fault {
    what: "alias deleted",
    why: "somebody tidied up a name that looked unused",
    breaks: "curl --silent --show-error --fail --request DELETE \
        http://127.0.0.1:11434/api/delete --data '{\"model\":\"qwen3-embedding-saigak:0.6b\"}'",
    condition: "AliasPresent",
    reasons: &["Missing"],
    remedies: &[&["model/CreateAlias"]],
    by_hand: "curl --silent --show-error --fail http://127.0.0.1:11434/api/create --data \
        '{\"model\":\"qwen3-embedding-saigak:0.6b\",\"from\":\"qwen3-embedding:0.6b\",\
        \"template\":\"{{ .Prompt }}\",\"parameters\":{\"num_ctx\":4096},\"stream\":false}'",
    keeps_data: false,
    seen_within: Duration::from_secs(45),
    healed_within: Duration::from_mins(1),
};

/// The alias still serves: this must not make the guest unready.
pub(super) const MODEL_DELETED: Fault = Fault {
    what: "model deleted, alias kept",
    why: "somebody saw two names of one size and deleted one",
    breaks: "curl --silent --show-error --fail --request DELETE \
        http://127.0.0.1:11434/api/delete --data '{\"model\":\"qwen3-embedding:0.6b\"}'",
    condition: "ModelPresent",
    reasons: &["Missing", "Pulling"],
    remedies: &[&["model/Pull"]],
    by_hand: "curl --silent --show-error --fail http://127.0.0.1:11434/api/pull --data \
        '{\"model\":\"qwen3-embedding:0.6b\",\"stream\":false}'",
    keeps_data: false,
    seen_within: Duration::from_secs(45),
    healed_within: Duration::from_mins(5),
};

pub(crate) const BOTH_DELETED: Fault = Fault {
    what: "model and alias deleted",
    why: "somebody cleared the disk to make room",
    breaks: "for name in qwen3-embedding-saigak:0.6b qwen3-embedding:0.6b; do \
        curl --silent --show-error --fail --request DELETE \
        http://127.0.0.1:11434/api/delete --data \"{\\\"model\\\":\\\"$name\\\"}\" || exit; done",
    condition: "AliasPresent",
    reasons: &["Missing"],
    remedies: &[&["model/Pull", "model/CreateAlias"]],
    by_hand: "curl --silent --show-error --fail http://127.0.0.1:11434/api/pull --data \
        '{\"model\":\"qwen3-embedding:0.6b\",\"stream\":false}' && \
        curl --silent --show-error --fail http://127.0.0.1:11434/api/create --data \
        '{\"model\":\"qwen3-embedding-saigak:0.6b\",\"from\":\"qwen3-embedding:0.6b\",\
        \"template\":\"{{ .Prompt }}\",\"parameters\":{\"num_ctx\":4096},\"stream\":false}'",
    keeps_data: false,
    seen_within: Duration::from_secs(45),
    healed_within: Duration::from_mins(5),
};

async fn model(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let server = guest.invocation("ollama.service").await?;
    stage.play(&guest, &ALIAS_DELETED).await?;
    let mark = guest.mark();
    stage.play(&guest, &MODEL_DELETED).await?;
    let first = guest.timeline.since(mark.at);
    let agent = first.first().map(|seen| seen.report.agent.started_at.clone());
    // Only the reports of the same agent: the repair by hand starts it anew.
    let lapse = first
        .iter()
        .filter(|seen| Some(&seen.report.agent.started_at) == agent.as_ref())
        .find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "a deleted source made a serving guest unready");
    stage.play(&guest, &BOTH_DELETED).await?;
    ensure!(guest.invocation("ollama.service").await? == server, "Ollama was restarted for it");
    Ok(())
}

const AWAY: &str = "the registry goes away for a while, model and alias are deleted";

async fn registry(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.say(&format!("breaks: {AWAY}"));
    let follower = Follower::begin(&guest, AWAY).await?;
    let mark = guest.mark();
    guest.gateway.registry.stop().await?;
    guest.sh(BOTH_DELETED.breaks).await?;
    let limit = Duration::from_secs(45);
    let seen = guest.expect(&mark, "AliasPresent", "False", "Missing", limit).await?;
    guest.expect(&mark, "ModelPresent", "False", "PullFailed", Duration::from_secs(90)).await?;
    // Long enough for an impatient agent to pull again and again.
    guest.watch(Duration::from_secs(30)).await;
    let tries = guest.timeline.repairs_since(&mark);
    ensure!(tries.len() <= 6, "a storm: {} repairs with the registry away", tries.len());
    let foreign = tries.iter().find(|repair| repair.remedy != "model/Pull");
    ensure!(foreign.is_none(), "a missing registry led to {foreign:?}");

    stage.say("the registry is back");
    let back = guest.mark();
    guest.gateway.start_registry().await?;
    let healed = guest.until_ready(back.at, Duration::from_mins(5)).await?;
    follower.end(&guest, ("ModelPresent", &["PullFailed"]), Some(back.at - mark.at)).await?;
    let names = guest.models().await?;
    for name in [SOURCE, ALIAS] {
        ensure!(names.iter().any(|listed| listed == name), "{name} is not among {names:?}");
    }
    stage.add(Row {
        fault: "model and alias deleted, registry away, then back".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - back.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}
