//! NVIDIA's own library and nvidia-smi, as Debian packs them: what they say without a device is
//! what the agent will meet. They are fetched for one scenario, and unpacked, not installed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::paths::{Paths, make_directory, write};
use crate::{process, say};

const PACKAGES: [&str; 2] = ["libnvidia-ml1", "nvidia-smi"];
/// Debian's licence for them is NVIDIA's.
const SOURCE: &str = "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: trixie\n\
    Components: non-free\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n";
const PATIENCE: Duration = Duration::from_mins(2);

/// The two files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Nvidia {
    /// `libnvidia-ml.so.1`.
    pub library: PathBuf,
    /// `nvidia-smi`.
    pub program: PathBuf,
}

/// Finds them, or fetches them; `None` where they cannot be had, and then says why.
pub async fn ensure(paths: &Paths) -> Option<Nvidia> {
    let directory = paths.lab().join("nvidia");
    let found = find(&directory);
    if found.is_some() {
        return found;
    }
    say::step("fetching NVIDIA's library and nvidia-smi from Debian's non-free (once)");
    if let Err(error) = fetch(&directory).await {
        say::error(&format!("without NVIDIA's own library: {error:#}"));
    }
    find(&directory)
}

fn find(directory: &Path) -> Option<Nvidia> {
    let root = directory.join("root/usr/lib");
    let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
    let library = root.join(triple).join("nvidia/current/libnvidia-ml.so.1");
    let program = root.join("nvidia/current/nvidia-smi");
    (library.is_file() && program.is_file()).then_some(Nvidia { library, program })
}

/// With lists and a cache of its own: the machine's package sources stay as they are.
async fn fetch(directory: &Path) -> Result<()> {
    for part in ["lists/partial", "cache/archives/partial", "root"] {
        make_directory(&directory.join(part))?;
    }
    let source = directory.join("nvidia.sources");
    write(&source, SOURCE)?;
    let options = [
        format!("Dir::State::Lists={}", directory.join("lists").display()),
        format!("Dir::Cache={}", directory.join("cache").display()),
        format!("Dir::Etc::SourceList={}", source.display()),
        "Dir::Etc::SourceParts=/dev/null".into(),
        // Whoever runs this owns the directories; no other user can write there.
        format!(
            "APT::Sandbox::User={}",
            nix::unistd::User::from_uid(nix::unistd::getuid())
                .ok()
                .flatten()
                .map_or_else(|| "root".into(), |user| user.name)
        ),
    ];
    let apt = |arguments: &[&str]| {
        let mut command = process::command("apt-get", &["--quiet=2"]);
        command.args(options.iter().flat_map(|option| ["-o", option])).args(arguments);
        command.current_dir(directory);
        command
    };
    process::run(apt(&["update"]), PATIENCE).await?;
    process::run(apt(&["download", PACKAGES[0], PACKAGES[1]]), PATIENCE).await?;
    let entries = std::fs::read_dir(directory)
        .with_context(|| format!("cannot read {}", directory.display()))?;
    for package in entries.flatten().map(|entry| entry.path()) {
        if package.extension().is_some_and(|kind| kind == "deb") {
            let mut unpack = process::command("dpkg-deb", &["--extract"]);
            unpack.arg(&package).arg(directory.join("root"));
            process::run(unpack, PATIENCE).await?;
        }
    }
    Ok(())
}
