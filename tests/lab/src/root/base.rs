//! The Debians that the lab builds by mmdebstrap: what guests start from, and what QEMU runs in.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::hash::Key;
use crate::paths::{make_directory, write};
use crate::{process, say};

const SUITE: &str = "trixie";

/// How a root is made.
pub struct Recipe {
    /// What it is for, in a person's words.
    what: &'static str,
    /// The beginning of its directory's name.
    name: &'static str,
    packages: &'static [&'static [&'static str]],
    /// Lines of a list of package sources; the machine's own mirror where there is none.
    sources: &'static [&'static str],
    /// Architectures, the machine's own first.
    architectures: &'static [&'static str],
    /// Path, mode, content.
    files: &'static [&'static [(&'static str, u32, &'static str)]],
    /// Commands inside of it.
    commands: &'static [&'static [&'static [&'static str]]],
    guest: bool,
}

/// Debian, from the machine's own mirror, and nothing else.
const PLAIN: Recipe = Recipe {
    what: "",
    name: "",
    packages: &[],
    sources: &[],
    architectures: &[],
    files: &[],
    commands: &[],
    guest: false,
};

/// A guest in a container.
pub const CONTAINER: Recipe = Recipe {
    what: "the guests' root: Debian 13",
    name: "root",
    packages: &[&["bindfs"], GUEST],
    files: &[READY_MADE, FILES],
    commands: &[PASSWORD, SERVER, QUIET],
    guest: true,
    ..PLAIN
};

/// A virtual machine, as the images are that clouds start from: cloud-init does all the rest.
pub const VM: Recipe = Recipe {
    what: "the virtual machines' root: Debian 13 with its kernel",
    name: "vm",
    packages: &[GUEST, &["kmod", KERNEL, "qemu-guest-agent", "sudo", "udev", "zstd"]],
    files: &[FILES, IN_A_VM],
    commands: &[PASSWORD, QUIET, &[&["systemctl", "--quiet", "enable", "lab-watch.path"]]],
    guest: true,
    ..PLAIN
};

/// What virtual machines are run by, so that the machine's own distribution does not matter.
pub const TOOLS: Recipe = Recipe {
    what: "a root for QEMU",
    name: "qemu",
    packages: &[
        &["genisoimage", "kustomize", "openssh-client", "qemu-system-x86", "qemu-utils", "seabios"],
        &["zstd"],
    ],
    ..PLAIN
};

/// What builds for arm64, by Debian's compilers, on amd64, and runs what it has built.
pub const CROSS: Recipe = Recipe {
    what: "a root that builds for arm64",
    name: "cross",
    packages: &[
        &["ca-certificates", "dpkg-dev", "gcc", "gcc-aarch64-linux-gnu", "libc6-dev"],
        &["libc6-dev-arm64-cross", "qemu-user"],
        // Debian 13's own is older than this workspace wants.
        &["cargo/trixie-backports", "rustc/trixie-backports"],
        &["libstd-rust-dev:arm64/trixie-backports"],
    ],
    sources: &[
        "deb http://deb.debian.org/debian trixie main",
        "deb http://deb.debian.org/debian trixie-backports main",
    ],
    architectures: &["amd64", "arm64"],
    ..PLAIN
};

/// The kernel of Debian's own cloud images.
const KERNEL: &str = if cfg!(target_arch = "aarch64") {
    "linux-image-cloud-arm64"
} else {
    "linux-image-cloud-amd64"
};

/// What the reference guest has, and `curl` for a person's look.
const GUEST: &[&str] = &[
    "ca-certificates",
    "cloud-init",
    "curl",
    "dbus",
    "e2fsprogs",
    "iproute2",
    "iputils-ping",
    "less",
    "libpam-systemd",
    "netplan.io",
    "nftables",
    "openssh-server",
    "polkitd",
    "procps",
    "systemd-resolved",
    "systemd-sysv",
    "util-linux",
];

const FILES: &[(&str, u32, &str)] = &[
    ("etc/hostname", 0o644, "saigak-guest\n"),
    ("etc/hosts", 0o644, "127.0.0.1 localhost\n127.0.1.1 saigak-guest\n"),
    // On disk, so that the journal of a guest that died can still be read.
    ("etc/systemd/journald.conf.d/lab.conf", 0o644, "[Journal]\nStorage=persistent\n"),
];

