//! Looks at PCI and asks the server. Nothing here touches a GPU.

use std::path::Path;
use std::time::Duration;

use super::pci::{self, Device};
use super::placed::{self, Placed};
use crate::config::Config;
use crate::ollama::Api;

/// What was seen of the GPUs.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The vendor's GPUs on PCI, or why sysfs could not be read.
    pub devices: Result<Vec<Device>, String>,
    /// Where the model lies.
    pub placed: Placed,
}

/// Looks at the GPUs. `server` is the one that answers and the id of its start, `before` where the
/// model was at the last look, `uptime` the time now.
pub async fn look(
    config: &Config,
    server: Option<(Api, u128)>,
    before: Placed,
    uptime: Duration,
) -> Facts {
    let vendor = config.gpu.vendor;
    let scan = tokio::task::spawn_blocking(move || pci::gpus(Path::new(pci::DEVICES), vendor));
    let devices = async { scan.await.unwrap_or_else(|error| Err(error.to_string())) };
    let placed = async {
        match server {
            Some((api, invocation)) => {
                before.follow(invocation, placed::ask(&api, &config.model).await, uptime)
            }
            None => before,
        }
    };
    let (devices, placed) = tokio::join!(devices, placed);
    Facts { devices, placed }
}
