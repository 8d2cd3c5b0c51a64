//! systemd-networkd itself: stopped, masked, switched off, or at odds with the link.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::fault::Fault;
use super::matter::Matter;
use super::stage::Stage;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "networkd",
    story: "networkd stopped, gave the link up, or was put out of use by a person: who mends what",
    needs: Needs::AnyServer,
    shows: &[
        "NetworkUp/NetworkdStopped",
        "NetworkUp/ConfigurationFailed",
        "NetworkUp/NetworkdMasked",
        "NetworkUp/NetworkdOutOfUse",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Longer than the agent waits before it starts a stopped networkd that is needed.
const UNTOUCHED: Duration = Duration::from_secs(8);

/// What netplan's `critical: true` writes: the address outlives networkd.
const KEEP: &str = "mkdir -p /etc/systemd/network/10-netplan-enp1s0.network.d && \
    printf '[Network]\\nKeepConfiguration=yes\\n' \
    > /etc/systemd/network/10-netplan-enp1s0.network.d/keep.conf && \
    networkctl reload && \
    systemctl stop systemd-networkd.socket systemd-networkd.service";

pub(super) const STOPPED: Fault = Fault {
    what: "networkd stopped, address gone",
    why: "somebody stopped networkd by mistake, and the address did not outlive it",
    breaks: "rm -rf /etc/systemd/network/10-netplan-enp1s0.network.d; \
        systemctl stop systemd-networkd.socket systemd-networkd.service && \
        ip address flush dev enp1s0",
    condition: "NetworkUp",
    reasons: &["NetworkdStopped"],
    remedies: &[&["network/RestartNetworkd"]],
    by_hand: "systemctl start systemd-networkd.service",
    keeps_data: true,
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_secs(30),
};

/// networkd wants a queueing discipline of its own on the link, under the handle of `SHAPED`.
const QUEUE: &str = "mkdir -p /etc/systemd/network/10-netplan-enp1s0.network.d && \
    printf '[PFIFO]\\nParent=root\\nHandle=10\\nPacketLimit=1000\\n' \
    > /etc/systemd/network/10-netplan-enp1s0.network.d/queue.conf && networkctl reload && \
    timeout 10 sh -c 'until tc qdisc show dev enp1s0 | grep -q pfifo; do sleep 0.1; done'";

/// networkd fails at it, tries once more by itself, and then gives the link up for good, also
/// after what stood in its way is gone.
const SHAPED: Fault = Fault {
    what: "networkd gave the link up",
    why: "a script shaped the link's traffic while networkd configured it, and has ended since",
    breaks: "tc qdisc del dev enp1s0 root && \
        tc qdisc add dev enp1s0 root handle 10: tbf rate 1gbit burst 1mb latency 50ms && \
        networkctl reconfigure enp1s0 && timeout 10 sh -c \
        'until networkctl list enp1s0 | grep -q failed; do sleep 0.1; done' && \
        tc qdisc del dev enp1s0 root",
    condition: "NetworkUp",
    reasons: &["ConfigurationFailed"],
    // The first may come while the script is still at work.
    remedies: &[&["network/Reconfigure"], &["network/Reconfigure", "network/Reconfigure"]],
    by_hand: "networkctl reconfigure enp1s0",
    keeps_data: true,
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_secs(30),
};

const MASKED: Matter = Matter {
    what: "networkd masked",
    breaks: "systemctl --quiet mask systemd-networkd.service && \
        systemctl stop systemd-networkd.socket systemd-networkd.service && \
        ip address flush dev enp1s0",
    condition: "NetworkUp",
    reasons: &["NetworkdMasked"],
    says: "systemctl unmask systemd-networkd.service",
    ready: false,
    remedies: &[&[]],
    cure: "systemctl --quiet unmask systemd-networkd.service",
    after: &[&["network/RestartNetworkd"]],
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_secs(30),
};

/// netplan's generator wants networkd no more, and nothing else runs the network.
const OTHER_RENDERER: Matter = Matter {
    what: "netplan switched to NetworkManager, which is not there",
    breaks: "cp -a /etc/netplan/50-cloud-init.yaml /root/ && \
        sed -i 's/^  version: 2/  version: 2\\n  renderer: NetworkManager/' \
        /etc/netplan/50-cloud-init.yaml && systemctl daemon-reload && \
        systemctl stop systemd-networkd.socket systemd-networkd.service && \
        ip address flush dev enp1s0",
    condition: "NetworkUp",
    reasons: &["NetworkdOutOfUse"],
    says: "whatever runs the network instead",
    ready: false,
    remedies: &[&[]],
    cure: "mv /root/50-cloud-init.yaml /etc/netplan/ && systemctl daemon-reload && \
        systemctl start systemd-networkd.service",
    after: &[&[]],
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_secs(30),
};

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    let server = guest.invocation("ollama.service").await?;
    stage.say("stops networkd; the address stays, and so does Ready");
    unharmed(&guest).await?;
    stage.play(&guest, &STOPPED).await?;
    guest.sh(QUEUE).await?;
    stage.play(&guest, &SHAPED).await?;
    stage.play_matter(&guest, &MASKED).await?;
    stage.play_matter(&guest, &OTHER_RENDERER).await?;
    ensure!(guest.invocation("ollama.service").await? == server, "Ollama was restarted for it");
    Ok(())
}

/// What works without networkd is left alone.
async fn unharmed(guest: &Guest) -> Result<()> {
    let mark = guest.mark();
    guest.sh(KEEP).await?;
    guest.quiet(UNTOUCHED).await?;
    let lapse = guest.timeline.since(mark.at).into_iter().find(|seen| !seen.report.ready);
    ensure!(lapse.is_none(), "not ready, though the address is there: {lapse:?}");
    guest.client_embed().await.context("without networkd")?;
    Ok(())
}
