//! Where the model lies, in the server's own words.

use std::time::Duration;

use serde::Deserialize;

use crate::config;
use crate::model::names;
use crate::ollama::Api;

/// How long the list of loaded models may take. A server that tries to reach a runner that hangs
/// keeps it for 18 s.
const DEADLINE: Duration = Duration::from_secs(5);

/// The size of a loaded model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Bytes in all.
    pub total: u64,
    /// Bytes of them in a GPU's memory.
    pub on_gpu: u64,
}

/// Where the model of one start of the server lies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placed {
    /// systemd's id of that start.
    pub invocation: u128,
    /// The model now: `None` while it is not loaded. Or why that is not known.
    pub now: Option<Result<Option<Size>, String>>,
    /// How it was when it was last seen loaded, and at what uptime. An answer that it is not
    /// loaded confirms it: nothing else has been loaded since.
    pub last: Option<(Size, Duration)>,
}

#[derive(Deserialize)]
struct Loaded {
    /// An answer without it says nothing of models, least of all that none is loaded.
    #[serde(deserialize_with = "Option::deserialize")]
    models: Option<Vec<Model>>,
}

#[derive(Deserialize)]
struct Model {
    name: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    size_vram: u64,
}

impl Placed {
    /// The same after a look at `uptime` at the start `invocation` of the server.
    #[must_use]
    pub fn follow(
        self,
        invocation: u128,
        now: Result<Option<Size>, String>,
        uptime: Duration,
    ) -> Self {
        let before = self.last.filter(|_| self.invocation == invocation);
        let last = match &now {
            Ok(Some(size)) => Some((*size, uptime)),
            Ok(None) => before.map(|(size, _)| (size, uptime)),
            Err(_) => before,
        };
        Self { invocation, now: Some(now), last }
    }
}

/// Asks where the model lies. It is listed once, under the name that loaded it.
pub(super) async fn ask(api: &Api, config: &config::Model) -> Result<Option<Size>, String> {
    let loaded: Loaded = api.get("/api/ps", DEADLINE).await.map_err(|error| error.to_string())?;
    Ok(find(&loaded.models.unwrap_or_default(), config))
}

fn find(models: &[Model], config: &config::Model) -> Option<Size> {
    let named = |name: &str| models.iter().find(|model| names::same(&model.name, name));
    let model = named(&config.alias).or_else(|| named(&config.source))?;
    Some(Size { total: model.size, on_gpu: model.size_vram })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_model_is_found_by_either_of_its_names() {
        let listed = |text: &str| {
            let loaded: Loaded = serde_json::from_str(text).unwrap();
            find(&loaded.models.unwrap_or_default(), &config::Model::default())
        };
        let text = r#"{"models":[{"name":"other:1","size":9,"size_vram":9},
            {"name":"qwen3-embedding:0.6b","size":7,"size_vram":5}]}"#;
        assert_eq!(listed(text), Some(Size { total: 7, on_gpu: 5 }));
        let text = r#"{"models":[{"name":"qwen3-embedding:0.6b","size":7,"size_vram":0},
            {"name":"qwen3-embedding-saigak:0.6b","size":7,"size_vram":7}]}"#;
        assert_eq!(listed(text), Some(Size { total: 7, on_gpu: 7 }));
        assert_eq!(listed(r#"{"models":null}"#), None);
        assert!(serde_json::from_str::<Loaded>(r#"{"error":"x"}"#).is_err());
    }

    #[test]
    fn what_was_seen_of_one_start_says_nothing_of_the_next() {
        let size = Size { total: 7, on_gpu: 7 };
        let placed = Placed::default().follow(1, Ok(Some(size)), at(10));
        assert_eq!(placed.last, Some((size, at(10))));
        let silent = placed.clone().follow(1, Err("slow".into()), at(20));
        assert_eq!(silent.last, Some((size, at(10))));
        let unloaded = silent.follow(1, Ok(None), at(30));
        assert_eq!(unloaded.last, Some((size, at(30))));
        assert_eq!(unloaded.follow(2, Ok(None), at(40)).last, None);
    }
}
