//! A model that stays in memory, whatever its clients ask for.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::timeline::Mark;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "warm",
    story: "Clients ask for the model to be unloaded, again and again: it is kept, without a fight",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// The administrator's own: models go after three seconds without a request.
const SHORT: &str = "mkdir -p /etc/systemd/system/ollama.service.d && \
    printf '[Service]\\nEnvironment=OLLAMA_KEEP_ALIVE=3s\\n' \
    > /etc/systemd/system/ollama.service.d/keep.conf && \
    systemctl daemon-reload && systemctl restart ollama.service";

/// Loaded for ever: until 2319, by the server's word.
const PINNED: &str = "curl --silent --show-error --fail http://127.0.0.1:11434/api/ps \
    | grep --quiet '\"expires_at\":\"23'";

/// A client that has the model go three seconds after its request.
const BRIEFLY: &str = "curl --silent --show-error --fail --output /dev/null \
    http://127.0.0.1:11434/api/embed --data \
    '{\"model\":\"qwen3-embedding-saigak:0.6b\",\"input\":\"x\",\"keep_alive\":\"3s\"}'";

/// Thirty requests, each of which unloads the model; prints how often it was loaded: each time by
/// another process.
const LOOP: &str = "main=$(systemctl show -P MainPID ollama.service) && \
    (while test ! -e /run/over; do pgrep --parent $main; sleep 0.05; done | sort --unique \
    > /run/runners) & \
    for number in $(seq 30); do curl --silent --show-error --fail --output /dev/null \
    http://127.0.0.1:11434/api/embed --data \
    '{\"model\":\"qwen3-embedding-saigak:0.6b\",\"input\":\"x\",\"keep_alive\":0}' || exit 1; \
    sleep 0.3; done; touch /run/over; wait; wc --lines < /run/runners; rm /run/over";

/// Until the next proof, the pin that is due by then, and some load.
const LIMIT: Duration = Duration::from_mins(1);

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let mark = guest.mark();
    guest.sh(SHORT).await?;
    let restarted = |report: &crate::guest::report::Report| !report.ready;
    let lapse = guest.wait(mark.at, LIMIT, "the restart", restarted).await?.at;
    guest.until_ready(lapse, FIRST_READY).await?;
    pinned(&guest).await.context("after the restart")?;

    stage.say("breaks: a client has the model go after three seconds");
    let mark = guest.mark();
    guest.sh(BRIEFLY).await?;
    let unpinned = guest.try_sh(PINNED).await?;
    ensure!(unpinned.code != 0, "the client's request changed nothing");
    pinned(&guest).await?;
    let taken = mark.at.elapsed();
    served(&guest, &mark)?;
    stage.add(Row {
        fault: "a client has the model unloaded after 3 s".into(),
        healed: Some(taken),
        ..Row::default()
    });

    stage.say("breaks: a client has the model unloaded with each of its requests");
    let mark = guest.mark();
    let finished = guest.sh_within(LOOP, Duration::from_mins(3)).await?;
    let loads: u32 = finished.stdout.trim().parse().context("no number of loads")?;
    stage.say(&format!("30 requests that unload it, {loads} loads"));
    // Each of them unloads what it, or a proof, has loaded.
    ensure!((2..=31).contains(&loads), "{loads} loads for 30 requests that unload the model");
    pinned(&guest).await?;
    served(&guest, &mark)?;
    stage.add(Row {
        fault: format!("a client has the model unloaded 30 times: {loads} loads"),
        ..Row::default()
    });
    not_pinned(stage, &guest).await
}

/// Who does not want that switches it off.
async fn not_pinned(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("changes: the model is not to be pinned");
    guest.sh("mkdir -p /etc/saigak-agent/conf.d").await?;
    guest.write_file("/etc/saigak-agent/conf.d/50-lab.toml", "[model]\npinned = false\n")?;
    let mark = guest.mark();
    guest.sh("systemctl reload saigak-agent.service && systemctl restart ollama.service").await?;
    let restarted = |report: &crate::guest::report::Report| !report.ready;
    let lapse = guest.wait(mark.at, LIMIT, "the restart", restarted).await?.at;
    let ready = guest.until_ready(lapse, FIRST_READY).await?;
    // Long enough for more than one pin.
    guest.watch(Duration::from_secs(45)).await;
    let pinned = guest.try_sh(PINNED).await?;
    ensure!(pinned.code != 0, "a model is pinned that was not to be");
    let lapse = guest.timeline.since(ready).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "the guest was not ready for a while: {lapse:?}");
    stage.add(Row { fault: "a model that is not pinned".into(), ..Row::default() });
    Ok(())
}

async fn pinned(guest: &Guest) -> Result<()> {
    let until = format!("until {PINNED}; do sleep 0.2; done");
    guest.sh_within(&until, LIMIT).await.context("the model is not pinned").map(drop)
}

/// Fails where the guest was not ready at any moment since then, or something was repaired.
fn served(guest: &Guest, mark: &Mark) -> Result<()> {
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "the guest was not ready for a while: {lapse:?}");
    guest.expect_repairs(mark, &[])
}
