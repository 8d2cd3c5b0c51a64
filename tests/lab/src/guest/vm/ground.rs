//! What all virtual machines of a run stand on: QEMU, a kernel, the image of their root disk.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::person;
use super::rendered::Rendered;
use crate::architecture::Architecture;
use crate::build::cross;
use crate::host::inside::Lab;
use crate::paths::{make_directory, write};
use crate::process;
use crate::root::emulator::Emulator;
use crate::root::overlay::{mount_overlay, unmount};
use crate::root::tools::Tools;
use crate::root::{base, recipes};

/// Every certificate that programs in a guest trust.
const TRUSTED: &str = "etc/ssl/certs/ca-certificates.crt";
/// Sizes of the disks. The images are sparse.
const ROOT: &str = "8G";
const DATA: &str = "8G";
const SHORT: Duration = Duration::from_mins(5);

/// See the module.
pub struct Ground {
    /// What the machines' processors are.
    pub architecture: Architecture,
    /// QEMU and its friends.
    pub tools: Tools,
    /// `kvm`, or `tcg`, which emulates.
    pub accelerator: &'static str,
    /// The guests' kernel.
    pub kernel: Kernel,
    /// Another, as after an upgrade.
    pub other: Kernel,
    /// The root disk that every machine starts from. Never written to.
    pub image: PathBuf,
    /// The server, as its makers publish it.
    pub archive: Archive,
    /// A directory with nothing but the agent's package in it.
    pub packages: PathBuf,
    /// What a cluster gives a machine.
    pub rendered: Rendered,
    /// A directory with the agent's settings from there.
    pub settings: PathBuf,
    /// A person's private key for SSH; its public half is in [`Rendered::key`].
    pub person: PathBuf,
}

/// QEMU and kernels for it: enough to try KVM.
pub struct Bare {
    architecture: Architecture,
    tools: Tools,
    kernel: Kernel,
    other: Kernel,
}

/// What QEMU boots a guest with.
pub struct Kernel {
    /// The kernel itself.
    pub image: PathBuf,
    /// Its first root.
    pub initrd: PathBuf,
}

impl Kernel {
    /// Copies the only one that is for clouds, or is not, out of a root's /boot.
    fn copy(root: &Path, for_clouds: bool, directory: &Path) -> Result<Self> {
        make_directory(directory)?;
        let only = |prefix| copy(root, prefix, for_clouds, directory);
        Ok(Self { image: only("vmlinuz-")?, initrd: only("initrd.img-")? })
    }
}

impl Bare {
    /// Makes both in the run's scratch.
    pub fn make(lab: &Lab) -> Result<Self> {
        let roots = lab.vm.as_ref().context("this run is not made for virtual machines")?;
        let directory = lab.disk().join("vm");
        make_directory(&directory)?;
        let scratch = lab.memory().join("qemu");
        let tools = Tools::mount(&roots.tools, &scratch, &[&lab.disk(), lab.memory()])?;
        let kernel = Kernel::copy(&roots.guest, true, &directory.join("kernel"))?;
        let other = Kernel::copy(&roots.guest, false, &directory.join("other-kernel"))?;
        Ok(Self { architecture: roots.architecture, tools, kernel, other })
    }

    /// See [`Tools::accelerator`].
    pub async fn accelerator(&self) -> &'static str {
        let Kernel { image, initrd } = &self.kernel;
        self.tools.accelerator(self.architecture, image, initrd).await
    }
}

/// A file that machines download.
pub struct Archive {
    /// The file.
    pub path: PathBuf,
    /// Its SHA-256, as `sha256sum` prints it.
    pub sha256: String,
}

impl Ground {
    /// Makes all of it in the run's scratch.
    pub async fn make(lab: &Lab) -> Result<Self> {
        let directory = lab.disk().join("vm");
        make_directory(&directory)?;
        let bare = Bare::make(lab)?;
        let accelerator = bare.accelerator().await;
        let Bare { architecture, tools, kernel, other } = bare;
        let roots = lab.vm.as_ref().context("this run is not made for virtual machines")?;
        let image = directory.join("root.raw");
        make_image(lab, &roots.guest, &image).await?;
        let archive = pack_server(lab, architecture, &tools, &directory).await?;
        let packages = directory.join("packages");
        let package = packages.join(format!("saigak-agent_lab_{}.deb", architecture.debian()));
        make_directory(&packages)?;
        std::fs::copy(lab.run.plan.package()?, &package)
            .with_context(|| format!("cannot make {}", package.display()))?;
        let settings = directory.join("settings");
        let person = directory.join("person");
        let rendered = Rendered::make(
            &tools,
            &directory.join("repository"),
            &person::key(&tools, &person).await?,
        )
        .await?;
        for (name, text) in &rendered.settings {
            write(&settings.join(name), text)?;
        }
        Ok(Self {
            architecture,
            tools,
            accelerator,
            kernel,
            other,
            image,
            archive,
            packages,
            rendered,
            settings,
            person,
        })
    }

