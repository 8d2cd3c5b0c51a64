//! Asks the server for its models, and for one of them.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time;

use super::show::Shown;
use crate::ollama::{Api, ApiError};

/// How long one question may take. The answers come from small files on the data disk.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// How long after a damaged answer it is asked for once more: the server writes manifests in
/// place, and who reads at that moment is told of half of one.
const TORN: Duration = Duration::from_millis(200);

#[derive(Deserialize)]
struct Tags {
    /// The server writes `null` for an empty list in some places. An answer without it says
    /// nothing of models, least of all that there are none.
    #[serde(deserialize_with = "Option::deserialize")]
    models: Option<Vec<Tag>>,
}

/// A model in the server's list.
#[derive(Debug, Deserialize)]
pub(super) struct Tag {
    pub(super) name: String,
    /// The SHA-256 of its manifest: two names with the same one share all their files. Empty where
    /// the server does not tell.
    #[serde(default)]
    pub(super) digest: String,
}

/// The models that the server lists.
pub(super) async fn list(api: &Api) -> Result<Vec<Tag>, ApiError> {
    let tags: Tags = api.get("/api/tags", DEADLINE).await?;
    Ok(tags.models.unwrap_or_default())
}

/// What the server says of one model.
pub(super) enum Answer {
    Shown(Shown),
    Missing,
    NoManifest(String),
    Damaged(String),
}

/// Asks for one model. The error: why the server gave no answer that can be used.
pub(super) async fn ask(api: &Api, model: &str, listed: bool) -> Result<Answer, String> {
    let mut shown = show(api, model).await;
    if damage(shown.as_ref().err(), listed).is_some() {
        time::sleep(TORN).await;
        shown = show(api, model).await;
    }
    if let Some(words) = damage(shown.as_ref().err(), listed) {
        return Ok(if listed { Answer::Damaged(words) } else { Answer::NoManifest(words) });
    }
    match shown {
        // Written since the list was made, if it is not in it.
        Ok(shown) if listed || shown.weights().is_some() => Ok(Answer::Shown(shown)),
        // Listed without its weights: to clients it is not there.
        Err(error) if listed && !error.is_not_found() => Err(error.to_string()),
        // What is not listed is not there, whatever nonsense is said of it.
        _ => Ok(Answer::Missing),
    }
}

/// The server's words for a model that it has and cannot read. What it does not list, it could
/// not read the manifest of. What it lists has a manifest; of that only words that tell of a
/// file without sense count: it may also be one that the server is not allowed to open.
fn damage(error: Option<&ApiError>, listed: bool) -> Option<String> {
    const SENSELESS: [&str; 4] =
        ["exceeds file size", "invalid file magic", "EOF", "invalid character"];
    match error? {
        ApiError::Status { status: 500, message, .. } => {
            let senseless = SENSELESS.iter().any(|words| message.contains(words));
            (!listed || senseless).then(|| message.clone())
        }
        _ => None,
    }
}

/// The digest of the weights that a model has now, where the server tells it.
pub(super) async fn weights(api: &Api, model: &str) -> Result<Option<String>, ApiError> {
    Ok(show(api, model).await?.weights().map(str::to_owned))
}

pub(super) async fn show(api: &Api, model: &str) -> Result<Shown, ApiError> {
    api.post("/api/show", &json!({ "model": model }), DEADLINE).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_senseless_files_are_damage() {
        let failed = |status, message: &str| ApiError::Status {
            url: "u".into(),
            status,
            message: message.into(),
        };
        let denied = failed(500, "open /m/blobs/sha256-ab: permission denied");
        assert_eq!(damage(Some(&denied), true), None);
        assert!(damage(Some(&denied), false).is_some());
        for words in [
            "EOF",
            "invalid file magic",
            "invalid character 'x' looking for",
            r#"tensor "a" offset+size (2) exceeds file size (1)"#,
        ] {
            assert_eq!(damage(Some(&failed(500, words)), true).as_deref(), Some(words));
            assert_eq!(damage(Some(&failed(404, words)), false), None);
        }
        assert_eq!(damage(None, false), None);
    }
}
