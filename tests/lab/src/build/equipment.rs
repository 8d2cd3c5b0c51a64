//! What stands around the agent: the server, the registry, the GPU, and saigakctl.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::cli::With;
use crate::paths::Paths;
use crate::plan::{Equipment, Task};
use crate::{process, say};

/// The stand-ins for Ollama and its registry.
pub const OLLAMA: &str = "saigak-lab-ollama";

/// Builds what the task needs of saigakctl and the stand-ins, and checks what was given in their
/// place.
pub async fn build(paths: &Paths, with: &With, task: &Task) -> Result<Equipment> {
    let needed: &[&str] = match task.place() {
        None => &[],
        // What stands outside of the guest runs here.
        Some(place) if place.is_foreign() => &[OLLAMA],
        Some(_) => &[OLLAMA, "saigak-lab-gpu", "saigak-lab-nvml", "saigakctl"],
    };
    if !needed.is_empty() {
        say::step(&format!("building what stands around the agent: {}", needed.join(" ")));
        let mut command = process::command(&paths.cargo, &["build", "--quiet", "--release"]);
        command.args(needed.iter().map(|name| format!("--package={name}")));
        command.args(["--bins", "--lib"]);
        command.current_dir(&paths.workspace);
        process::run_on_terminal(command).await?;
    }
    let built = |name: &str| paths.target.join("release").join(name);
    let ollama = match with.ollama.clone().or_else(from_environment) {
        Some(prefix) => Some(real(&prefix)?),
        None => None,
    };
    let gguf = with.gguf.as_deref().map(absolute).transpose()?;
    Ok(Equipment {
        stand_in: built("ollama"),
        registry: built("registry"),
        nvml: built("libnvidia_ml.so"),
        nvidia_smi: built("nvidia-smi"),
        saigakctl: built("saigakctl"),
        nvidia: None,
        ollama,
        gguf,
    })
}

fn from_environment() -> Option<PathBuf> {
    std::env::var_os("SAIGAK_LAB_OLLAMA").filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn real(prefix: &Path) -> Result<PathBuf> {
    let prefix = absolute(prefix)?;
    let program = prefix.join("bin/ollama");
    ensure!(program.is_file(), "no Ollama: {} is missing", program.display());
    Ok(prefix)
}

/// The inside of a run may stand in another directory.
fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize().with_context(|| format!("cannot find {}", path.display()))
}
