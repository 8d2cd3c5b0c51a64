//! `gpu-load`, `gpu-persistence`: NVIDIA's driver, brought up as the guest would at boot.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::Reply;
use super::manager::{Job, Unit};
use crate::config::{Gpu, Vendor};

/// What the kernel shows while the module is loaded.
const MODULE: &str = "/sys/module/nvidia";

/// A module that finds its GPU takes seconds, some of a large one's.
const DEADLINE: Duration = Duration::from_secs(120);

const PERSISTENCE: &str = "nvidia-persistenced.service";

/// Loads the module, and the one that CUDA needs. A person who has blacklisted it is obeyed.
pub(super) async fn load(config: &Gpu) -> Reply {
    if let Err(reply) = expected(config) {
        return reply;
    }
    if Path::new(MODULE).exists() {
        return Reply::unneeded("the module nvidia is loaded");
    }
    let words = match modprobe("nvidia").await {
        Ok(words) => words,
        Err(reply) => return reply,
    };
    if !Path::new(MODULE).exists() {
        let words =
            if words.is_empty() { "modprobe did nothing: is it blacklisted?" } else { &words };
        return Reply::failed(format!("the module nvidia is not loaded: {words}"));
    }
    match modprobe("nvidia_uvm").await {
        Ok(words) if words.is_empty() => Reply::done("loaded the modules nvidia and nvidia_uvm"),
        Ok(words) => Reply::done(format!("loaded the module nvidia; nvidia_uvm: {words}")),
        Err(reply) => reply,
    }
}

/// Refuses where no GPU of NVIDIA should be.
fn expected(config: &Gpu) -> Result<(), Reply> {
    if config.expected == 0 || config.vendor != Vendor::Nvidia {
        return Err(Reply::refused("the configuration expects no GPU of NVIDIA"));
    }
    Ok(())
}

/// What modprobe says: nothing where all is well.
async fn modprobe(module: &str) -> Result<String, Reply> {
    let run = Command::new("modprobe").args(["--use-blacklist", module]).output();
    let output = match timeout(DEADLINE, run).await {
        Ok(output) => output.map_err(|error| format!("cannot run modprobe: {error}")),
        Err(_) => Err(format!("modprobe {module} takes more than {} s", DEADLINE.as_secs())),
    };
    let output = output.map_err(Reply::failed)?;
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() {
        return Ok(words);
    }
    Ok(if words.is_empty() { format!("modprobe {module}: {}", output.status) } else { words })
}

/// Starts the persistence daemon, which makes the device nodes.
pub(super) async fn persistence(config: &Gpu) -> Reply {
    let start = async {
        expected(config)?;
        let unit = Unit::connect(PERSISTENCE).await?;
        unit.must_be_loaded().await?;
        if unit.is_active().await? {
            return Err(Reply::unneeded(format!("{PERSISTENCE} runs already")));
        }
        unit.run(Job::Start).await
    };
    match start.await {
        Ok(()) => Reply::done(format!("started {PERSISTENCE}")),
        Err(reply) => reply,
    }
}
