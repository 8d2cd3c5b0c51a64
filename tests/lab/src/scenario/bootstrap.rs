//! cloud-init at work.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::matter::Matter;
use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "bootstrap",
    story: "cloud-init is still at work: what it sets up is not repaired under its hands",
    needs: Needs::AnyServer,
    shows: &[
        "BootstrapComplete/Running",
        "BootstrapComplete/Complete",
        "BootstrapComplete/CompletedWithErrors",
        "BootstrapComplete/Unreadable",
    ],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Waits for the scenario's word, stops the server as an installer would, and waits again.
const USER_DATA: &str = "#cloud-config\nruncmd:\n\
    - [sh, -c, \"cat /run/lab-one && systemctl stop ollama.service && cat /run/lab-two\"]\n";

/// A boot of the guest ends only with cloud-init, so it is set to work after one. The network
/// stays as it is: cloud-init would match a veth by the permanent MAC, which it has not.
const BEGINS: &str = "mkfifo /run/lab-one /run/lab-two && \
    rm -f /etc/cloud/cloud-init.disabled /run/cloud-init/disabled && \
    mkdir -p /run/cloud-init && touch /run/cloud-init/enabled && \
    echo 'network: {config: disabled}' > /etc/cloud/cloud.cfg.d/99-lab.cfg && \
    echo 'instance-id: first' > /var/lib/cloud/seed/nocloud/meta-data && \
    systemctl start --no-block cloud-init.target";

/// What cloud-init says at its end where a command of the user's failed.
const ERRORS: Matter = Matter {
    what: "cloud-init done, a command of it failed",
    breaks: "cp --dereference /run/cloud-init/result.json /run/lab-result && \
        printf '{\"v1\":{\"datasource\":\"DataSourceNoCloud\",\"errors\":[\"Runparts: 1 failures \
        (runcmd) in 1 attempted commands\"]}}' > /run/cloud-init/result.json",
    condition: "BootstrapComplete",
    reasons: &["CompletedWithErrors"],
    says: "Runparts: 1 failures",
    ready: true,
    remedies: &[&[]],
    cure: "cp /run/lab-result /run/cloud-init/result.json",
    after: &[&[]],
    seen_within: Duration::from_secs(15),
    healed_within: Duration::from_secs(15),
};

/// A root disk that was full when cloud-init came to its end.
const TORN: Matter = Matter {
    what: "cloud-init's result is torn",
    breaks: "printf '{\"v1\":{\"data' > /run/cloud-init/result.json",
    reasons: &["Unreadable"],
    says: "result.json: EOF",
    ..ERRORS
};

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    stage.say("cloud-init is set to work, as on a first boot");
    guest.sh("mkdir -p /var/lib/cloud/seed/nocloud").await?;
    guest.write_file("/var/lib/cloud/seed/nocloud/user-data", USER_DATA)?;
    let begun = guest.mark();
    guest.sh(BEGINS).await?;
    guest.expect(&begun, "BootstrapComplete", "False", "Running", FIRST_READY).await?;

    stage.say("breaks: cloud-init stops the server, and is not done");
    guest.sh("echo > /run/lab-one").await?;
    guest.expect(&begun, "OllamaRunning", "False", "Stopped", FIRST_READY).await?;
    let stopped = guest.mark();

    // The network is not cloud-init's any more: all that it still does may need it.
    stage.say("breaks: the address is flushed meanwhile");
    guest.sh("ip address flush dev enp1s0").await?;
    let limit = Duration::from_secs(30);
    guest.expect(&stopped, "AddressAssigned", "False", "AddressLost", limit).await?;
    let flushed = guest.mark();
    guest.expect(&flushed, "AddressAssigned", "True", "Assigned", limit).await?;
    // Long enough for an impatient agent to start the server.
    guest.watch(Duration::from_secs(15)).await;
    guest.expect_repairs(&begun, &["network/Reconfigure"])?;
    let held = guest.timeline.last().is_some_and(|report| report.next.contains("cloud-init"));
    ensure!(held, "the agent does not say what it waits for");

    stage.say("cloud-init is let go on");
    let released = guest.mark();
    guest.sh("echo > /run/lab-two").await?;
    let healed = guest.until_ready(released.at, FIRST_READY).await?;
    guest.expect_repairs(&begun, &["network/Reconfigure", "ollama/Start"])?;
    stage.add(Row {
        fault: "server stopped by cloud-init, from its end".into(),
        seen: None,
        healed: Some(healed - released.at),
        by_hand: None,
        remedies: guest.remedies(&begun),
    });
    let limit = Duration::from_secs(15);
    guest.expect(&released, "BootstrapComplete", "True", "Complete", limit).await?;
    stage.play_matter(&guest, &ERRORS).await?;
    stage.play_matter(&guest, &TORN).await
}
