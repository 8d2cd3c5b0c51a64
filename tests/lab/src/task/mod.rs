//! What a run is for.

pub mod arm64;
pub mod demo;
pub mod demo_vm;
pub mod shell;
pub mod test;
pub mod up;
pub mod view;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::host::privilege;
use crate::plan::Plan;

/// The command that supervises a plan as root.
pub fn supervisor(plan: &Plan) -> Result<Command> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let plan = serde_json::to_string(plan).context("cannot write the plan")?;
    Ok(privilege::as_root(&program.to_string_lossy(), &["supervise", &plan]))
}
