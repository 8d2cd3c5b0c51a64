//! All of a machine stands still, and goes on: its storage hung, or its node was suspended.

use std::time::Duration;

use anyhow::Result;

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

async fn play(stage: &Stage) -> Result<()> {
    let guest = ready(stage).await?;
    let mark = guest.mark();
    stage.say("stands still for ten minutes");
    guest.vm()?.stop().await?;
    guest.watch(STANDS).await;
    guest.vm()?.go_on().await?;
    let on = guest.mark();
    let ready = guest.until_ready(on.at, READY).await?;
    guest.quiet(QUIET).await?;
    guest.expect_repairs(&mark, &[])?;
    stage.add(Row {
        fault: "stood still for ten minutes, from its end".into(),
        healed: Some(ready - on.at),
        ..Row::default()
    });
    Ok(())
}
