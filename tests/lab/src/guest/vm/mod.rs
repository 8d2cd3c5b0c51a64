//! A virtual machine: QEMU with the hardware that KubeVirt gives a guest.

pub mod agent;
pub mod ground;
pub mod hardware;
pub mod monitor;
pub mod person;
pub mod rendered;
pub mod saved;
pub mod seed;
pub mod wire;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout};

use crate::net::namespace::Namespace;
use crate::paths::make_directory;
use crate::process;
use ground::Ground;
use hardware::Hardware;
use seed::Seed;
use wire::Wire;

/// The channel on which the agent's reports come out.
pub const WATCH: &str = "watch";
/// Emulated, a boot takes minutes.
const BOOT: Duration = Duration::from_mins(20);
/// systemd gives a stopping unit 90 seconds.
const SHUTDOWN: Duration = Duration::from_mins(5);
const SHORT: Duration = Duration::from_mins(2);
/// The disk for cloud-init.
pub const SEED: &str = "seed.iso";
/// The disks that are written to.
const DISKS: [&str; 2] = ["root", "data"];

/// A virtual machine and its disks.
pub struct Vm {
    ground: Rc<Ground>,
    /// Its disks and its console.
    disks: PathBuf,
    /// Its sockets.
    sockets: PathBuf,
    hardware: RefCell<Hardware>,
    qemu: RefCell<Option<Child>>,
}

impl Vm {
    /// A machine with a root disk as the image is, a blank data disk, and nobody told who it is.
    pub async fn make(ground: &Rc<Ground>, disks: &Path, sockets: &Path) -> Result<Self> {
        let vm = Self::bare(ground, disks, sockets, Hardware::with(&ground.rendered.mac))?;
        let [root, data] = DISKS;
        ground.blank(&vm.disk(root), Some(&ground.image)).await?;
        ground.blank(&vm.disk(data), None).await?;
        Ok(vm)
    }

    fn bare(ground: &Rc<Ground>, disks: &Path, sockets: &Path, hardware: Hardware) -> Result<Self> {
        make_directory(sockets)?;
        Ok(Self {
            ground: Rc::clone(ground),
            disks: disks.to_owned(),
            sockets: sockets.to_owned(),
            hardware: RefCell::new(hardware),
            qemu: RefCell::new(None),
        })
    }

    /// How many times as long all takes as in an emulated machine of this one's architecture.
    #[must_use]
    pub fn slowness(&self) -> u32 {
        if self.ground.architecture.is_foreign() { 2 } else { 1 }
    }

    /// Changes what it is made of; it counts from the next power-on.
    pub fn rebuild(&self, change: impl FnOnce(&mut Hardware)) {
        change(&mut self.hardware.borrow_mut());
    }

    /// Puts another disk for cloud-init into it. It must be powered off.
    pub async fn seed(&self, seed: &Seed) -> Result<()> {
        ensure!(self.qemu.borrow().is_none(), "the machine is on");
        seed.make(&self.ground.tools, &self.disks.join(SEED)).await
    }

    /// Makes a read-only disk from the files in a directory, for [`Hardware::extra`].
    pub async fn read_only_disk(&self, name: &str, directory: &Path, label: &str) -> Result<()> {
        seed::disk(&self.ground.tools, &self.disks.join(name), directory, label).await
    }

    /// Boots it, and returns when something in it answers.
    pub async fn power_on(&self, network: &Namespace) -> Result<()> {
        self.start(network, None).await?;
        timeout(BOOT * self.slowness(), self.until_it_answers())
            .await
            .context("it does not answer")?
    }

    /// Shuts it down in good order, as a person at its power button would.
    pub async fn power_off(&self) -> Result<()> {
        self.monitor("system_powerdown", json!({})).await?;
        let mut qemu = self.take()?;
        timeout(SHUTDOWN, qemu.wait())
            .await
            .with_context(|| format!("the guest is not off after {SHUTDOWN:?}"))?
            .context("cannot wait for QEMU")?;
        Ok(())
    }

    /// Ends it as a power cut does.
    pub async fn kill(&self) -> Result<()> {
        self.take()?.kill().await.context("cannot end QEMU")
    }

    /// Where its console is written down.
    #[must_use]
    pub fn console(&self) -> PathBuf {
        self.disks.join("console.log")
    }

    fn disk(&self, name: &str) -> PathBuf {
        image(&self.disks, name)
    }

    async fn start(&self, network: &Namespace, snapshot: Option<&str>) -> Result<()> {
        ensure!(self.qemu.borrow().is_none(), "the machine is on");
        let mut arguments = self.ground.tools.arguments(self.ground.architecture.qemu());
        let place = hardware::Place { disks: &self.disks, sockets: &self.sockets };
        arguments.extend(self.hardware.borrow().arguments(&self.ground, &place));
        if let Some(snapshot) = snapshot {
            arguments.extend(["-loadvm".to_owned(), snapshot.to_owned()]);
        }
        let log = self.log();
        let said = std::fs::File::create(&log)
            .with_context(|| format!("cannot make {}", log.display()))?;
        let monitor = self.sockets.join("monitor");
        let _ = std::fs::remove_file(&monitor);
        let mut command = network.command("setpriv", &["--pdeathsig", "KILL"]);
        let mut qemu = command
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .stdout(said.try_clone().context("cannot copy a file")?)
            .stderr(said)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start QEMU")?;
        let deadline = Instant::now() + SHORT;
        while Wire::to_monitor(&monitor).await.is_err() {
            if let Some(status) = qemu.try_wait().context("cannot wait for QEMU")? {
                bail!("QEMU ended with {}: {}", process::code(status), self.said());
            }
            ensure!(Instant::now() < deadline, "QEMU makes no monitor");
            // A socket's file tells nobody when it appears.
            sleep(Duration::from_millis(50)).await;
        }
        self.qemu.replace(Some(qemu));
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.disks.join("qemu.log")
    }

    /// What QEMU itself had to say.
    fn said(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default().trim().to_owned()
    }

    fn take(&self) -> Result<Child> {
        self.qemu.take().context("the machine is powered off")
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // All that is told of it has been saved by now, and the disks are large.
        for disk in DISKS {
            let _ = std::fs::remove_file(self.disk(disk));
        }
    }
}

/// Where a disk that is written to has its image.
fn image(disks: &Path, name: &str) -> PathBuf {
    disks.join(name).with_extension("qcow2")
}
