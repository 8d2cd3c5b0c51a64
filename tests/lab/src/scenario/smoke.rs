//! What a client beyond an address translation meets, and the agent cannot see: `saigakctl smoke`
//! must say so while the agent truly says Ready.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::stage::Stage;
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::net::SERVICE;
use crate::net::client::{ALIAS, DIMENSION, OLLAMA_PORT};
use crate::net::outside::Outside;
use crate::net::watch::Watch;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "smoke",
    story: "The way to a Ready guest is cut outside of it: a smoke test contradicts, by its layer",
    needs: Needs::AnyServer,
    shows: &["OllamaRunning/UnitMasked"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// How the gateway cuts the way to the server, and no other.
enum Cut {
    /// By a verdict on what is forwarded.
    Block(&'static str),
    /// Its translation is gone.
    Forget,
}

const REFUSED: &str = "reject with tcp reset";

/// What is cut, how, and the layer at which a client must see it.
const CUTS: &[(&str, Cut, &str)] = &[
    ("the port dropped on the way", Cut::Block("drop"), "timed out"),
    ("the port refused on the way", Cut::Block(REFUSED), "refused"),
    ("the port's translation gone", Cut::Forget, "route"),
];

/// The server is down, and stays so. A unit in /etc cannot be masked by a link beside it.
const MASKED: &str = "systemctl stop ollama.service && \
    mv /etc/systemd/system/ollama.service /root/ && systemctl mask ollama.service";
const SEEN: Duration = Duration::from_secs(30);
/// To a client that asks every second.
const TOLD: Duration = Duration::from_mins(1);

/// As `saigakctl` counts.
const WELL: i32 = 0;
const UNREACHABLE: i32 = 2;

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let root = stage.lab.bare.last().context("no root to take nft from")?;
    let outside = Outside::join(&guest.gateway, root).await?;
    expect_served(stage, &outside).await.context("the way is open")?;
    let mark = guest.mark();
    for (what, cut, layer) in CUTS {
        stage.say(&format!("breaks: {what}"));
        let begin = tokio::time::Instant::now();
        match cut {
            Cut::Block(verdict) => outside.block(verdict).await?,
            Cut::Forget => outside.forget().await?,
        }
        contradicts(stage, &outside, layer).await.with_context(|| (*what).to_owned())?;
        let seen = Some(begin.elapsed());
        outside.open().await?;
        expect_served(stage, &outside).await.with_context(|| format!("{what}, and mended"))?;
        stage.add(Row { fault: (*what).into(), seen, ..Row::default() });
    }
    let mut watch = watch(stage, &outside)?;
    keep(stage, &mut watch, "smoke-well", (true, true)).await?;
    stage.say("breaks: the port refused on the way, for a client that goes on asking");
    outside.block(REFUSED).await?;
    keep(stage, &mut watch, "smoke-contradicted", (false, true)).await?;
    outside.open().await?;
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "nothing was wrong in the guest, and it was not ready: {lapse:?}");
    guest.expect_repairs(&mark, &[])?;
    agrees_where_the_guest_is_ill(stage, &guest, &outside).await?;
    keep(stage, &mut watch, "smoke-unready", (false, false)).await
}

/// A client is served, and the agent says so.
async fn expect_served(stage: &Stage, outside: &Outside<'_>) -> Result<()> {
    let report = smoke(stage, outside, WELL).await?;
    ensure!(report["readiness"]["agrees"] == true, "{report:#}");
    Ok(())
}

/// The client is cut off at this layer, and the agent cannot know.
async fn contradicts(stage: &Stage, outside: &Outside<'_>, layer: &str) -> Result<()> {
    let report = smoke(stage, outside, UNREACHABLE).await?;
    let failure = &report["failure"];
    ensure!(failure["step"] == "connection" && failure["layer"] == layer, "{report:#}");
    let readiness = &report["readiness"];
    ensure!(readiness["ready"] == true && readiness["agrees"] == false, "{report:#}");
    Ok(())
}

/// What is wrong in the guest itself is no contradiction.
async fn agrees_where_the_guest_is_ill(
    stage: &Stage,
    guest: &Guest,
    outside: &Outside<'_>,
) -> Result<()> {
    stage.say("breaks: the server, in the guest");
    let mark = guest.mark();
    guest.sh(MASKED).await?;
    guest.expect(&mark, "OllamaRunning", "False", "UnitMasked", SEEN).await?;
    let report = smoke(stage, outside, UNREACHABLE).await?;
    ensure!(report["failure"]["layer"] == "refused", "{report:#}");
    let readiness = &report["readiness"];
    ensure!(readiness["ready"] == false && readiness["agrees"] == true, "{report:#}");
    let why = readiness["why"].as_str().unwrap_or_default();
    ensure!(why.starts_with("OllamaRunning/UnitMasked"), "{report:#}");
    Ok(())
}

/// One pass, which must end so.
async fn smoke(stage: &Stage, outside: &Outside<'_>, expected: i32) -> Result<Value> {
    let program = &stage.lab.run.plan.equipment.saigakctl;
    let ran = outside.run(program, &asked(&["--within=0", "--format=json"])).await?;
    let said = || format!("smoke ended with {}: {}{}", ran.code, ran.stdout, ran.stderr);
    ensure!(ran.code == expected, said());
    serde_json::from_str(&ran.stdout).with_context(said)
}

/// The same over and over, as a Deployment in the cluster does it.
fn watch<'a>(stage: &Stage, outside: &'a Outside<'_>) -> Result<Watch<'a>> {
    let program = &stage.lab.run.plan.equipment.saigakctl;
    outside.watch(program, &asked(&["--every=1"]))
}

/// What is asked for, and how.
fn asked(how: &[&str]) -> Vec<String> {
    let url = format!("http://{SERVICE}:{OLLAMA_PORT}");
    let model = format!("--model={ALIAS}");
    let dimension = format!("--dimension={DIMENSION}");
    let mut all = vec!["smoke".to_owned(), url, model, dimension, "--ready".to_owned()];
    all.extend(how.iter().map(|option| (*option).to_owned()));
    all
}

/// Keeps what Prometheus gets once a client is served, or not, and the agent says ready, or not.
async fn keep(
    stage: &Stage,
    watch: &mut Watch<'_>,
    name: &str,
    (served, ready): (bool, bool),
) -> Result<()> {
    let says = [("served", served), ("ready", ready), ("agrees", served == ready)]
        .map(|(metric, holds)| format!("saigak_smoke_{metric} {}\n", u8::from(holds)));
    let scrape = watch.until(&says, TOLD).await.with_context(|| name.to_owned())?;
    stage.keep_scrape(name, &scrape)
}
