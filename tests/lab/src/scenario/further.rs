//! Models beside the first.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;
use crate::guest::timeline::Mark;
use crate::net::client::AGENT_PORT;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "further",
    story: "Two more models, one of them optional: the one is served and repaired, and nothing of \
            the first is touched; the other cannot be had, which is told and makes nobody unready",
    needs: Needs::StandIn,
    shows: &[
        "FurtherModelsServed/Served",
        "FurtherModelsServed/NotPulled",
        "FurtherModelsServed/AliasNotAsDeclared",
        "FurtherModelsServed/OtherModel",
        "FurtherModelsServed/NotProven",
        "OptionalModelsServed/Served",
        "OptionalModelsServed/NotPulled",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// The weights of the first model, with half as many dimensions in their header: a key of 22
/// bytes, a type of 4, and a number of 4, the least first.
const HALVED: &str = "set -e; umask 022; mkdir --parents /srv/half; cd /srv/half; \
    cp $(find /var/lib/ollama/blobs -type f -size +1M) model.gguf; \
    at=$(grep --only-matching --byte-offset --text qwen3.embedding_length model.gguf \
    | head --lines=1 | cut --delimiter=: --fields=1); \
    printf '\\000\\002' | dd of=model.gguf bs=1 seek=$((at + 26)) conv=notrunc status=none; \
    chmod --recursive a+rX /srv";

const ALIAS: &str = "half-saigak:1";

/// Where settings besides the guest's own are.
const SETTINGS: &str = "/etc/saigak-agent/conf.d/50-lab.toml";

const DELETED: &str = "curl --silent --show-error --fail --request DELETE \
    http://127.0.0.1:11434/api/delete --data '{\"model\":\"half-saigak:1\"}'";

const LIMIT: Duration = Duration::from_mins(1);

/// Two further models: `half` has so many dimensions, and the optional one comes from there.
fn settings(dimension: usize, optional: &str) -> String {
    format!(
        "[[models]]\nsource = \"half:1\"\nsources = [\"/srv/half\"]\nalias = \"{ALIAS}\"\n\
         dimension = {dimension}\n\n\
         [[models]]\nsource = \"absent:1\"\nsources = [\"{optional}\"]\n\
         alias = \"absent-saigak:1\"\ndimension = 512\nrequired = false\n"
    )
}

async fn configure(guest: &Guest, settings: &str) -> Result<Mark> {
    guest.sh("mkdir -p /etc/saigak-agent/conf.d").await?;
    guest.write_file(SETTINGS, settings)?;
    let mark = guest.mark();
    guest.sh("systemctl reload saigak-agent.service").await?;
    Ok(mark)
}

fn is(report: &Report, condition: &str, reason: &str) -> bool {
    report.condition(condition).is_some_and(|found| found.reason == reason)
}

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.sh(HALVED).await?;

    stage.say("changes: a second model is required, a third is optional and nowhere to be had");
    let mark = configure(&guest, &settings(512, "absent:1")).await?;
    let missing = "FurtherModelsServed";
    let unready = guest.expect(&mark, missing, "False", "NotPulled", LIMIT).await?;
    let ready = both_served(&guest, unready).await?;
    let told = |report: &Report| report.ready && is(report, "OptionalModelsServed", "NotPulled");
    guest.wait(ready, LIMIT, "Ready, and the optional model told", told).await?;
    row(stage, &guest, "a second model is required", &mark, ready);

    stage.say("breaks: the second model's alias is deleted");
    let mark = guest.mark();
    guest.sh(DELETED).await?;
    let seen =
        guest.expect(&mark, "FurtherModelsServed", "False", "AliasNotAsDeclared", LIMIT).await?;
    let healed = both_served(&guest, seen).await?;
    untouched(&guest, &mark)?;
    row(stage, &guest, "the second model's alias deleted", &mark, healed);

    stage.say("breaks: the server is restarted");
    let mark = guest.mark();
    guest.sh("systemctl restart ollama.service").await?;
    let seen = guest.expect(&mark, "FurtherModelsServed", "Unknown", "NotProven", LIMIT).await?;
    let healed = both_served(&guest, seen).await?;
    row(stage, &guest, "the server restarted, two models to prove", &mark, healed);

    stage.say("breaks: the second model is declared with other dimensions");
    let mark = configure(&guest, &settings(256, "absent:1")).await?;
    let seen = guest.expect(&mark, "FurtherModelsServed", "False", "OtherModel", LIMIT).await?;
    let unready = guest.wait(seen, LIMIT, "the guest to be unready", |report| !report.ready);
    unready.await?;

    stage.say("heals: it is declared as it is, and the third can be had");
    let mark = configure(&guest, &settings(512, "/srv/half")).await?;
    let good = |report: &Report| report.ready && is(report, "OptionalModelsServed", "Served");
    let healed = guest.wait(mark.at, FIRST_READY, "Ready, with all models", good).await?.at;
    guest.client_embed_by("absent-saigak:1", 512).await?;
    both_served(&guest, healed).await?;
    metrics(&guest).await
}

/// Waits until the guest is ready with both, and asks each. When it was.
async fn both_served(guest: &Guest, since: Instant) -> Result<Instant> {
    let good = |report: &Report| report.ready && is(report, "FurtherModelsServed", "Served");
    let ready = guest.wait(since, FIRST_READY, "Ready, with both models", good).await?.at;
    guest.client_embed().await.context("Ready was a lie: the first model")?;
    guest.client_embed_by(ALIAS, 512).await.context("Ready was a lie: the second model")?;
    Ok(ready)
}

/// Fails where anything was done to the first model since then, or it was not served.
fn untouched(guest: &Guest, mark: &Mark) -> Result<()> {
    let repairs = guest.timeline.repairs_since(mark);
    let of_first = repairs.iter().find(|repair| !repair.remedy.starts_with("further/"));
    ensure!(of_first.is_none(), "more was done than needed: {of_first:?}");
    let created = repairs.iter().any(|repair| {
        repair.remedy == "further/CreateAlias" && repair.result.as_deref() == Some("Succeeded")
    });
    ensure!(created, "the alias was not created by the agent: {repairs:?}");
    for condition in ["ModelPresent", "AliasPresent", "EmbeddingCorrect"] {
        let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| {
            seen.report.condition(condition).is_none_or(|found| found.status != "True")
        });
        ensure!(lapse.is_none(), "{condition} did not hold for a while: {lapse:?}");
    }
    Ok(())
}

/// Each model has its line.
async fn metrics(guest: &Guest) -> Result<()> {
    let answer = guest.get(AGENT_PORT, "/metrics").await?;
    for (model, required) in [(ALIAS, "true"), ("absent-saigak:1", "false")] {
        let line = format!(
            "saigak_model_served{{model=\"{model}\",required=\"{required}\",status=\"True\"}} 1"
        );
        ensure!(answer.body.lines().any(|found| found == line), "no {line} in {}", answer.body);
    }
    Ok(())
}

fn row(stage: &Stage, guest: &Guest, fault: &str, mark: &Mark, healed: Instant) {
    stage.add(Row {
        fault: fault.into(),
        healed: Some(healed - mark.at),
        remedies: guest.remedies(mark),
        ..Row::default()
    });
}
