//! A booted guest: one systemd-nspawn process.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::disk::DataDisk;
use crate::host::cgroup;
use crate::plan::Equipment;
use crate::process;

/// An idle machine boots a guest in half a second.
const BOOT: Duration = Duration::from_mins(1);
/// systemd gives a stopping unit 90 seconds.
const SHUTDOWN: Duration = Duration::from_mins(2);

/// What a boot needs to know.
pub struct Settings<'a> {
    /// The guest's name.
    pub name: &'a str,
    /// Its root directory.
    pub root: &'a Path,
    /// The file that its console is written to.
    pub console: &'a Path,
    /// Where the socket goes that tells when it is up. Shorter than 108 bytes.
    pub notify: &'a Path,
    /// Its control group.
    pub group: &'a Path,
    /// Its network namespace.
    pub network: &'a str,
    /// Its data disk.
    pub disk: &'a DataDisk,
    /// The server in it.
    pub equipment: &'a Equipment,
    /// Told its process 1 as soon as there is one: what a guest says while it boots is heard.
    pub leader: &'a watch::Sender<Option<i32>>,
}

/// A running guest.
pub struct Machine {
    nspawn: Child,
    leader: i32,
    group: std::path::PathBuf,
}

impl Machine {
    /// Boots a guest.
    pub async fn start(settings: &Settings<'_>) -> Result<Self> {
        let console = File::options()
            .create(true)
            .append(true)
            .open(settings.console)
            .with_context(|| format!("cannot open {}", settings.console.display()))?;
        cgroup::make(settings.group)?;
        let _ = std::fs::remove_file(settings.notify);
        let notify = UnixDatagram::bind(settings.notify)
            .with_context(|| format!("cannot bind {}", settings.notify.display()))?;
        let errors = console.try_clone().context("cannot copy the console's file")?;
        let mut nspawn = command(settings)
            .stdin(Stdio::null())
            .stdout(console)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start systemd-nspawn")?;
        let leader = tokio::select! {
            leader = until_up(&notify, settings.leader) => leader?,
            status = nspawn.wait() => {
                let code = process::code(status.context("cannot wait for systemd-nspawn")?);
                bail!("systemd-nspawn ended with {code}, see {}", settings.console.display());
            }
        };
        Ok(Self { nspawn, leader, group: settings.group.to_owned() })
    }

    /// Process 1 of the guest, as the run numbers it.
    #[must_use]
    pub fn leader(&self) -> i32 {
        self.leader
    }

    /// Shuts the guest down in good order.
    pub async fn power_off(mut self) -> Result<()> {
        let id = self.nspawn.id().context("the guest has ended by itself")?;
        let id = Pid::from_raw(i32::try_from(id).context("a process id out of range")?);
        // nspawn passes on to the guest's systemd what asks it to halt.
        kill(id, Signal::SIGTERM).context("cannot signal systemd-nspawn")?;
        timeout(SHUTDOWN, self.nspawn.wait())
            .await
            .with_context(|| format!("the guest is not off after {SHUTDOWN:?}"))?
            .context("cannot wait for systemd-nspawn")?;
        Ok(())
    }

    /// Ends the guest at once.
    pub async fn kill(mut self) -> Result<()> {
        cgroup::kill(&self.group)?;
        self.nspawn.wait().await.context("cannot wait for systemd-nspawn")?;
        Ok(())
    }
}

fn command(settings: &Settings<'_>) -> Command {
    // The group is entered before nspawn starts: it puts the guest wherever it finds itself.
    let enter = r#"echo $$ > "$0/cgroup.procs" && exec systemd-nspawn "$@""#;
    let mut command = process::command("sh", &["-c", enter]);
    command.arg(settings.group);
    command.args(["--quiet", "--boot", "--console=read-only", "--notify-ready=yes"]);
    command.args(["--register=no", "--keep-unit", "--link-journal=no"]);
    command.args(["--resolv-conf=off", "--timezone=off", "--hostname=saigak-guest"]);
    command.arg(format!("--machine={}", settings.name));
    command.arg("--directory").arg(settings.root);
    command.arg(format!("--network-namespace-path={}", settings.network));
    // Without them networkd does not start.
    command.arg("--capability=CAP_NET_ADMIN,CAP_NET_RAW");
    command.arg(settings.disk.bind());
    let equipment = settings.equipment;
    let mut bind = |from: &Path, to: &str| {
        command.arg(format!("--bind-ro={}:{to}", from.display()));
    };
    match &equipment.ollama {
        Some(prefix) => {
            bind(&prefix.join("bin/ollama"), "/usr/local/bin/ollama");
            let libraries = prefix.join("lib/ollama");
            if libraries.is_dir() {
                bind(&libraries, "/usr/local/lib/ollama");
            }
        }
        None => bind(&equipment.stand_in, "/usr/local/bin/ollama"),
    }
    command.env("NOTIFY_SOCKET", settings.notify);
    command
}

/// Reads what nspawn tells until the guest's process 1 has said that it is ready.
async fn until_up(notify: &UnixDatagram, leader: &watch::Sender<Option<i32>>) -> Result<i32> {
    let mut ready = false;
    let mut buffer = [0; 4096];
    let messages = async {
        loop {
            let length = notify.recv(&mut buffer).await.context("cannot read notifications")?;
            for line in String::from_utf8_lossy(&buffer[..length]).lines() {
                if let Some(id) = line.strip_prefix("X_NSPAWN_LEADER_PID=") {
                    leader.send_replace(Some(id.parse().context("nspawn names no leader")?));
                }
                ready |= line == "READY=1";
            }
            if let (Some(leader), true) = (*leader.borrow(), ready) {
                return Ok(leader);
            }
        }
    };
    timeout(BOOT, messages).await.with_context(|| format!("not up after {BOOT:?}"))?
}
