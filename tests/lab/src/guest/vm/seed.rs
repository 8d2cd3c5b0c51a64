//! The disk that cloud-init reads: what KubeVirt makes of a virtual machine's secrets.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::paths::{make_directory, write};
use crate::process;
use crate::root::tools::Tools;

/// What is on it.
#[derive(Debug, Clone)]
pub struct Seed {
    /// `user-data`.
    pub user_data: String,
    /// `network-config`; a disk without one where absent.
    pub network_config: Option<String>,
    /// The instance-id in `meta-data`.
    pub instance: String,
    /// The public key of a person who may come in by SSH.
    pub key: String,
}

impl Seed {
    /// Makes the disk's image, over an older one.
    pub async fn make(&self, tools: &Tools, image: &Path) -> Result<()> {
        let directory = image.with_extension("files");
        if directory.exists() {
            std::fs::remove_dir_all(&directory)?;
        }
        make_directory(&directory)?;
        // The shape that KubeVirt gives it, keys of `accessCredentials` included.
        let meta_data = json!({
            "instance-id": self.instance,
            "local-hostname": "saigak-guest",
            "public-keys": { "0": self.key },
        });
        write(&directory.join("meta-data"), meta_data.to_string())?;
        write(&directory.join("user-data"), &self.user_data)?;
        if let Some(config) = &self.network_config {
            write(&directory.join("network-config"), config)?;
        }
        disk(tools, image, &directory, "cidata").await
    }
}

/// Makes the image of a read-only disk with that label from the files in a directory.
pub async fn disk(tools: &Tools, image: &Path, directory: &Path, label: &str) -> Result<()> {
    let mut command = tools.command("genisoimage", &["-quiet", "-joliet", "-rock"]);
    command.args(["-volid", label, "-output"]).arg(image).arg(directory);
    process::run(command, Duration::from_mins(2)).await.map(drop)
}
