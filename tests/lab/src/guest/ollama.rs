//! The guest's server and what it keeps, looked at and changed from outside the agent.

use anyhow::{Context, Result};
use serde_json::Value;

use super::Guest;
use super::disk::MOUNT;

impl Guest {
    /// Every file of the data disk, with size and owner, sorted. What the agent has set aside is
    /// left out: it is what was broken, and is kept.
    pub async fn data(&self) -> Result<String> {
        let files = format!("find {MOUNT} -xdev -type f -not -name '*.set-aside-*'");
        self.sh(&format!("{files} -printf '%P %s %U\\n' | sort")).await
    }

    /// The names of the blobs that the agent has set aside, sorted.
    pub async fn set_aside(&self) -> Result<String> {
        self.sh(&format!("find {MOUNT} -xdev -type f -name '*.set-aside-*' -printf '%f\\n' | sort"))
            .await
    }

    /// What changes when a unit is started anew.
    pub async fn invocation(&self, unit: &str) -> Result<String> {
        self.sh(&format!("systemctl show --property InvocationID --value {unit}")).await
    }

    /// The names that the server lists.
    pub async fn models(&self) -> Result<Vec<String>> {
        let text = self.sh("curl --silent --show-error http://127.0.0.1:11434/api/tags").await?;
        let tags: Value = serde_json::from_str(&text).context("/api/tags: shape")?;
        let models = tags["models"].as_array().context("/api/tags: no models")?;
        Ok(models.iter().filter_map(|model| model["name"].as_str().map(str::to_owned)).collect())
    }
}
