//! Programs that tests of the manifests run: as Debian packs them, unpacked, not installed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::host::privilege;
use crate::paths::{Paths, make_directory};
use crate::{process, say};

/// `kustomize`, `promtool`, `prometheus-alertmanager` and `amtool` are in these.
const PACKAGES: &str = "kustomize,prometheus,prometheus-alertmanager";
/// Of the release that the guests are made of. Its programs need little of a C library, and run on
/// the releases before and after it.
const SUITE: &str = "trixie";

/// The directory that they were unpacked to, below `target/lab`; unpacked first where they are not
/// there.
///
/// # Errors
/// mmdebstrap failed, with what it said, or the directory cannot be put in its place.
pub async fn ensure(paths: &Paths) -> Result<PathBuf> {
    let root = paths.lab().join("manifest-tools");
    if root.is_dir() {
        return Ok(root);
    }
    say::step("fetching kustomize and Prometheus' tools from Debian (once, a minute)");
    make_directory(&paths.lab())?;
    // What was cut short has another name than what was finished.
    let partial = root.with_extension("partial");
    remove(&partial).await?;
    let include = format!("--include={PACKAGES}");
    let target = partial.to_string_lossy();
    let arguments = ["--quiet", "--variant=extract", &include, SUITE, &target];
    process::run(privilege::as_root("mmdebstrap", &arguments), Duration::from_mins(10)).await?;
    std::fs::rename(&partial, &root)
        .with_context(|| format!("cannot rename {} to {}", partial.display(), root.display()))?;
    Ok(root)
}

/// It belongs to root, as all that mmdebstrap makes.
async fn remove(directory: &Path) -> Result<()> {
    if !directory.exists() {
        return Ok(());
    }
    let target = directory.to_string_lossy();
    let command = privilege::as_root("rm", &["--recursive", "--force", "--", &target]);
    process::run(command, Duration::from_mins(1)).await.map(drop)
}
