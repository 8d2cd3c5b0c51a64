//! A firewall in the guest. What it does to clients is not felt from inside: the guest's own
//! connections go over its loopback link, also those to its own address.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::stage::Stage;
use super::table::Row;
use super::twin::Follower;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;
use crate::net::client::OLLAMA_PORT;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "firewall",
    story: "A firewall drops the port: on the link, at the address, or for all. No restart helps",
    needs: Needs::AnyServer,
    shows: &["EndpointReachable/Filtered", "EndpointReachable/TimedOut", "OllamaServing/Filtered"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// A rule in a chain that every packet for the guest passes.
struct Wall {
    what: &'static str,
    rule: &'static str,
    /// Who must name it, as what.
    condition: &'static str,
    reason: &'static str,
    /// How long nothing must be done about it.
    untouched: Duration,
}

const WALLS: &[Wall] = &[
    Wall {
        what: "the port dropped on the link, which nobody feels inside",
        rule: "iifname enp1s0 tcp dport 11434 drop",
        condition: "EndpointReachable",
        reason: "Filtered",
        untouched: Duration::from_secs(6),
    },
    Wall {
        what: "the port dropped at the guest's address",
        rule: "ip daddr 10.0.2.2 tcp dport 11434 drop",
        condition: "EndpointReachable",
        reason: "TimedOut",
        untouched: Duration::from_secs(6),
    },
    Wall {
        what: "the port dropped for all, the agent included",
        rule: "tcp dport 11434 drop",
        condition: "OllamaServing",
        reason: "Filtered",
        // Longer than a server that does nothing is left alone.
        untouched: Duration::from_secs(20),
    },
];

/// Two rounds of the looks at the rules.
const SEEN: Duration = Duration::from_mins(1);
const OPENED: Duration = Duration::from_secs(45);

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let server = guest.invocation("ollama.service").await?;
    for wall in WALLS {
        stage.say(&format!("breaks: {}", wall.what));
        stage.add(stand(&guest, wall).await.context(wall.what)?);
    }
    ensure!(guest.invocation("ollama.service").await? == server, "Ollama was restarted for it");
    Ok(())
}

async fn stand(guest: &Guest, wall: &Wall) -> Result<Row> {
    let follower = Follower::begin(guest, wall.what).await?;
    let mark = guest.mark();
    guest
        .sh(&format!(
            "nft 'add table inet site; \
         add chain inet site input {{ type filter hook input priority filter; policy accept; }}; \
         add rule inet site input iif lo tcp dport 22 accept; \
         add rule inet site input {} comment \"left from an audit\"'",
            wall.rule
        ))
        .await?;
    let seen = guest.expect(&mark, wall.condition, "False", wall.reason, SEEN).await?;
    let outside = guest.get(OLLAMA_PORT, "/").await;
    ensure!(outside.is_err(), "a client gets through: {outside:?}");
    guest.quiet(wall.untouched).await?;
    let last = guest.timeline.last().context("no report")?;
    ensure!(!last.ready, "Ready is a lie: no client gets through");
    ensure!(last.next.contains("nft"), "the next step is {:?}", last.next);
    let opened = guest.mark();
    guest.sh("nft delete table inet site").await?;
    let healed = guest.until_ready(opened.at, OPENED).await?;
    guest.expect_repairs(&mark, &[])?;
    let named = (wall.condition, &[wall.reason][..]);
    follower.end(guest, named, Some(opened.at - mark.at)).await?;
    Ok(Row {
        fault: wall.what.into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - opened.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    })
}
