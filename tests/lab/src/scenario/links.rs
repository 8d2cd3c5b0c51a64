//! Which link it is about: another one beside it, and a link that goes by another name.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::matter::Matter;
use super::netplan::settled;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "links",
    story: "The link has another name, or a second one beside it: the right one serves, or none",
    needs: Needs::AnyServer,
    shows: &[
        "NetworkUp/Unmanaged",
        "NetworkUp/LinkMissing",
        "NetworkAsConfigured/Overridden",
        "NetworkAsConfigured/AsConfigured",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// A container's link is a veth, as a VM's is one of virtio.
const BY_DRIVER: &str = "mkdir -p /etc/saigak-agent/conf.d && \
    printf '[network]\\ndriver = \"veth\"\\n' > /etc/saigak-agent/conf.d/50-lab.toml && \
    systemctl restart saigak-agent.service";

const RENAME: &str = "ip link set enp1s0 down && ip link set enp1s0 name ens9 && \
    ip link set ens9 up";
const RENAME_BACK: &str = "ip link set ens9 down && ip link set ens9 name enp1s0 && \
    ip link set enp1s0 up";

/// A second link, with an address and a way out of its own.
const SECOND: &str = "ip link add enp2s0 type veth peer name far0 && \
    ip address add 192.168.50.2/24 dev enp2s0 && \
    ip link set enp2s0 up && ip link set far0 up && \
    ip route add default via 192.168.50.1 dev enp2s0 metric 5000";

/// What becomes of it.
const ITS_FATE: &[(&str, &str)] = &[
    ("a second link comes up", SECOND),
    ("the second link loses its address", "ip address flush dev enp2s0"),
    ("the second link goes down", "ip link set enp2s0 down"),
];

/// Long enough for an agent that looks at the wrong link to do something about it.
const UNTOUCHED: Duration = Duration::from_secs(4);

const AMBIGUOUS: Matter = Matter {
    what: "link renamed, and another of its driver beside it",
    breaks: RENAME,
    condition: "NetworkUp",
    reasons: &["LinkMissing"],
    says: "no link is named enp1s0, and 3 have driver veth; links here: ens9, ",
    ready: false,
    remedies: &[&[]],
    cure: RENAME_BACK,
    // networkd takes the link in again by itself.
    after: &[&[]],
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_secs(30),
};

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let restarted = guest.mark();
    guest.sh(BY_DRIVER).await?;
    guest.until_ready(restarted.at, FIRST_READY).await?;
    let there = renamed(stage, &guest, "link renamed", RENAME, "Overridden").await?;
    stage.add(there);
    let back = renamed(stage, &guest, "link renamed back", RENAME_BACK, "AsConfigured").await?;
    stage.add(back);
    for (what, script) in ITS_FATE {
        stage.say(what);
        unharmed(&guest, script).await.with_context(|| (*what).to_owned())?;
    }
    stage.play_matter(&guest, &AMBIGUOUS).await
}

/// The one link of the driver is found under its new name, and its file made to match.
async fn renamed(
    stage: &Stage,
    guest: &Guest,
    what: &str,
    script: &str,
    then: &str,
) -> Result<Row> {
    stage.say(&format!("breaks: {what}"));
    let mark = guest.mark();
    guest.sh(script).await?;
    let limit = Duration::from_secs(15);
    let seen = guest.expect(&mark, "NetworkUp", "False", "Unmanaged", limit).await?;
    let healed = guest.until_ready(seen, Duration::from_secs(30)).await?;
    settled(guest, seen, then).await?;
    guest.expect_repairs(&mark, &["network/MatchByName"])?;
    Ok(Row {
        fault: what.into(),
        seen: Some(seen - mark.at),
        healed: Some(healed - mark.at),
        by_hand: None,
        remedies: guest.remedies(&mark),
    })
}

async fn unharmed(guest: &Guest, script: &str) -> Result<()> {
    let mark = guest.mark();
    guest.sh(script).await?;
    guest.quiet(UNTOUCHED).await?;
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "not ready for a link that does not count: {lapse:?}");
    guest.client_embed().await.map(drop)
}
