//! The alias, held against its declaration. Pure.

use super::show::Shown;
use crate::config;

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

/// Why an alias that the server cannot show must not be made from the source, whose weights are
/// `theirs`. The error: whether it may is not known yet.
pub(super) fn forbids_creation(
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
pub(super) fn judge(shown: &Shown, config: &config::Model, theirs: Option<&str>) -> Alias {
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
pub(super) fn is_declared(weights: Option<&str>, config: &config::Model) -> bool {
    config.weights.is_none() || weights == config.weights.as_deref()
}

fn short(weights: Option<&str>) -> String {
    weights.map_or_else(|| "not known".into(), |weights| format!("{weights:.12}"))
}
