//! The agent's real package.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::paths::Paths;
use crate::{process, say};

/// The version of cargo-deb that the package's metadata was written for.
const CARGO_DEB: &str = "3.8.0";

/// Builds the package, unless one was given.
pub async fn build(paths: &Paths, given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        ensure!(given.is_file(), "no package: {} is missing", given.display());
        return given.canonicalize().with_context(|| format!("cannot find {}", given.display()));
    }
    let tool = cargo_deb(paths).await?;
    say::step("building the agent's package");
    let package = paths.lab().join("saigak-agent.deb");
    // Built first: the build that cargo-deb starts by itself cannot be made quiet.
    let build = ["build", "--quiet", "--release", "--package", "saigak-agent"];
    let mut command = process::command(&paths.cargo, &build);
    command.current_dir(&paths.workspace);
    process::run_on_terminal(command).await?;
    let pack = ["deb", "--quiet", "--no-build", "--package", "saigak-agent"];
    let mut command = process::command(&tool, &pack);
    command.arg("--output").arg(&package).current_dir(&paths.workspace);
    process::run(command, Duration::from_mins(2)).await?;
    Ok(package)
}

/// Finds cargo-deb, or installs it for the lab alone.
pub async fn cargo_deb(paths: &Paths) -> Result<String> {
    let own = paths.lab().join("tools/bin/cargo-deb");
    let on_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).map(|dir| dir.join("cargo-deb")).find(|file| file.is_file())
    });
    if let Some(found) = on_path.or_else(|| own.is_file().then(|| own.clone())) {
        return Ok(found.to_string_lossy().into_owned());
    }
    say::step("installing cargo-deb under target/lab/tools (once, some minutes)");
    let root = paths.lab().join("tools");
    let mut command = process::command(&paths.cargo, &["install", "--quiet", "--locked"]);
    command.arg("--root").arg(&root).arg(format!("cargo-deb@{CARGO_DEB}"));
    process::run_on_terminal(command).await?;
    Ok(own.to_string_lossy().into_owned())
}
