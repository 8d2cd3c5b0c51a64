//! `cargo lab test`.

use std::num::NonZeroU32;
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::Result;

use crate::host::inside::Lab;
use crate::say;
use crate::scenario::{self, runner};

/// Plays the scenarios of those names, all for no name, `repeat` times.
pub async fn run(
    lab: &Rc<Lab>,
    names: &[String],
    keep: bool,
    jobs: usize,
    repeat: NonZeroU32,
) -> Result<ExitCode> {
    let scenarios = scenario::select(lab.place(), names)?;
    match &lab.run.plan.equipment.ollama {
        Some(prefix) => say::line(&format!("against a real Ollama: {}", prefix.display())),
        None => say::line("against the stand-in for Ollama"),
    }
    let mut good = true;
    for round in 1..=repeat.get() {
        if repeat.get() > 1 {
            say::line(&format!("round {round} of {repeat}"));
        }
        let outcomes = runner::play_all(lab, &scenarios, jobs, keep).await;
        good &= runner::report(lab, &outcomes)?;
        if keep && !good {
            break;
        }
    }
    if keep && !good {
        say::line("the failed guests run on; Ctrl-C ends them");
        std::future::pending::<()>().await;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
