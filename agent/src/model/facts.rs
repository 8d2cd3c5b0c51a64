//! Asks the server which models it has, and what the alias is.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time;

use super::names;
use super::show::Shown;
use crate::config;
use crate::ollama::{Api, ApiError};

/// How long one question may take. The answers come from small files on the data disk.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// How long after a damaged answer it is asked for once more: the server writes manifests in
/// place, and who reads at that moment is told of half of one.
const TORN: Duration = Duration::from_millis(200);

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

/// The alias, held against its declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alias {
    /// Not listed.
    Missing,
    /// It has a manifest that the server cannot read, in its words.
    NoManifest(String),
    /// Its weights are there and are none, in the server's words.
    Damaged(String),
    /// As declared.
    Matches,
    /// As declared, but made from weights other than the source's, and which. It is served as
    /// it is: the source may have been pulled anew since, and vectors that change under their
    /// users are worse than those of an older model.
    OtherWeights(String),
    /// Otherwise.
    Drifted {
        /// How.
        how: String,
        /// Whether its weights are to stay, as they are not known to be the source's.
        keeps_weights: bool,
    },
    /// Neither it nor the source has the weights that are declared; or none are, it has lost
    /// its own, and the source's are not known to be the same. In words.
    Foreign(String),
}

/// What the disk tells of an alias that the server cannot show: the weights that its manifest
/// names, if it names any, or why the disk has told nothing yet.
pub type Recorded = Result<Option<String>, String>;

impl Alias {
    /// Whether its template and parameters are as declared, so that it is left alone.
    #[must_use]
    pub fn serves(&self) -> bool {
        matches!(self, Self::Matches | Self::OtherWeights(_))
    }

    /// Whether the server has it, as declared or not, and can read it.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.serves() || matches!(self, Self::Drifted { .. })
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

/// Looks at the models. `recorded` is what the disk tells of the alias.
///
/// # Errors
/// Where the server gives no usable answer, or the disk none that is needed to judge it.
pub async fn look(api: &Api, config: &config::Model, recorded: &Recorded) -> Result<Facts, String> {
    let tags: Tags = api.get("/api/tags", DEADLINE).await.map_err(|error| error.to_string())?;
    let listed = tags.models.unwrap_or_default();
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

/// Why an alias that the server cannot show must not be made from the source, whose weights are
/// `theirs`. The error: whether it may is not known yet.
fn forbids_creation(
    config: &config::Model,
    theirs: Option<&str>,
    recorded: &Recorded,
    listed: bool,
) -> Result<Option<String>, String> {
    let (source, told) = (&config.source, short(theirs));
    if config.weights.is_some() {
        // Nothing is made of a source that is not the declared model.
        let foreign = !is_declared(theirs, config);
        return Ok(foreign.then(|| format!("the weights of {source} are {told}")));
    }
    // One that has lost a file, and is made of what the source is made of, is made anew from it.
    // Another's users would have other vectors under the same name.
    match recorded {
        Ok(Some(own)) if Some(own.as_str()) == theirs => Ok(None),
        Ok(Some(own)) => {
            Ok(Some(format!("it was made from weights {own:.12}, those of {source} are {told}")))
        }
        Ok(None) if listed => Ok(Some(format!(
            "its files are gone, and whether it was made from {source} is not known"
        ))),
        Err(why) if listed => Err(why.clone()),
        Ok(None) | Err(_) => Ok(None),
    }
}

/// `theirs`: the source's weights.
fn judge(shown: &Shown, config: &config::Model, theirs: Option<&str>) -> Alias {
    let own = shown.weights();
    if !is_declared(own, config) {
        let how = format!("its weights are {}", short(own));
        return if is_declared(theirs, config) {
            Alias::Drifted { how: format!("{how}, not as declared"), keeps_weights: false }
        } else {
            Alias::Foreign(format!("{how}, those of {} {}", config.source, short(theirs)))
        };
    }
    let other = own.zip(theirs).is_some_and(|(own, theirs)| own != theirs);
    // What the source's are may not be known now: they are not known to be the same.
    let keeps_weights = own.is_some() && own != theirs;
    match (shown.differs_from(&config.template, &config.parameters), own) {
        (Some(how), _) => Alias::Drifted { how, keeps_weights },
        (None, Some(own)) if other => Alias::OtherWeights(own.to_owned()),
        (None, _) => Alias::Matches,
    }
}

/// Whether these are the weights that are declared, if any are.
fn is_declared(weights: Option<&str>, config: &config::Model) -> bool {
    config.weights.is_none() || weights == config.weights.as_deref()
}

fn short(weights: Option<&str>) -> String {
    weights.map_or_else(|| "not known".into(), |weights| format!("{weights:.12}"))
}

/// What the server says of one model.
enum Answer {
    Shown(Shown),
    Missing,
    NoManifest(String),
    Damaged(String),
}

/// Asks for one model. The error: why the server gave no answer that can be used.
async fn ask(api: &Api, model: &str, listed: bool) -> Result<Answer, String> {
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
