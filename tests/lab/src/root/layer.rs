//! The agent's package, installed over the root by dpkg itself. One layer for each build of the
//! package; it costs every later boot nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::overlay::{mount_overlay, unmount};
use crate::hash::Key;
use crate::host::scratch;
use crate::{process, say};

/// The layer's directory; built first where this package has not been installed yet.
pub async fn ensure(lab: &Path, base: &Path, package: &Path) -> Result<PathBuf> {
    let key = Key::default().text(&base.to_string_lossy()).file(package)?.finish();
    let layer = lab.join(format!("layer-{key}"));
    if layer.is_dir() {
        return Ok(layer);
    }
    say::step("installing the agent's package over the root");
    forget_others(lab)?;
    let partial = lab.join(format!("layer-{key}.partial"));
    let upper = partial.join("upper");
    let target = Path::new("/run/saigak-lab/layer");
    mount_overlay(&[base.to_owned()], &upper, &partial.join("work"), target)?;
    let installed = install(target, package).await;
    unmount(target)?;
    installed?;
    std::fs::rename(&upper, &layer)
        .with_context(|| format!("cannot rename {} to {}", upper.display(), layer.display()))?;
    std::fs::remove_dir_all(&partial)
        .with_context(|| format!("cannot remove {}", partial.display()))?;
    Ok(layer)
}

/// Runs dpkg where nothing is booted, as an image builder does.
async fn install(root: &Path, package: &Path) -> Result<()> {
    let mut command = process::command("systemd-nspawn", &["--quiet", "--as-pid2", "--pipe"]);
    command.args(["--register=no", "--keep-unit", "--private-network"]);
    command.args(["--resolv-conf=off", "--timezone=off", "--link-journal=no"]);
    command.arg("--directory").arg(root);
    command.arg(format!("--bind-ro={}:/mnt/agent.deb", package.display()));
    command.args(["dpkg", "--install", "/mnt/agent.deb"]);
    process::run(command, Duration::from_mins(2)).await.map(drop)
}

/// Removes the layers of older builds, unless another run may be using them.
fn forget_others(lab: &Path) -> Result<()> {
    if scratch::alive(lab)?.len() > 1 {
        return Ok(());
    }
    let entries =
        std::fs::read_dir(lab).with_context(|| format!("cannot read {}", lab.display()))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with("layer-") {
            let path = entry.path();
            std::fs::remove_dir_all(&path)
                .with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}
