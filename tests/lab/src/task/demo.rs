//! `cargo lab demo`.

use std::process::ExitCode;
use std::rc::Rc;

use anyhow::Result;

use crate::host::inside::Lab;

/// Plays the demonstration.
pub async fn run(lab: &Rc<Lab>) -> Result<ExitCode> {
    let _ = lab;
    Ok(ExitCode::SUCCESS)
}
