//! Asks the server which models it has, and what the alias is.

use super::alias::{Alias, Recorded, forbids_creation, is_declared, judge};
use super::ask::{Answer, ask, list};
use super::names;
use crate::config;
use crate::ollama::Api;

/// What was seen of the models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The source.
    pub source: Source,
    /// The alias.
    pub alias: Alias,
    /// The digest of the alias's weights, where the server tells it.
    pub weights: Option<String>,
}

/// The source model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Listed, and nothing says that it is not there.
    Present,
    /// It is there, with other weights than those that are declared: these, if they are known. Its
    /// tag means another model by now.
    Moved(String),
    /// Not listed, or listed without its weights: a pull heals either.
    Missing,
    /// It has a manifest that the server cannot read, in its words. A pull writes it anew.
    NoManifest(String),
    /// Its weights are there and are none, in the server's words. A pull takes them as they are.
    Damaged(String),
}

impl Source {
    /// Whether the server has it, and can read it.
    #[must_use]
    pub fn is_there(&self) -> bool {
        matches!(self, Self::Present | Self::Moved(_))
    }
}

/// Looks at the models. `recorded` is what the disk tells of the alias.
///
/// # Errors
/// Where the server gives no usable answer, or the disk none that is needed to judge it.
pub async fn look(api: &Api, config: &config::Model, recorded: &Recorded) -> Result<Facts, String> {
    let listed = list(api).await.map_err(|error| error.to_string())?;
    let has = |name: &str| listed.iter().any(|tag| names::same(&tag.name, name));
    let (source, weights) = match ask(api, &config.source, has(&config.source)).await {
        Ok(Answer::Shown(shown)) => {
            let own = shown.weights();
            let other = own.filter(|own| !is_declared(Some(own), config));
            let source = other.map_or(Source::Present, |own| Source::Moved(own.to_owned()));
            (source, own.map(str::to_owned))
        }
        Ok(Answer::Missing) => (Source::Missing, None),
        Ok(Answer::NoManifest(words)) => (Source::NoManifest(words), None),
        Ok(Answer::Damaged(words)) => (Source::Damaged(words), None),
        // Listed, and nothing says that it is not there. An alias serves without it.
        Err(error) => {
            tracing::debug!(%error, "the source cannot be shown");
            (Source::Present, None)
        }
    };
    let listed = has(&config.alias);
    let (alias, own) = match ask(api, &config.alias, listed).await? {
        Answer::Shown(shown) => {
            (judge(&shown, config, weights.as_deref()), shown.weights().map(str::to_owned))
        }
        Answer::Missing => (Alias::Missing, None),
        Answer::NoManifest(words) => (Alias::NoManifest(words), None),
        Answer::Damaged(words) => (Alias::Damaged(words), None),
    };
    let alias = match alias {
        Alias::Missing | Alias::NoManifest(_) if source.is_there() => {
            forbids_creation(config, weights.as_deref(), recorded, listed)?
                .map_or(alias, Alias::Foreign)
        }
        alias => alias,
    };
    Ok(Facts { source, alias, weights: own })
}

#[cfg(test)]
mod tests {
    use super::super::fake::{self, Model};
    use super::*;

    async fn seen(source: Model, alias: Model) -> Facts {
        look(&fake::serve(source, alias).await, &config::Model::default(), &Ok(None)).await.unwrap()
    }

    #[tokio::test]
    async fn a_model_without_its_weights_is_not_there_and_its_alias_neither() {
        let facts = seen(Model::Broken, Model::From("ab12")).await;
        let weights = Some("ab12".to_owned());
        assert_eq!(facts, Facts { source: Source::Missing, alias: Alias::Matches, weights });
        let missing = |source| Facts { source, alias: Alias::Missing, weights: None };
        let facts = seen(Model::Broken, Model::Broken).await;
        assert_eq!(facts, missing(Source::Missing));
        let facts = seen(Model::From("ab12"), Model::Absent).await;
        assert_eq!(facts, missing(Source::Present));
    }

