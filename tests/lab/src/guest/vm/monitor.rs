//! What QEMU does to a running machine when it is told so.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::hardware::{DATA_FILE, SPARE};
use super::wire::Wire;
use super::{SHORT, Vm};

/// The node between the data disk's image and its file, through which nothing is written.
const BROKEN: &str = "data-broken";

impl Vm {
    /// Has QEMU do something.
    pub async fn monitor(&self, command: &str, arguments: Value) -> Result<Value> {
        let work = async {
            let mut wire = Wire::to_monitor(&self.sockets.join("monitor")).await?;
            wire.execute(command, arguments).await
        };
        timeout(SHORT, work).await.with_context(|| format!("QEMU does not {command}"))?
    }

    /// Stops its processors.
    pub async fn stop(&self) -> Result<()> {
        self.monitor("stop", json!({})).await.map(drop)
    }

    /// Lets its processors go on.
    pub async fn go_on(&self) -> Result<()> {
        self.monitor("cont", json!({})).await.map(drop)
    }

    /// Attaches the data disk to the running machine, as KubeVirt does with a volume.
    pub async fn attach_data(&self) -> Result<()> {
        let file =
            json!({ "driver": "file", "filename": self.disk("data"), "node-name": DATA_FILE });
        let node = json!({ "driver": "qcow2", "node-name": "data", "file": file });
        self.monitor("blockdev-add", node).await?;
        let device = json!({
            "driver": "virtio-blk-pci", "id": "disk-data", "drive": "data",
            "serial": "saigak-data", "bus": SPARE,
        });
        self.monitor("device_add", device).await?;
        self.hardware.borrow_mut().data = true;
        Ok(())
    }

    /// From now on every write to the data disk fails with an I/O error, until it is powered off.
    pub async fn break_data(&self) -> Result<()> {
        // The event `none` is the node's own beginning.
        let fails = json!([{ "event": "none", "iotype": "write", "errno": 5, "once": false }]);
        let node = json!({
            "driver": "blkdebug", "node-name": BROKEN, "image": DATA_FILE, "inject-error": fails,
        });
        self.monitor("blockdev-add", node).await?;
        let node = json!({ "driver": "qcow2", "node-name": "data", "file": BROKEN });
        self.monitor("blockdev-reopen", json!({ "options": [node] })).await.map(drop)
    }

    /// From now on the root disk takes so many bytes a second, until it is powered off.
    pub async fn slow_root(&self, bytes: u32) -> Result<()> {
        let limits = json!({
            "id": "/machine/peripheral/disk-root/virtio-backend",
            "bps": 0, "bps_rd": 0, "bps_wr": bytes, "iops": 0, "iops_rd": 0, "iops_wr": 0,
        });
        self.monitor("block_set_io_throttle", limits).await.map(drop)
    }
}
