//! First boot, while cloud-init is at work.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;

use super::stage::{FIRST_READY, Stage};
use super::table::Row;
use super::{Needs, Playing, Scenario};
use crate::guest::options::Options;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "bootstrap",
    story: "cloud-init is still at work: what it sets up is not repaired under its hands",
    needs: Needs::AnyServer,
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Stops the server, as an installer would, and waits for the scenario's word.
const USER_DATA: &str = "#cloud-config\nruncmd:\n\
    - [sh, -c, \"systemctl stop ollama.service && mkfifo /run/go-on && cat /run/go-on\"]\n";

async fn play(stage: &Stage) -> Result<()> {
    let options = stage.healthy_options().await?;
    let guest = stage.boot(Options { user_data: Some(USER_DATA), ..options }).await?;
    let mark = guest.mark();
    stage.say("cloud-init has stopped the server and is not done");
    guest.expect(&mark, "OllamaRunning", "False", "Stopped", FIRST_READY).await?;
    guest.expect(&mark, "BootstrapComplete", "False", "Running", FIRST_READY).await?;
    let stopped = guest.mark();

    // The network is not cloud-init's any more: all that it still does may need it.
    stage.say("breaks: the address is flushed meanwhile");
    guest.sh("ip address flush dev enp1s0").await?;
    let limit = Duration::from_secs(30);
    guest.expect(&stopped, "AddressAssigned", "False", "AddressLost", limit).await?;
    let flushed = guest.mark();
    guest.expect(&flushed, "AddressAssigned", "True", "Assigned", limit).await?;
    // Long enough for an impatient agent to start the server.
    sleep(Duration::from_secs(15)).await;
    guest.expect_repairs(&stopped, &["network/Reconfigure"])?;
    let held = guest.timeline.last().is_some_and(|report| report.next.contains("cloud-init"));
    ensure!(held, "the agent does not say what it waits for");

    stage.say("cloud-init is let go on");
    let released = guest.mark();
    guest.sh("echo > /run/go-on").await?;
    let healed = guest.until_ready(released.at, FIRST_READY).await?;
    guest.expect_repairs(&stopped, &["network/Reconfigure", "ollama/Start"])?;
    stage.add(Row {
        fault: "server stopped by cloud-init, from its end".into(),
        seen: None,
        healed: Some(healed - released.at),
        by_hand: None,
    });
    Ok(())
}
