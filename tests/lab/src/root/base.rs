//! The Debians that the lab builds by mmdebstrap: what guests start from, and what QEMU runs in.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;

use super::emulator::Emulator;
use crate::hash::Key;
use crate::paths::{make_directory, write};
use crate::{process, say};

/// How a root is made.
pub struct Recipe {
    /// What it is for, in a person's words.
    pub(super) what: &'static str,
    /// The beginning of its directory's name.
    pub(super) name: &'static str,
    /// Debian's release.
    pub(super) suite: &'static str,
    /// What mmdebstrap does: `minbase`, or `extract`, which unpacks the packages alone.
    pub(super) variant: &'static str,
    pub(super) packages: &'static [&'static [&'static str]],
    /// Lines of a list of package sources; the machine's own mirror where there is none.
    pub(super) sources: &'static [&'static str],
    /// Architectures, the root's own first; the machine's where there is none.
    pub(super) architectures: &'static [&'static str],
    /// Path, mode, content.
    pub(super) files: &'static [&'static [(&'static str, u32, &'static str)]],
    /// Commands inside of it.
    pub(super) commands: &'static [&'static [&'static [&'static str]]],
    pub(super) guest: bool,
}

/// The root's directory; built first where this recipe has not been built yet.
pub async fn ensure(lab: &Path, recipe: &Recipe) -> Result<PathBuf> {
    make(lab, recipe, None).await
}

/// The same for a root whose programs this machine can only emulate.
pub async fn ensure_emulated(lab: &Path, recipe: &Recipe, by: &Emulator) -> Result<PathBuf> {
    make(lab, recipe, Some(by)).await
}

async fn make(lab: &Path, recipe: &Recipe, emulator: Option<&Emulator>) -> Result<PathBuf> {
    let root = lab.join(format!("{}-{}", recipe.name, recipe.key()));
    if root.is_dir() {
        return Ok(root);
    }
    say::step(&format!("building {} (once)", recipe.what));
    // A build that was cut short has another name than a finished one.
    let partial = root.with_extension("partial");
    remove(&partial)?;
    let variant = format!("--variant={}", recipe.variant);
    let mut command = process::command("mmdebstrap", &["--quiet", "--mode=root", &variant]);
    command.arg(format!("--include={}", recipe.packages.concat().join(",")));
    if !recipe.architectures.is_empty() {
        command.arg(format!("--architectures={}", recipe.architectures.join(",")));
    }
    if emulator.is_some() {
        // It asks a package of its own for what is given here.
        command.arg("--skip=check/qemu");
    }
    command.arg(recipe.suite).arg(&partial).args(recipe.sources);
    run(command, emulator, Duration::from_mins(30)).await?;
    recipe.customise(&partial, emulator).await?;
    std::fs::rename(&partial, &root)
        .with_context(|| format!("cannot rename {} to {}", partial.display(), root.display()))?;
    Ok(root)
}

/// Emulated, all takes several times as long.
async fn run(command: Command, emulator: Option<&Emulator>, deadline: Duration) -> Result<()> {
    match emulator {
        Some(emulator) => emulator.run(&command, deadline * 4).await,
        None => process::run(command, deadline).await.map(drop),
    }
}

impl Recipe {
    fn key(&self) -> String {
        let mut key =
            Key::default().text(self.suite).text(self.variant).text(std::env::consts::ARCH);
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

    async fn customise(&self, root: &Path, emulator: Option<&Emulator>) -> Result<()> {
        for (path, mode, content) in self.files.concat() {
            let path = root.join(path);
            write(&path, content)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))
                .with_context(|| format!("cannot change the mode of {}", path.display()))?;
        }
        for arguments in self.commands.concat() {
            let mut command = process::command("chroot", &[root]);
            command.args(arguments);
            run(command, emulator, Duration::from_mins(1)).await?;
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
