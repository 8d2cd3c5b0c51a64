//! Reads cloud-init's own state files. They lie in memory, under /run.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::bus::{Bus, SYSTEMD};
use crate::core::uptime_at;

/// Where cloud-init keeps its state.
const DIRECTORY: &str = "/run/cloud-init";

/// What was seen of cloud-init.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// It is not installed, or disabled for this boot.
    NotUsed,
    /// It is at work.
    Running(Stage),
    /// It has finished, with these errors.
    Finished(Vec<String>),
    /// Its state files make no sense.
    Unreadable {
        /// Which, and why.
        why: String,
        /// It has ended: what makes no sense is what it leaves then.
        ended: bool,
    },
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its own name for the stage, such as `modules-config`; `boot` before the first.
    pub name: String,
    /// Whether the network configuration is written: the `init-local` stage is over.
    pub network_written: bool,
    /// Uptime at which the guest's userspace started. A container starts long after its
    /// kernel.
    pub booted: Duration,
}

#[derive(Deserialize)]
struct Versioned<T> {
    v1: T,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Status {
    stage: Option<String>,
    init_local: Phase,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Phase {
    finished: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Outcome {
    errors: Vec<String>,
}

/// Looks at cloud-init.
pub async fn look(bus: &Bus) -> Facts {
    let mut facts = look_in(Path::new(DIRECTORY)).await;
    if let Facts::Running(stage) = &mut facts {
        let stamp = bus.property::<u64>(SYSTEMD, "UserspaceTimestampMonotonic").await;
        // Where systemd does not say: with the kernel.
        stage.booted =
            stamp.map_or(Duration::ZERO, |stamp| uptime_at(Duration::from_micros(stamp)));
    }
    facts
}

async fn look_in(directory: &Path) -> Facts {
    // The generator leaves `enabled` or `disabled` at each boot; neither: not installed.
    match (read(&directory.join("disabled")).await, read(&directory.join("enabled")).await) {
        (Ok(Some(_)), _) | (Ok(None), Ok(None)) => return Facts::NotUsed,
        (Err(why), _) | (_, Err(why)) => return Facts::Unreadable { why, ended: false },
        (Ok(None), Ok(Some(_))) => {}
    }
    match parse::<Outcome>(&directory.join("result.json")).await {
        Ok(Some(outcome)) => return Facts::Finished(outcome.errors),
        Ok(None) => {}
        Err(why) => return Facts::Unreadable { why, ended: true },
    }
    match parse::<Status>(&directory.join("status.json")).await {
        Ok(status) => {
            let status = status.unwrap_or_default();
            Facts::Running(Stage {
                name: status.stage.unwrap_or_else(|| "boot".into()),
                network_written: status.init_local.finished.is_some(),
                booted: Duration::ZERO,
            })
        }
        Err(why) => Facts::Unreadable { why, ended: false },
    }
}

async fn parse<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, String> {
    let Some(bytes) = read(path).await? else { return Ok(None) };
    let parsed: Versioned<T> =
        serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Some(parsed.v1))
}

async fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    match tokio::fs::read(path).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn seen(name: &str, files: &[(&str, &str)]) -> Facts {
        let directory = std::env::temp_dir().join(format!("saigak-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        for (file, text) in files {
            std::fs::write(directory.join(file), text).unwrap();
        }
        let facts = look_in(&directory).await;
        std::fs::remove_dir_all(&directory).unwrap();
        facts
    }

    #[tokio::test]
    async fn absent_and_disabled_are_valid() {
        assert_eq!(seen("absent", &[]).await, Facts::NotUsed);
        assert_eq!(seen("disabled", &[("disabled", "")]).await, Facts::NotUsed);
    }

    #[tokio::test]
    async fn stages_are_followed_to_the_end() {
        let running = |name: &str, network_written| {
            Facts::Running(Stage { name: name.into(), network_written, booted: Duration::ZERO })
        };
        assert_eq!(seen("early", &[("enabled", "")]).await, running("boot", false));
        let status = r#"{"v1":{"stage":"init","init-local":{"start":1.0,"finished":2.5},
            "init":{"start":3.0,"finished":null},"datasource":null}}"#;
        let files = [("enabled", ""), ("status.json", status)];
        assert_eq!(seen("init", &files).await, running("init", true));
        let result = r#"{"v1":{"datasource":"NoCloud","errors":["boom"]}}"#;
        let files = [("enabled", ""), ("status.json", status), ("result.json", result)];
        assert_eq!(seen("done", &files).await, Facts::Finished(vec!["boom".into()]));
    }

    #[tokio::test]
    async fn garbage_is_said_to_be_unreadable() {
        for (file, over) in [("status.json", false), ("result.json", true)] {
            let files = [("enabled", ""), (file, "{\"v1\":[")];
            let Facts::Unreadable { why, ended } = seen(file, &files).await else {
                panic!("{file} was read")
            };
            assert!(why.contains(file) && ended == over, "{why}");
        }
    }
}
