//! Commands inside a guest, started by the guest's own systemd: with the guest's capabilities,
//! in the guest's cgroup.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::process::Command;

use super::{Body, Guest};
use crate::process::{self, Finished};

/// Nothing that a scenario runs takes longer, unless it says so.
const PATIENCE: Duration = Duration::from_mins(1);

/// A command that runs in the namespaces of a guest's process 1. It keeps the capabilities of
/// its caller: good for `systemd-run` and other clients of the guest's systemd, for nothing else.
#[must_use]
pub fn enter(leader: i32) -> Command {
    let mut command = process::command("nsenter", &["--target", &leader.to_string()]);
    command.args(["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]);
    command.args(["--root", "--wd", "--"]);
    command
}

impl Guest {
    /// Runs a shell command as root; it must succeed. Returns its standard output.
    pub async fn sh(&self, script: &str) -> Result<String> {
        let finished = self.try_sh(script).await?;
        if finished.code != 0 {
            let said = format!("{}{}", finished.stdout, finished.stderr);
            bail!("in {}: `{script}` ended with {}: {}", self.name, finished.code, said.trim());
        }
        Ok(finished.stdout)
    }

    /// Runs a shell command as root, whatever comes of it.
    pub async fn try_sh(&self, script: &str) -> Result<Finished> {
        self.run(&[], script, PATIENCE).await
    }

    /// Runs a shell command as another user, whatever comes of it.
    pub async fn sh_as(&self, user: &str, script: &str) -> Result<Finished> {
        self.run(&[format!("--uid={user}")], script, PATIENCE).await
    }

    /// Runs a shell command that may take its time, whatever comes of it.
    pub async fn sh_within(&self, script: &str, patience: Duration) -> Result<Finished> {
        self.run(&[], script, patience).await
    }

    async fn run(&self, options: &[String], script: &str, patience: Duration) -> Result<Finished> {
        let mut command = vec!["systemd-run", "--quiet", "--collect", "--wait", "--pipe"];
        command.extend(options.iter().map(String::as_str));
        command.extend(["--", "/bin/sh", "-c", script]);
        self.exec(&command, patience).await
    }

    /// Runs a program that is a client of the guest's systemd, or reads only, whatever comes of
    /// it.
    pub async fn exec(&self, arguments: &[&str], patience: Duration) -> Result<Finished> {
        let patience = patience * self.pace();
        match &self.body {
            Body::Container(_) => {
                let mut command = enter(self.leader()?);
                command.args(arguments);
                process::finish(command, None, patience).await
            }
            Body::Vm(vm) => vm.exec(arguments, patience).await,
        }
    }

    /// Has the guest's systemd do something, over its private socket: also where the guest has no
    /// bus.
    pub async fn systemctl(&self, arguments: &[&str]) -> Result<()> {
        let finished = self.exec(&[&["systemctl"], arguments].concat(), PATIENCE).await?;
        if finished.code != 0 {
            bail!("systemctl {}: {}", arguments.join(" "), finished.stderr.trim());
        }
        Ok(())
    }

    /// Waits until the guest has started all that it starts at boot, and returns systemd's word
    /// for how that went: `running` or `degraded`.
    pub async fn settled(&self) -> Result<String> {
        let command = ["systemctl", "is-system-running", "--wait"];
        Ok(self.exec(&command, PATIENCE).await?.stdout.trim().to_owned())
    }
}