    #[tokio::test(start_paused = true)]
    async fn a_manifest_and_weights_without_sense_are_told_apart() {
        let words = fake::WORDS.to_owned();
        let facts = seen(Model::NoManifest, Model::From("ab12")).await;
        assert_eq!(facts.source, Source::NoManifest(words.clone()));
        let facts = seen(Model::From("ab12"), Model::NoManifest).await;
        assert_eq!(facts.alias, Alias::NoManifest(words.clone()));
        let facts = seen(Model::Damaged, Model::Damaged).await;
        assert_eq!(
            (facts.source, facts.alias),
            (Source::Damaged(words.clone()), Alias::Damaged(words))
        );
    }

    #[tokio::test]
    async fn an_alias_of_other_weights_has_not_drifted() {
        let facts = seen(Model::From("ab12"), Model::From("ab12")).await;
        assert_eq!(facts.alias, Alias::Matches);
        let facts = seen(Model::From("cd34"), Model::From("ab12")).await;
        assert_eq!(facts.alias, Alias::OtherWeights("ab12".into()));
        assert!(facts.alias.serves());
        let facts = seen(Model::From("ab12"), Model::Drifted).await;
        assert!(matches!(facts.alias, Alias::Drifted { keeps_weights: false, .. }));
        let facts = seen(Model::From("cd34"), Model::Drifted).await;
        assert!(matches!(facts.alias, Alias::Drifted { keeps_weights: true, .. }));
    }

    #[tokio::test]
    async fn an_alias_keeps_its_weights_while_the_source_s_are_not_known() {
        let facts = seen(Model::Denied, Model::Drifted).await;
        assert_eq!(facts.source, Source::Present);
        assert!(matches!(facts.alias, Alias::Drifted { keeps_weights: true, .. }));
        let facts = seen(Model::Denied, Model::From("ab12")).await;
        assert_eq!(facts.alias, Alias::Matches);
    }

    #[tokio::test]
    async fn declared_weights_are_asked_of_the_alias_or_else_of_the_source() {
        let config = config::Model { weights: Some("ab12".into()), ..config::Model::default() };
        let seen = async |source, alias| {
            look(&fake::serve(source, alias).await, &config, &Ok(None)).await.unwrap().alias
        };
        let (right, wrong) = (Model::From("ab12"), Model::From("cd34"));
        assert_eq!(seen(right, right).await, Alias::Matches);
        assert_eq!(seen(wrong, right).await, Alias::OtherWeights("ab12".into()));
        let drifted = seen(right, wrong).await;
        assert!(matches!(drifted, Alias::Drifted { keeps_weights: false, .. }), "{drifted:?}");
        for (source, alias) in [(wrong, wrong), (wrong, Model::Absent), (wrong, Model::NoManifest)]
        {
            let alias = seen(source, alias).await;
            assert!(matches!(alias, Alias::Foreign(_)), "{alias:?}");
        }
        assert_eq!(seen(right, Model::Absent).await, Alias::Missing);
        assert_eq!(seen(Model::Absent, Model::Absent).await, Alias::Missing);
    }

    #[tokio::test]
    async fn an_alias_that_has_lost_a_file_is_made_anew_from_its_own_weights_only() {
        let seen = async |alias, recorded: Recorded| {
            let api = fake::serve(Model::From("ab12"), alias).await;
            look(&api, &config::Model::default(), &recorded).await.map(|facts| facts.alias)
        };
        let names = |weights: &str| Ok(Some(weights.to_owned()));
        for gone in [Model::Broken, Model::Absent] {
            assert_eq!(seen(gone, names("ab12")).await, Ok(Alias::Missing));
            let other = seen(gone, names("cd34")).await;
            assert!(matches!(&other, Ok(Alias::Foreign(how)) if how.contains("cd34")), "{other:?}");
        }
        let other = seen(Model::NoManifest, names("cd34")).await;
        assert!(matches!(other, Ok(Alias::Foreign(_))), "{other:?}");
        // Listed, so there is a manifest; and nobody knows what it says.
        let unknown = seen(Model::Broken, Ok(None)).await;
        assert!(matches!(unknown, Ok(Alias::Foreign(_))), "{unknown:?}");
        assert_eq!(seen(Model::Absent, Ok(None)).await, Ok(Alias::Missing));
        let silent = || Err::<Option<String>, _>("the disk says nothing".to_owned());
        assert_eq!(seen(Model::Broken, silent()).await, Err("the disk says nothing".to_owned()));
        assert_eq!(seen(Model::Absent, silent()).await, Ok(Alias::Missing));
    }
}