    /// Makes a disk that is empty, or like another until it is written to.
    pub async fn blank(&self, disk: &Path, like: Option<&Path>) -> Result<()> {
        let mut command = self.tools.command("qemu-img", &["create", "-q", "-f", "qcow2"]);
        match like {
            Some(like) => command.args(["-F", "raw", "-b"]).arg(like).arg(disk),
            None => command.arg(disk).arg(DATA),
        };
        process::run(command, SHORT).await.map(drop)
    }
}

/// The roots that a run for virtual machines needs.
pub struct Roots {
    /// What they are for.
    pub architecture: Architecture,
    /// QEMU's.
    pub tools: PathBuf,
    /// The guests'.
    pub guest: PathBuf,
}

impl Roots {
    /// Finds them, or builds them: for another architecture by an emulator of single programs.
    pub async fn ensure(
        lab: &Path,
        architecture: Architecture,
        crossing: Option<&cross::Roots>,
    ) -> Result<Self> {
        let (tools, guest) = if architecture.is_foreign() {
            let crossing = crossing.context("nothing here emulates its programs")?;
            let emulator = Emulator::for_arm64(&crossing.emulator());
            let guest = base::ensure_emulated(lab, &recipes::VM_ARM64, &emulator).await?;
            (base::ensure(lab, &recipes::TOOLS_ARM64).await?, guest)
        } else {
            let tools = base::ensure(lab, &recipes::TOOLS).await?;
            (tools, base::ensure(lab, &recipes::VM).await?)
        };
        Ok(Self { architecture, tools, guest })
    }
}

/// Copies the only file of that kind, for clouds or not, out of a root's /boot.
fn copy(root: &Path, prefix: &str, for_clouds: bool, directory: &Path) -> Result<PathBuf> {
    let boot = root.join("boot");
    let entries =
        std::fs::read_dir(&boot).with_context(|| format!("cannot read {}", boot.display()))?;
    let wanted = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| {
            name.starts_with(prefix) && name.contains(recipes::CLOUD) == for_clouds
        })
    };
    let file = entries.flatten().map(|entry| entry.path()).find(wanted);
    let file = file.with_context(|| {
        format!("no {prefix}… in {} that is for clouds: {for_clouds}", boot.display())
    })?;
    let target = directory.join(prefix.trim_end_matches('-'));
    std::fs::copy(&file, &target).with_context(|| format!("cannot copy {}", file.display()))?;
    Ok(target)
}

/// An ext4 disk with the guests' root, in which the run's registry is trusted.
async fn make_image(lab: &Lab, base: &Path, image: &Path) -> Result<()> {
    let scratch = lab.memory().join("image");
    let root = scratch.join("root");
    mount_overlay(&[base.to_owned()], &scratch.join("upper"), &scratch.join("work"), &root)?;
    let trusted = root.join(TRUSTED);
    let mut certificates = std::fs::read_to_string(&trusted)
        .with_context(|| format!("cannot read {}", trusted.display()))?;
    certificates.push_str(&lab.authority.certificate);
    write(&trusted, certificates)?;
    let mut command = process::command("mke2fs", &["-q", "-t", "ext4", "-L", "root"]);
    command.args(["-E", "nodiscard", "-d"]).arg(&root).arg(image).arg(ROOT);
    let made = process::run(command, SHORT).await;
    unmount(&root)?;
    made.map(drop)
}

/// The server's program and libraries, packed as a release of Ollama is.
async fn pack_server(
    lab: &Lab,
    architecture: Architecture,
    tools: &Tools,
    directory: &Path,
) -> Result<Archive> {
    let tree = directory.join("server");
    make_directory(&tree.join("bin"))?;
    let equipment = &lab.run.plan.equipment;
    let (program, libraries) = match &equipment.ollama {
        Some(prefix) => (prefix.join("bin/ollama"), Some(prefix.join("lib"))),
        None => (equipment.stand_in.clone(), None),
    };
    std::fs::copy(&program, tree.join("bin/ollama"))
        .with_context(|| format!("cannot copy {}", program.display()))?;
    if let Some(libraries) = libraries {
        let mut copy = process::command("cp", &["--archive"]);
        copy.arg(libraries).arg(&tree);
        process::run(copy, SHORT).await?;
    } else {
        // The stand-in needs none; every release has the directory.
        make_directory(&tree.join("lib/ollama"))?;
    }
    let path = directory.join(format!("ollama-linux-{}.tar.zst", architecture.debian()));
    let mut pack = tools.command("tar", &["--zstd", "--create", "--directory"]);
    pack.arg(&tree).arg("--file").arg(&path).arg(".");
    process::run(pack, SHORT).await?;
    let mut sum = process::command("sha256sum", &["--"]);
    sum.arg(&path);
    let said = process::run(sum, SHORT).await?;
    let sha256 = said.split_whitespace().next().unwrap_or_default().to_owned();
    Ok(Archive { path, sha256 })
}
