//! A data disk with very many files: the check looks at some of them, the repair at all.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::fault::Fault;
use super::stage::Stage;
use super::{Needs, Playing, Scenario};
use crate::guest::Guest;

/// See the story.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "disk-files",
    story: "200,000 files on the data disk: a look costs what it does for 5,000, a repair seconds",
    needs: Needs::AnyServer,
    shows: &["DataDiskWritable/WrongOwner"],
    play: |stage| -> Playing<'_> { Box::pin(play(stage)) },
};

/// Made by ollama: of root's there must be none before the fault.
const FEW: &str = "runuser --user ollama -- sh -c 'mkdir --parents /var/lib/ollama/copy/few && \
    cd /var/lib/ollama/copy/few && seq 5000 | xargs touch'";

/// Half of them in one directory, half in a hundred.
const MANY: &str = "runuser --user ollama -- sh -c 'cd /var/lib/ollama/copy && \
    mkdir one && (cd one && seq 100000 | xargs touch) && \
    for part in $(seq 100); do mkdir $part && (cd $part && seq 1000 | xargs touch) || exit; done'";
const MANY_WITHIN: Duration = Duration::from_mins(2);

/// The server runs on: its own files are not among them.
const TAKEN: Fault = Fault {
    what: "200,000 files owned by root",
    why: "somebody moved a copy of a whole disk into place as root",
    // Root takes them where the agent does not look, and they come back all at once: an agent
    // that begins while root is still at it has to begin anew.
    breaks: "cd /var/lib/ollama/lost+found && mv /var/lib/ollama/copy . && \
        chown --recursive root:root copy && mv copy /var/lib/ollama",
    condition: "DataDiskWritable",
    reasons: &["WrongOwner"],
    remedies: &[&["storage/FixOwner"]],
    by_hand: "chown --recursive ollama:ollama /var/lib/ollama",
    keeps_data: true,
    seen_within: Duration::from_secs(30),
    // The bare walk takes a few seconds; other guests keep both cores busy.
    healed_within: Duration::from_mins(2),
};

/// The best of ten looks, in nanoseconds, and what the last of them said.
const LOOK: &str = "best=; for turn in 1 2 3 4 5 6 7 8 9 10; do \
    begun=$(date +%s%N); said=$(saigak-agent probe storage) || exit; \
    took=$(($(date +%s%N) - begun)); \
    if [ -z \"$best\" ] || [ $took -lt $best ]; then best=$took; fi; done; \
    echo $best; echo \"$said\"";

/// What one look took at best, and at how many entries it looked.
async fn look(guest: &Guest) -> Result<(Duration, u64)> {
    let text = guest.sh(LOOK).await?;
    let (took, said) = text.split_once('\n').context("the probe said nothing")?;
    let said: Value = serde_json::from_str(said).context("the probe's facts")?;
    let seen = said["facts"]["disk"]["entriesSeen"].as_u64().context("no entriesSeen")?;
    Ok((Duration::from_nanos(took.trim().parse()?), seen))
}

async fn play(stage: &Stage) -> Result<()> {
    let guest = stage.boot_healthy().await?;
    guest.sh(FEW).await?;
    let (few, at_few) = look(&guest).await?;
    let made = guest.sh_within(MANY, MANY_WITHIN).await?;
    ensure!(made.code == 0, "cannot make the files: {}", made.stderr);
    let (many, at_many) = look(&guest).await?;
    stage.say(&format!("a look takes {few:.1?} with 5,000 files, {many:.1?} with 200,000"));
    ensure!(at_few <= 512 && at_many <= 512, "a look at {at_few} entries, then at {at_many}");
    ensure!(many < few * 3 + Duration::from_millis(10), "a look takes {many:?} instead of {few:?}");
    stage.play(&guest, &TAKEN).await?;
    let left = guest.sh("find /var/lib/ollama -xdev ! -user ollama ! -name lost+found").await?;
    ensure!(left.is_empty(), "not ollama's: {left}");
    Ok(())
}
