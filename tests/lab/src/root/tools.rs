//! The root that QEMU runs in, and by which accelerator it does.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::mount::{MsFlags, mount};
use tokio::process::Command;
use tokio::time::timeout;

use super::overlay::mount_overlay;
use crate::architecture::Architecture;
use crate::paths::make_directory;
use crate::{process, say};

/// A guest kernel is at the end of its boot within a second or two.
const PROBE: Duration = Duration::from_secs(10);

/// QEMU's root, as this run sees it.
pub struct Tools {
    root: PathBuf,
}

impl Tools {
    /// Mounts the root below `scratch`. What lies in the `shared` directories has the same path
    /// in it.
    pub fn mount(base: &Path, scratch: &Path, shared: &[&Path]) -> Result<Self> {
        let root = scratch.join("root");
        let (upper, work) = (scratch.join("upper"), scratch.join("work"));
        mount_overlay(&[base.to_owned()], &upper, &work, &root)?;
        for directory in [&[Path::new("/dev")], shared].concat() {
            let target = root.join(directory.strip_prefix("/").unwrap_or(directory));
            make_directory(&target)?;
            bind(directory, &target)?;
        }
        Ok(Self { root })
    }

    /// Lays a directory over one of the root's own.
    pub fn lay_over(&self, directory: &Path, at: &str) -> Result<()> {
        bind(directory, &self.root.join(at))
    }

    /// A command that will run in it.
    #[must_use]
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = process::command("chroot", &[&self.root]);
        command.arg(program).args(arguments);
        command
    }

    /// The same, as arguments of another command.
    #[must_use]
    pub fn arguments(&self, program: &str) -> Vec<String> {
        ["chroot".into(), self.root.to_string_lossy(), program.into()].map(Into::into).to_vec()
    }

    /// The accelerator: KVM where it takes the guests' own kernel to the end of its boot. A
    /// machine that is one itself may show /dev/kvm, and fail in the first instructions.
    pub async fn accelerator(
        &self,
        architecture: Architecture,
        kernel: &Path,
        initrd: &Path,
    ) -> &'static str {
        match self.boots_by_kvm(architecture, kernel, initrd).await {
            Ok(()) => "kvm",
            Err(error) => {
                say::step(&format!("guests are emulated, slower by an order: {error:#}"));
                "tcg"
            }
        }
    }

    async fn boots_by_kvm(
        &self,
        architecture: Architecture,
        kernel: &Path,
        initrd: &Path,
    ) -> Result<()> {
        ensure!(!architecture.is_foreign(), "this machine is not {}", architecture.debian());
        std::fs::File::options().read(true).write(true).open("/dev/kvm").context("/dev/kvm")?;
        let mut command = self.command(architecture.qemu(), &[]);
        command.args(machine(architecture));
        command.args(["-accel", "kvm", "-cpu", "host", "-m", "512", "-no-reboot"]);
        command.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
        // Its first program ends at once, so the kernel panics, and panic means power off.
        let console = architecture.console();
        command.args(["-append", &format!("console={console} panic=-1 rdinit=/bin/true")]);
        command.args(["-serial", "stdio"]);
        let mut probe = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start QEMU")?;
        let mut console = probe.stdout.take().context("QEMU has no output")?;
        let read = async {
            let mut said = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(&mut console, &mut said).await?;
            anyhow::Ok(String::from_utf8_lossy(&said).contains("Attempted to kill init"))
        };
        let booted = timeout(PROBE, read).await;
        let _ = probe.kill().await;
        match booted {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => anyhow::bail!("KVM gave a probe boot up"),
            Ok(Err(error)) => Err(error),
            Err(_) => anyhow::bail!("a probe boot by KVM came to no end in {} s", PROBE.as_secs()),
        }
    }
}

fn bind(directory: &Path, target: &Path) -> Result<()> {
    let none: Option<&str> = None;
    mount(Some(directory), target, none, MsFlags::MS_BIND, none)
        .with_context(|| format!("cannot mount {} on {}", directory.display(), target.display()))
}

/// What every virtual machine of the lab is.
#[must_use]
pub fn machine(architecture: Architecture) -> Vec<String> {
    ["-nodefaults", "-no-user-config", "-display", "none", "-machine", architecture.board()]
        .map(str::to_owned)
        .to_vec()
}
