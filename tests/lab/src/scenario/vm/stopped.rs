//! All of a machine stands still, and goes on: its storage hung, or its node was suspended.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::{QUIET, READY, ready};
use crate::scenario::stage::Stage;
use crate::scenario::table::Row;
use crate::scenario::{Needs, Playing, Scenario};

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "stopped",
    story: "All of the VM stands still for ten minutes and goes on: Ready again, nothing repaired",
    needs: Needs::AnyServer,
    shows: &[],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

const STANDS: Duration = Duration::from_mins(10);

const UNTIL_READY: &str = "until saigak-agent ready; do sleep 0.2; done";

async fn play(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    let mark = guest.mark();
    stage.say("stands still for ten minutes");
    guest.vm()?.stop().await?;
    guest.watch(STANDS).await;
    guest.vm()?.go_on().await?;
    let on = Instant::now();
    // Where nothing has changed for the agent it says nothing: it is asked.
    let done = guest.sh_within(UNTIL_READY, READY * guest.pace()).await?;
    ensure!(done.code == 0, "it is not ready: {}", done.stderr);
    let ready = Instant::now();
    guest.client_embed().await.context("Ready was a lie: a client gets no embedding")?;
    guest.quiet(QUIET).await?;
    guest.expect_repairs(&mark, &[])?;
    stage.add(Row {
        fault: "stood still for ten minutes, from its end".into(),
        healed: Some(ready - on),
        ..Row::default()
    });
    Ok(())
}
