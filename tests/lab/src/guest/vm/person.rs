//! A person who comes in by SSH, as `virtctl ssh` does.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::guest::Guest;
use crate::net::GUEST;
use crate::process::{self, Finished};
use crate::root::tools::Tools;

/// The user that Debian's cloud-init makes; Ubuntu's makes `ubuntu`.
const USER: &str = "debian";
/// The key of a guest that nobody has met before is taken for its own.
const OPTIONS: &str =
    "BatchMode=yes StrictHostKeyChecking=no UserKnownHostsFile=/dev/null LogLevel=ERROR";
const SHORT: Duration = Duration::from_mins(1);

/// Makes a key at that path, and returns its public half, as a line of `authorized_keys`.
pub async fn key(tools: &Tools, path: &Path) -> Result<String> {
    let mut command = tools.command("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "me"]);
    command.arg("-f").arg(path);
    process::run(command, SHORT).await?;
    let public = path.with_extension("pub");
    let line = std::fs::read_to_string(&public)
        .with_context(|| format!("cannot read {}", public.display()))?;
    Ok(line.trim().to_owned())
}

impl Guest {
    /// Has a person run a command in it, from outside, whatever comes of it.
    pub async fn ssh(&self, script: &str) -> Result<Finished> {
        let ground = self.lab().ground.get().context("no machine has been made yet")?;
        let mut command = self.gateway.namespace().command("env", &ground.tools.arguments("ssh"));
        command.args(["-F", "none", "-i"]).arg(&ground.person);
        command.args(OPTIONS.split(' ').flat_map(|option| ["-o", option]));
        command.arg(format!("{USER}@{GUEST}")).arg(script);
        process::finish(command, None, SHORT * self.pace()).await
    }
}
