//! What the lab needs from the distribution.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::privilege;
use crate::{process, say};

/// Package, and a file that tells whether it is there.
const NEEDED: &[(&str, &str)] = &[
    ("debian-archive-keyring", "/usr/share/keyrings/debian-archive-keyring.gpg"),
    ("dnsmasq-base", "/usr/sbin/dnsmasq"),
    ("dpkg-dev", "/usr/bin/dpkg-shlibdeps"),
    ("e2fsprogs", "/usr/sbin/mke2fs"),
    ("iproute2", "/usr/bin/ip"),
    ("mmdebstrap", "/usr/bin/mmdebstrap"),
    ("systemd-container", "/usr/bin/systemd-nspawn"),
    ("util-linux", "/usr/bin/setpriv"),
];

/// Prints the list, and installs what is missing.
pub async fn install() -> Result<()> {
    require_debian()?;
    let names: Vec<&str> = NEEDED.iter().map(|(name, _)| *name).collect();
    say::step(&format!("Debian packages needed: {}", names.join(" ")));
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    say::step(&format!("installing: {}", missing.join(" ")));
    // No recommended packages: dnsmasq-base must not bring a running service with it.
    let mut arguments = vec!["DEBIAN_FRONTEND=noninteractive", "apt-get", "install"];
    arguments.extend(["--yes", "--quiet=2", "--no-install-recommends"]);
    arguments.extend(&missing);
    let first = privilege::as_root("env", &arguments);
    if process::run(first, Duration::from_mins(10)).await.is_err() {
        // A fresh machine has no package lists yet, an old one has stale ones.
        let update = privilege::as_root("apt-get", &["update", "--quiet=2"]);
        process::run(update, Duration::from_mins(10)).await?;
        let again = privilege::as_root("env", &arguments);
        process::run(again, Duration::from_mins(10)).await?;
    }
    Ok(())
}

fn missing() -> Vec<&'static str> {
    NEEDED
        .iter()
        .filter(|(_, witness)| !Path::new(witness).exists())
        .map(|(name, _)| *name)
        .collect()
}

/// Debian and its children name themselves in os-release.
fn require_debian() -> Result<()> {
    let path = "/etc/os-release";
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    if is_debian(&text) {
        return Ok(());
    }
    bail!("the lab needs Debian or Ubuntu, with apt-get: {path} names another system")
}

fn is_debian(os_release: &str) -> bool {
    os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .flat_map(|value| value.trim_matches('"').split_whitespace())
        .any(|id| id == "debian" || id == "ubuntu")
}

#[cfg(test)]
mod tests {
    use super::is_debian;

    #[test]
    fn debian_and_its_children_are_told_from_others() {
        assert!(is_debian("NAME=x\nID=debian\n"));
        assert!(is_debian("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_debian("ID=fedora\nID_LIKE=\"rhel\"\nHOME_URL=https://debian.org\n"));
    }
}
