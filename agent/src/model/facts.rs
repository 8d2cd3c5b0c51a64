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
    /// Whether the source model is listed and can be shown. The server lists a model without
    /// its weights too, and a pull heals it.
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
    /// As declared, but made from weights other than the source's, and which. It is served as
    /// it is: the source may have been pulled anew since, and vectors that change under their
    /// users are worse than those of an older model.
    OtherWeights(String),
    /// Otherwise, and how.
    Drifted(String),
}

impl Alias {
    /// Whether its template and parameters are as declared, so that it is left alone.
    #[must_use]
    pub fn serves(&self) -> bool {
        matches!(self, Self::Matches | Self::OtherWeights(_))
    }
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
    let (mut source, mut weights) = (has(&config.source), None);
    if source {
        match show(api, &config.source).await {
            Ok(original) => weights = original.weights().map(str::to_owned),
            Err(error) if error.is_not_found() => source = false,
            // Listed, and nothing says that it is not there. An alias serves without it.
            Err(error) => tracing::debug!(%error, "the source cannot be shown"),
        }
    }
    let alias = if has(&config.alias) {
        alias(api, config, weights.as_deref()).await?
    } else {
        Alias::Missing
    };
    Ok(Facts { source, alias })
}

async fn alias(api: &Api, config: &config::Model, weights: Option<&str>) -> Result<Alias, String> {
    let shown = match show(api, &config.alias).await {
        Ok(shown) => shown,
        // Listed a moment ago, or listed without its weights: to clients it is not there.
        Err(error) if error.is_not_found() => return Ok(Alias::Missing),
        Err(error) => return Err(error.to_string()),
    };
    if let Some(how) = shown.differs_from(&config.template, &config.parameters) {
        return Ok(Alias::Drifted(how));
    }
    Ok(match (shown.weights(), weights) {
        (Some(own), Some(theirs)) if own != theirs => Alias::OtherWeights(own.to_owned()),
        _ => Alias::Matches,
    })
}

async fn show(api: &Api, model: &str) -> Result<Shown, ApiError> {
    api.post("/api/show", &json!({ "model": model }), DEADLINE).await
}

#[cfg(test)]
mod tests {
    use super::super::fake::{self, Model};
    use super::*;

    async fn seen(source: Model, alias: Model) -> Facts {
        look(&fake::serve(source, alias).await, &config::Model::default()).await.unwrap()
    }

    #[tokio::test]
    async fn a_model_without_its_weights_is_not_there_and_its_alias_neither() {
        let facts = seen(Model::Broken, Model::From("ab12")).await;
        assert_eq!(facts, Facts { source: false, alias: Alias::Matches });
        let facts = seen(Model::Broken, Model::Broken).await;
        assert_eq!(facts, Facts { source: false, alias: Alias::Missing });
        let facts = seen(Model::From("ab12"), Model::Absent).await;
        assert_eq!(facts, Facts { source: true, alias: Alias::Missing });
    }

    #[tokio::test]
    async fn an_alias_of_other_weights_has_not_drifted() {
        let facts = seen(Model::From("ab12"), Model::From("ab12")).await;
        assert_eq!(facts.alias, Alias::Matches);
        let facts = seen(Model::From("cd34"), Model::From("ab12")).await;
        assert_eq!(facts.alias, Alias::OtherWeights("ab12".into()));
        assert!(facts.alias.serves());
        let facts = seen(Model::From("ab12"), Model::Drifted).await;
        assert!(matches!(facts.alias, Alias::Drifted(_)));
    }
}
