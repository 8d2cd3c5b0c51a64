//! Names that do not resolve, while everything else is well.

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
    name: "dns",
    story: "DNS is dead while the address is fine: clients are served, and no pull is wasted",
    needs: Needs::AnyServer,
    shows: &["NamesResolve/NotResolved", "NamesResolve/Proxied", "NamesResolve/Resolved"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Two rounds of the looks at a name that does not resolve.
const SEEN: Duration = Duration::from_secs(25);
/// From then on, a pull included.
const HEALED: Duration = Duration::from_mins(2);

const PROXY: &str = "mkdir -p /run/systemd/system/ollama.service.d && \
    printf '[Service]\\nEnvironment=HTTPS_PROXY=http://proxy.invalid:3128\\n' \
    > /run/systemd/system/ollama.service.d/90-proxy.conf && systemctl daemon-reload";
const NO_PROXY: &str =
    "rm /run/systemd/system/ollama.service.d/90-proxy.conf && systemctl daemon-reload";
/// The same for every service.
const PROXY_FOR_ALL: &str = "systemctl set-environment HTTPS_PROXY=http://proxy.invalid:3128";
const NO_PROXY_FOR_ALL: &str = "systemctl unset-environment HTTPS_PROXY";

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let server = guest.invocation("ollama.service").await?;
    stage.say("breaks: the DNS server is gone, and the agent starts anew");
    let mark = guest.mark();
    guest.gateway.dns.stop().await?;
    guest.sh("systemctl restart saigak-agent.service").await?;
    let seen = guest.expect(&mark, "NamesResolve", "False", "NotResolved", SEEN).await?;
    guest.until_ready(mark.at, FIRST_READY).await?;

    stage.say("the server is told of a proxy: who resolves names is not the guest's matter then");
    for (proxy, no_proxy) in [(PROXY, NO_PROXY), (PROXY_FOR_ALL, NO_PROXY_FOR_ALL)] {
        let told = guest.mark();
        guest.sh(proxy).await?;
        guest.expect(&told, "NamesResolve", "Unknown", "Proxied", SEEN).await?;
        let alone = guest.mark();
        guest.sh(no_proxy).await?;
        guest.expect(&alone, "NamesResolve", "False", "NotResolved", SEEN).await?;
    }

    stage.say("breaks: the model is deleted meanwhile");
    let deleted = guest.mark();
    guest.sh(MODEL_DELETED.breaks).await?;
    guest.expect(&deleted, "ModelPresent", "False", "Missing", SEEN).await?;
    guest.quiet(Duration::from_secs(6)).await?;
    guest.expect_repairs(&deleted, &[])?;
    serves(&guest).await?;

    stage.say("the DNS server is back");
    let back = guest.mark();
    guest.gateway.dns.start().await?;
    guest.expect(&back, "NamesResolve", "True", "Resolved", SEEN).await?;
    let whole = |report: &Report| {
        report.ready && report.condition("ModelPresent").is_some_and(|found| found.status == "True")
    };
    let healed = guest.wait(back.at, HEALED, "Ready, with ModelPresent True", whole).await?.at;
    guest.expect_repairs(&mark, &["model/Pull"])?;
    let lapse = guest.timeline.since(deleted.at).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "names that do not resolve made the guest unready: {lapse:?}");
    ensure!(guest.invocation("ollama.service").await? == server, "Ollama was restarted for it");
    stage.add(Row {
        fault: "DNS dead and model deleted, then DNS back".into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - back.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    });
    Ok(())
}

async fn serves(guest: &Guest) -> Result<()> {
    let last = guest.timeline.last().context("no report")?;
    ensure!(last.ready, "not ready: {last}");
    ensure!(last.next.contains("pulls wait for it"), "the next step is {:?}", last.next);
    guest.client_embed().await.map(drop)
}
