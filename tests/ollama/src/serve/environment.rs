//! The environment variables that are imitated.
//!
//! | variable | default | meaning |
//! |---|---|---|
//! | `OLLAMA_HOST` | `127.0.0.1:11434` | where to listen |
//! | `OLLAMA_MODELS` | `$HOME/.ollama/models` | where models lie |
//! | `OLLAMA_KEEP_ALIVE` | `5m` | how long a model stays loaded; negative: for ever |
//! | `OLLAMA_NOPRUNE` | off | leave unused blobs alone at start |
//! | `OLLAMA_MAX_QUEUE` | 512 | requests that may wait for a runner |
//! | `OLLAMA_LOAD_TIMEOUT` | `5m` | how long a load may take |
//! | `OLLAMA_CONTEXT_LENGTH` | 4096 | tokens of context, where the model does not say |

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::clock::FOREVER;
use crate::go;
use crate::runner::Settings;

const DEFAULT_PORT: u16 = 11_434;

/// What the environment says, with the defaults filled in.
pub(super) struct Environment {
    pub(super) home: PathBuf,
    pub(super) host: Host,
    pub(super) models: PathBuf,
    pub(super) prune: bool,
    pub(super) scheduler: Settings,
    pub(super) context_length: u64,
}

/// Where to listen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) port: u16,
}

impl Environment {
    /// The only failure is a missing home directory; a value that makes no sense is a warning.
    pub(super) fn read() -> Result<Self, String> {
        let home = variable("HOME").ok_or("$HOME is not defined")?;
        let home = PathBuf::from(home);
        Ok(Self {
            host: Host::parse(&variable("OLLAMA_HOST").unwrap_or_default()),
            models: variable("OLLAMA_MODELS")
                .map_or_else(|| home.join(".ollama/models"), PathBuf::from),
            prune: !matches!(
                variable("OLLAMA_NOPRUNE").as_deref(),
                Some(value) if value != "0" && value != "false"
            ),
            scheduler: Settings {
                keep_alive: duration("OLLAMA_KEEP_ALIVE", Duration::from_mins(5)),
                max_queue: number("OLLAMA_MAX_QUEUE", 512),
                load_timeout: duration("OLLAMA_LOAD_TIMEOUT", Duration::from_mins(5)),
            },
            context_length: number("OLLAMA_CONTEXT_LENGTH", 4096),
            home,
        })
    }
}

impl Host {
    /// `[scheme://]host[:port]`. A port that is none falls back to the default one.
    fn parse(text: &str) -> Self {
        let text = text.trim().trim_matches(['"', '\'']);
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        let text = text.split('/').next().unwrap_or_default();
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
            _ => (text, None),
        };
        let port = port.map_or(DEFAULT_PORT, |port| {
            port.parse().unwrap_or_else(|_| {
                tracing::warn!(port, default = DEFAULT_PORT, "invalid port, using default");
                DEFAULT_PORT
            })
        });
        let name = name.trim_matches(['[', ']']);
        let name = if name.is_empty() { "127.0.0.1" } else { name };
        Self { name: name.to_owned(), port }
    }
}

/// The value without white space and quotes; none where it is empty.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok()?;
    let value = value.trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_owned())
}

fn number<T: FromStr>(name: &str, default: T) -> T {
    let Some(value) = variable(name) else { return default };
    value.parse().unwrap_or_else(|_| {
        tracing::warn!(name, value, "invalid environment variable, using default");
        default
    })
}

/// Seconds, or a duration in words. Negative means for ever.
fn duration(name: &str, default: Duration) -> Duration {
    let Some(value) = variable(name) else { return default };
    if let Ok(seconds) = value.parse::<i64>() {
        return u64::try_from(seconds).map_or(FOREVER, Duration::from_secs);
    }
    go::duration(&value).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_as_people_write_them() {
        let host = |name: &str, port| Host { name: name.to_owned(), port };
        assert_eq!(Host::parse(""), host("127.0.0.1", 11434));
        assert_eq!(Host::parse("0.0.0.0"), host("0.0.0.0", 11434));
        assert_eq!(Host::parse("http://0.0.0.0:11500/"), host("0.0.0.0", 11500));
        assert_eq!(Host::parse(":0"), host("127.0.0.1", 0));
        assert_eq!(Host::parse("127.0.0.1:99999"), host("127.0.0.1", 11434));
        assert_eq!(Host::parse("[::1]:80"), host("::1", 80));
    }
}
