//! The Debian that every guest starts from.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::hash::Key;
use crate::paths::{make_directory, write};
use crate::{process, say};

const SUITE: &str = "trixie";

/// What the reference guest has, and `curl` for a person's look.
const PACKAGES: &[&str] = &[
    // A disk that can be stopped: not of the reference guest.
    "bindfs",
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

/// Files of the image: path, mode, content.
const FILES: &[(&str, u32, &str)] = &[
    ("etc/systemd/system/ollama.service", 0o644, include_str!("files/ollama.service")),
    // The network file as cloud-init leaves it where a network-config names the link.
    ("etc/netplan/50-cloud-init.yaml", 0o600, include_str!("files/netplan.yaml")),
    // No data source in a container: cloud-init has done its work before the image was made.
    ("etc/cloud/cloud-init.disabled", 0o644, ""),
    ("etc/hostname", 0o644, "saigak-guest\n"),
    ("etc/hosts", 0o644, "127.0.0.1 localhost\n127.0.1.1 saigak-guest\n"),
    // On disk, so that the journal of a guest that died can still be read.
    ("etc/systemd/journald.conf.d/lab.conf", 0o644, "[Journal]\nStorage=persistent\n"),
];

/// Commands inside the image.
const COMMANDS: &[&[&str]] = &[
    &["passwd", "--quiet", "--delete", "root"],
    // As Ollama's installer makes it.
    &["useradd", "-r", "-s", "/bin/false", "-U", "-m", "-d", "/usr/share/ollama", "ollama"],
    &["systemctl", "--quiet", "enable", "ollama.service"],
    // They would work at times of their own choosing.
    &["systemctl", "--quiet", "mask", "apt-daily.timer", "apt-daily-upgrade.timer"],
    &["systemctl", "--quiet", "mask", "dpkg-db-backup.timer", "e2scrub_all.timer"],
];

/// The image's directory; built first where this recipe has not been built yet.
pub async fn ensure(lab: &Path) -> Result<PathBuf> {
    let root = lab.join(format!("root-{}", key()));
    if root.is_dir() {
        return Ok(root);
    }
    say::step("building the guests' root: Debian 13 (once, about a minute)");
    // A build that was cut short has another name than a finished one.
    let partial = root.with_extension("partial");
    remove(&partial)?;
    let mut command = process::command("mmdebstrap", &["--quiet", "--variant=minbase"]);
    command.arg(format!("--include={}", PACKAGES.join(","))).arg(SUITE).arg(&partial);
    process::run(command, Duration::from_mins(30)).await?;
    customise(&partial).await?;
    std::fs::rename(&partial, &root)
        .with_context(|| format!("cannot rename {} to {}", partial.display(), root.display()))?;
    Ok(root)
}

fn key() -> String {
    let mut key = Key::default().text(SUITE).text(std::env::consts::ARCH);
    for package in PACKAGES {
        key = key.text(package);
    }
    for (path, mode, content) in FILES {
        key = key.text(path).text(&mode.to_string()).text(content);
    }
    for command in COMMANDS {
        key = key.text(&command.join(" "));
    }
    key.finish()
}

async fn customise(root: &Path) -> Result<()> {
    for (path, mode, content) in FILES {
        let path = root.join(path);
        write(&path, content)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(*mode))
            .with_context(|| format!("cannot change the mode of {}", path.display()))?;
    }
    for arguments in COMMANDS {
        let mut command = process::command("chroot", &[root]);
        command.args(*arguments);
        process::run(command, Duration::from_mins(1)).await?;
    }
    make_directory(&root.join("var/lib/ollama"))?;
    let resolver = root.join("etc/resolv.conf");
    remove(&resolver)?;
    symlink("../run/systemd/resolve/stub-resolv.conf", &resolver)
        .with_context(|| format!("cannot make {}", resolver.display()))
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
