//! Asks the server which models it has, and what the alias is.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::names;
use super::show::Shown;
use crate::config;
use crate::ollama::{Api, ApiError};

/// How long one question may take. The answers come from small files on the data disk.
const DEADLINE: Duration = Duration::from_secs(5);

/// What was seen of the models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether the source model is listed.
    pub source: bool,
    /// The alias.
    pub alias: Alias,
}

/// The alias, held against its declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alias {
    /// Not listed.
    Missing,
    /// As declared.
    Matches,
    /// Otherwise, and how.
    Drifted(String),
}

#[derive(Deserialize)]
struct Tags {
    /// The server writes `null` for an empty list in some places. An answer without it says
    /// nothing of models, least of all that there are none.
    #[serde(deserialize_with = "Option::deserialize")]
    models: Option<Vec<Tag>>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
}

/// Looks at the models.
///
/// # Errors
/// Where the server gives no usable answer.
pub async fn look(api: &Api, config: &config::Model) -> Result<Facts, String> {
    let tags: Tags = api.get("/api/tags", DEADLINE).await.map_err(|error| error.to_string())?;
    let listed = tags.models.unwrap_or_default();
    let has = |name: &str| listed.iter().any(|tag| names::same(&tag.name, name));
    let source = has(&config.source);
    let alias = if has(&config.alias) { alias(api, config, source).await? } else { Alias::Missing };
    Ok(Facts { source, alias })
}

async fn alias(api: &Api, config: &config::Model, source: bool) -> Result<Alias, String> {
    let shown = match show(api, &config.alias).await {
        Ok(shown) => shown,
        // Listed a moment ago, or listed without its weights: to clients it is not there.
        Err(error) if error.is_not_found() => return Ok(Alias::Missing),
        Err(error) => return Err(error.to_string()),
    };
    if let Some(how) = shown.differs_from(&config.template, &config.parameters) {
        return Ok(Alias::Drifted(how));
    }
    if !source {
        return Ok(Alias::Matches);
    }
    let original = match show(api, &config.source).await {
        Ok(original) => original,
        // An alias outlives its source.
        Err(error) if error.is_not_found() => return Ok(Alias::Matches),
        Err(error) => return Err(error.to_string()),
    };
    match (shown.weights(), original.weights()) {
        (Some(own), Some(theirs)) if own != theirs => {
            Ok(Alias::Drifted(format!("its weights {own:.12} are not {}'s", config.source)))
        }
        _ => Ok(Alias::Matches),
    }
}

async fn show(api: &Api, model: &str) -> Result<Shown, ApiError> {
    api.post("/api/show", &json!({ "model": model }), DEADLINE).await
}