/// What cloud-init did before a container's image was made.
const READY_MADE: &[(&str, u32, &str)] = &[
    ("etc/systemd/system/ollama.service", 0o644, include_str!("files/ollama.service")),
    // The network file as cloud-init leaves it where a network-config names the link.
    ("etc/netplan/50-cloud-init.yaml", 0o600, include_str!("files/netplan.yaml")),
    // No data source in a container.
    ("etc/cloud/cloud-init.disabled", 0o644, ""),
];

const IN_A_VM: &[(&str, u32, &str)] = &[
    // As on every image for clouds with such disks: no other source is searched for.
    ("etc/cloud/cloud.cfg.d/90-lab.cfg", 0o644, "datasource_list: [NoCloud, None]\n"),
    // As of an image that was booted before it was published: no caches are made anew.
    ("etc/.updated", 0o644, ""),
    ("var/.updated", 0o644, ""),
    ("etc/systemd/system/lab-watch.path", 0o644, include_str!("files/lab-watch.path")),
    ("etc/systemd/system/lab-watch.service", 0o644, include_str!("files/lab-watch.service")),
];

const PASSWORD: &[&[&str]] = &[&["passwd", "--quiet", "--delete", "root"]];

const QUIET: &[&[&str]] = &[
    // They would work at times of their own choosing.
    &["systemctl", "--quiet", "mask", "apt-daily.timer", "apt-daily-upgrade.timer"],
    &["systemctl", "--quiet", "mask", "dpkg-db-backup.timer", "e2scrub_all.timer"],
];

const SERVER: &[&[&str]] = &[
    // As Ollama's installer makes it.
    &["useradd", "-r", "-s", "/bin/false", "-U", "-m", "-d", "/usr/share/ollama", "ollama"],
    &["systemctl", "--quiet", "enable", "ollama.service"],
];

/// The root's directory; built first where this recipe has not been built yet.
pub async fn ensure(lab: &Path, recipe: &Recipe) -> Result<PathBuf> {
    let root = lab.join(format!("{}-{}", recipe.name, recipe.key()));
    if root.is_dir() {
        return Ok(root);
    }
    say::step(&format!("building {} (once, about a minute)", recipe.what));
    // A build that was cut short has another name than a finished one.
    let partial = root.with_extension("partial");
    remove(&partial)?;
    let mut command = process::command("mmdebstrap", &["--quiet", "--variant=minbase"]);
    command.arg(format!("--include={}", recipe.packages.concat().join(",")));
    if !recipe.architectures.is_empty() {
        command.arg(format!("--architectures={}", recipe.architectures.join(",")));
    }
    command.arg(SUITE).arg(&partial).args(recipe.sources);
    process::run(command, Duration::from_mins(30)).await?;
    recipe.customise(&partial).await?;
    std::fs::rename(&partial, &root)
        .with_context(|| format!("cannot rename {} to {}", partial.display(), root.display()))?;
    Ok(root)
}

impl Recipe {
    fn key(&self) -> String {
        let mut key = Key::default().text(SUITE).text(std::env::consts::ARCH);
        for text in [&self.packages.concat(), self.sources, self.architectures].concat() {
            key = key.text(text);
        }
        for (path, mode, content) in self.files.concat() {
            key = key.text(path).text(&mode.to_string()).text(content);
        }
        for command in self.commands.concat() {
            key = key.text(&command.join(" "));
        }
        key.finish()
    }

    async fn customise(&self, root: &Path) -> Result<()> {
        for (path, mode, content) in self.files.concat() {
            let path = root.join(path);
            write(&path, content)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))
                .with_context(|| format!("cannot change the mode of {}", path.display()))?;
        }
        for arguments in self.commands.concat() {
            let mut command = process::command("chroot", &[root]);
            command.args(arguments);
            process::run(command, Duration::from_mins(1)).await?;
        }
        if !self.guest {
            return Ok(());
        }
        make_directory(&root.join("var/lib/ollama"))?;
        let resolver = root.join("etc/resolv.conf");
        remove(&resolver)?;
        symlink("../run/systemd/resolve/stub-resolv.conf", &resolver)
            .with_context(|| format!("cannot make {}", resolver.display()))
    }
}

/// Removes a file or a tree that may not be there.
fn remove(path: &Path) -> Result<()> {
    let gone = match path.symlink_metadata() {
        Err(_) => return Ok(()),
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
    };
    gone.with_context(|| format!("cannot remove {}", path.display()))
}
