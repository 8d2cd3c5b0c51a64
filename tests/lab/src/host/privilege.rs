//! Root, or a way to it that asks for no password.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::process::Command;

use crate::process;

/// Whether this process is root.
#[must_use]
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Fails with one line where root cannot be had.
pub async fn require() -> Result<()> {
    if is_root() {
        return Ok(());
    }
    let probe = process::command("sudo", &["-n", "true"]);
    match process::finish(probe, None, Duration::from_secs(10)).await {
        Ok(done) if done.code == 0 => Ok(()),
        _ => bail!("booting guests needs root: run as root, or allow sudo without a password"),
    }
}

/// A command that runs as root, through sudo where this process is not.
#[must_use]
pub fn as_root<S: AsRef<std::ffi::OsStr>>(program: &str, arguments: &[S]) -> Command {
    if is_root() {
        return process::command(program, arguments);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", "--", program]).args(arguments);
    command
}
