//! A machine that has saved itself, memory included, and others that go on from there.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio::time::timeout;

use super::ground::Ground;
use super::hardware::Hardware;
use super::{DISKS, SEED, SHORT, Vm, image};
use crate::net::namespace::Namespace;
use crate::paths::make_directory;
use crate::process;

/// The name of the only snapshot that a machine's disks hold.
const SNAPSHOT: &str = "ready";

/// What is left of a machine that has saved itself.
pub struct Saved {
    disks: PathBuf,
    hardware: Hardware,
}

impl Vm {
    /// Saves all of it on its own disks, which go to another directory, and ends it.
    pub async fn save(&self, disks: &Path) -> Result<Saved> {
        let arguments = json!({ "command-line": format!("savevm {SNAPSHOT}") });
        let said = self.monitor("human-monitor-command", arguments).await?;
        match said.as_str().unwrap_or_default().trim() {
            "" => {}
            error => bail!("savevm: {error}"),
        }
        self.kill().await?;
        make_directory(disks)?;
        let hardware = self.hardware.borrow().clone();
        for name in files(&hardware) {
            let (from, to) = (self.disks.join(&name), disks.join(&name));
            std::fs::rename(&from, &to)
                .with_context(|| format!("cannot move {}", from.display()))?;
        }
        Ok(Saved { disks: disks.to_owned(), hardware })
    }

    /// A machine that can be brought back as the one that saved itself.
    pub async fn like(
        saved: &Saved,
        ground: &Rc<Ground>,
        disks: &Path,
        sockets: &Path,
    ) -> Result<Self> {
        let vm = Self::bare(ground, disks, sockets, saved.hardware.clone())?;
        for name in files(&saved.hardware) {
            let mut copy = process::command("cp", &["--sparse=always", "--reflink=auto"]);
            copy.arg(saved.disks.join(&name)).arg(disks.join(&name));
            process::run(copy, SHORT).await?;
        }
        Ok(vm)
    }

    /// Brings it back as it was when it saved itself.
    pub async fn restore(&self, network: &Namespace) -> Result<()> {
        self.start(network, Some(SNAPSHOT)).await?;
        timeout(SHORT, self.until_it_answers()).await.context("it does not answer")?
    }
}

/// The images of all its disks.
fn files(hardware: &Hardware) -> Vec<PathBuf> {
    let written = DISKS.map(|name| image(Path::new(""), name));
    let read = hardware.extra.iter().map(|(name, _)| PathBuf::from(name));
    written.into_iter().chain([PathBuf::from(SEED)]).chain(read).collect()
}
