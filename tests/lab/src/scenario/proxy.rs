//! Proxies in the environment: of the agent, and of the server.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::model::MODEL_DELETED;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::guest::report::Report;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "proxy",
    story: "The whole guest is told to use a proxy that is not there: what stays in the guest \
            uses none, and what the server cannot pull is named",
    needs: Needs::AnyServer,
    shows: &["ModelPresent/PullFailed"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// An address that nobody has (RFC 5737): a request through it would never be answered.
const BLACK_HOLE: &str = "mkdir -p /etc/systemd/system/saigak-agent.service.d && \
    for name in http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY; do \
    printf '[Service]\\nEnvironment=%s=http://192.0.2.1:3128\\n' $name \
    > /etc/systemd/system/saigak-agent.service.d/$name.conf || exit; done && \
    systemctl daemon-reload && systemctl restart saigak-agent.service";

const CLOSED_PORT: &str = "mkdir -p /etc/systemd/system/ollama.service.d && \
    printf '[Service]\\nEnvironment=HTTPS_PROXY=http://127.0.0.1:9\\n' \
    > /etc/systemd/system/ollama.service.d/proxy.conf && \
    systemctl daemon-reload && systemctl restart ollama.service";
const NO_PROXY: &str = "rm /etc/systemd/system/ollama.service.d/proxy.conf && \
    systemctl daemon-reload && systemctl restart ollama.service";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.say("breaks: the agent's environment names a proxy that never answers");
    let last = guest.timeline.last().context("no report")?;
    let mark = guest.mark();
    guest.sh(BLACK_HOLE).await?;
    let again = guest.until_another_agent(mark.at, &last, FIRST_READY).await?;
    let ready = guest.until_ready(again.at, FIRST_READY).await?;
    guest.sh("http_proxy=http://192.0.2.1:3128 saigak-agent ready").await?;
    guest.expect_repairs(&mark, &[])?;
    stage.add(Row {
        fault: "a proxy that never answers in the agent's environment".into(),
        healed: Some(ready - mark.at),
        ..Row::default()
    });
    of_the_server(stage, &guest).await
}

async fn of_the_server(stage: &Stage, guest: &Guest) -> Result<()> {
    stage.say("breaks: the server's environment names a proxy that is not there");
    let mark = guest.mark();
    guest.sh(CLOSED_PORT).await?;
    let serves = guest.until_ready(mark.at, FIRST_READY).await?;
    guest.sh(MODEL_DELETED.breaks).await?;
    let named = |report: &Report| {
        report.condition("ModelPresent").is_some_and(|condition| {
            let says = |words: &str| condition.message.contains(words);
            condition.reason == "PullFailed"
                && says("proxyconnect tcp: dial tcp 127.0.0.1:9: connect: connection refused")
                && says("a proxy in the server's environment")
        })
    };
    let limit = Duration::from_secs(30);
    let seen =
        guest.wait(serves, limit, "ModelPresent/PullFailed to name the proxy", named).await?;
    let lapse = guest.timeline.since(serves).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "a pull that failed made a serving guest unready");
    let cured = guest.mark();
    guest.sh(NO_PROXY).await?;
    let good = |report: &Report| {
        let present = report.condition("ModelPresent").is_some_and(|found| found.status == "True");
        report.ready && present
    };
    let healed = guest.wait(cured.at, FIRST_READY, "Ready, with ModelPresent True", good).await?;
    let tried = guest.timeline.repairs_since(&mark);
    let foreign = tried.iter().find(|repair| repair.remedy != "model/Pull");
    ensure!(foreign.is_none(), "a proxy led to {foreign:?}");
    stage.add(Row {
        fault: "a proxy that is not there in the server's environment".into(),
        seen: Some(seen.at - serves),
        healed: Some(healed.at - cured.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}
