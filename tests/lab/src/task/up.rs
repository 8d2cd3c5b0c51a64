//! `cargo lab up` and `down`: a guest that is left to a person.

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::guest::Guest;
use crate::guest::options::Options;
use crate::guest::template;
use crate::host::inside::Lab;
use crate::host::{privilege, scratch};
use crate::paths::{Paths, make_directory, write};
use crate::plan::Plan;
use crate::{process, say};

/// The line that tells `up` to leave.
const UP: &str = "the guest is up:";
/// Marks the run of an `up` in its scratch directory.
const MARKER: &str = "up";

/// Boots the guest and keeps it. Runs inside.
pub async fn run(lab: &Rc<Lab>) -> Result<ExitCode> {
    let data = lab.healthy.get_or_try_init(|| template::ensure(lab)).await?;
    let name = format!("guest-{}", lab.run.id.split('-').next().unwrap_or_default());
    let guest =
        Guest::boot(lab, Options { data: Some(data.clone()), ..Options::empty(&name) }).await?;
    write(&lab.disk().join(MARKER), &name)?;
    say::line(&format!("{UP} {}", guest.name));
    std::future::pending::<()>().await;
    Ok(ExitCode::SUCCESS)
}

/// Starts a run that outlives this process, and returns when its guest is up.
pub async fn detach(plan: &Plan) -> Result<ExitCode> {
    make_directory(&plan.lab)?;
    let log = plan.lab.join("up.log");
    let errors =
        std::fs::File::create(&log).with_context(|| format!("cannot make {}", log.display()))?;
    let mut supervisor = super::supervisor(plan)?;
    let mut child = supervisor
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors)
        .process_group(0)
        .spawn()
        .context("cannot start the supervisor")?;
    let output = child.stdout.take().context("the supervisor has no output")?;
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await.context("cannot read the supervisor")? {
        say::line(&line);
        if line.starts_with(UP) {
            say::line("a shell in it: cargo lab shell; its end: cargo lab down");
            return Ok(ExitCode::SUCCESS);
        }
    }
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    bail!("the guest did not come up: {}", said.trim())
}

/// Ends every guest that `up` booted from this checkout.
pub async fn down() -> Result<ExitCode> {
    let lab = Paths::find().await?.lab();
    let mut ended = 0;
    for run in scratch::alive(&lab)? {
        if run.join(MARKER).exists() {
            end(&run).await?;
            ended += 1;
        }
    }
    say::line(&format!("{ended} ended"));
    Ok(ExitCode::SUCCESS)
}

async fn end(run: &Path) -> Result<()> {
    let file = run.join("supervisor");
    let supervisor = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let kill = privilege::as_root("kill", &["-TERM", supervisor.trim()]);
    process::run(kill, Duration::from_secs(10)).await?;
    for _ in 0..200 {
        if !run.exists() {
            return Ok(());
        }
        // A directory goes without a word.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the run of {} does not end", run.display())
}
