//! The model's remedies: through the server's own API, but for files that are set aside.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::alias::{Alias, Recorded};
use super::facts::{self, Facts, Source};
use super::pull::Pull;
use super::{proof, warm};
use crate::config::{self, Parameter};
use crate::core::reconcile::Waker;
use crate::core::{Budget, Outcome};
use crate::fix;
use crate::ollama::Api;

/// An action on the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// A pull of the source model is begun. It resumes what an earlier one has left.
    Pull,
    /// The alias is created from the source, with the declared template and parameters.
    CreateAlias,
    /// Blobs whose content is not what their name says are set aside, by a helper, and what
    /// computes with them is ended, by another. A pull loads them anew.
    DropDamaged,
    /// The model is unloaded: the next request loads it anew from its files. Who waits for an
    /// embedding gets it before.
    Unload,
}

impl Remedy {
    /// Every remedy of this concern.
    pub const ALL: [Self; 4] = [Self::Pull, Self::CreateAlias, Self::DropDamaged, Self::Unload];

    /// `model/…`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pull => "model/Pull",
            Self::CreateAlias => "model/CreateAlias",
            Self::DropDamaged => "model/DropDamaged",
            Self::Unload => "model/Unload",
        }
    }

    /// How often it may run. A pull that cannot go on ends by itself and is begun anew at
    /// growing intervals.
    #[must_use]
    pub fn budget(self) -> Budget {
        match self {
            Self::Pull => Budget::hourly(30),
            Self::CreateAlias => Budget::hourly(12),
            // Each reads every model on the disk.
            Self::DropDamaged | Self::Unload => Budget::hourly(4),
        }
    }

    /// Whether the server is what does it.
    #[must_use]
    pub fn asks_server(self) -> bool {
        self != Self::DropDamaged
    }

    /// How long it may take.
    #[must_use]
    pub fn deadline(self) -> Duration {
        match self {
            // The disk is looked at before, for 15 s at most, then cloud-init and the server,
            // which knocks for 3 s; and the server is asked five questions of five seconds each
            // at most.
            Self::Pull => Duration::from_secs(60),
            // And as long as the request may take.
            Self::CreateAlias => Duration::from_secs(60).saturating_add(CREATION),
            Self::Unload => Duration::from_secs(60).saturating_add(proof::DEADLINE),
            // The same looks, and its unit is given up after 15 minutes.
            Self::DropDamaged => Duration::from_secs(960),
        }
    }
}

/// How long the server may take to write an alias: a manifest and a few small files.
const CREATION: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    status: String,
}

/// Carries out one remedy on the server at `api`. `recorded` is what the disk tells of the alias.
pub async fn apply(
    remedy: Remedy,
    config: &config::Model,
    api: Api,
    recorded: &Recorded,
    pull: &Pull,
    waker: Arc<Waker>,
    concern: usize,
) -> Outcome {
    match remedy {
        Remedy::Pull => {
            // A tag may mean another model by now: never over one that is there.
            match facts::look(&api, config, recorded).await {
                Ok(Facts { source: Source::Present | Source::Moved(_), .. }) => {
                    return Outcome::Refused(format!("{} is there now", config.source));
                }
                Ok(Facts { source: Source::Damaged(words), .. }) => {
                    let source = &config.source;
                    return Outcome::Refused(format!("a pull does not mend {source}: {words}"));
                }
                Ok(_) => {}
                Err(error) => return Outcome::Failed(error),
            }
            match pull.begin(api, config, waker, concern) {
                Ok(()) => Outcome::Succeeded(format!("the pull of {} begins", config.source)),
                Err(why) => Outcome::Refused(why.into()),
            }
        }
        Remedy::CreateAlias => create_alias(config, &api, recorded).await,
        Remedy::DropDamaged => drop_damaged().await,
        Remedy::Unload => match warm::unload(&api, &config.alias).await {
            Ok(()) => Outcome::Succeeded(format!("{} is unloaded", config.alias)),
            Err(error) => Outcome::Failed(error.to_string()),
        },
    }
}

/// What was set aside is still in the memory of whoever computes with it, and what comes in its
/// place has the same name: the server would take the one for the other. Whatever became of the
/// first step, it may have set something aside, and so may an earlier one that was not ended.
async fn drop_damaged() -> Outcome {
    let aside = fix::call(fix::Name::ModelBlobs).await.into();
    both(aside, fix::call(fix::Name::OllamaStale).await)
}

/// What came of both steps.
fn both(aside: Outcome, stale: Result<fix::Reply, fix::CallError>) -> Outcome {
    let needed = stale.as_ref().is_ok_and(|reply| reply.outcome != fix::Outcome::Unneeded);
    match (aside, stale.into()) {
        (Outcome::Succeeded(aside), Outcome::Succeeded(ended)) => {
            Outcome::Succeeded(format!("{aside}; {ended}"))
        }
        (aside, Outcome::Succeeded(_)) if !needed => aside,
        (Outcome::Refused(aside), Outcome::Refused(why)) => {
            Outcome::Refused(format!("{aside}; {why}"))
        }
        (aside, Outcome::Succeeded(ended)) => {
            Outcome::Failed(format!("{}; {ended}", aside.message()))
        }
        (aside, stale) => {
            let (aside, why) = (aside.message(), stale.message());
            Outcome::Failed(format!("{aside}; what computes with damaged files goes on: {why}"))
        }
    }
}

async fn create_alias(config: &config::Model, api: &Api, recorded: &Recorded) -> Outcome {
    // The write is not atomic and clients see it: never over an alias that matches.
    let from = match facts::look(api, config, recorded).await {
        Ok(facts) if facts.alias.serves() => {
            return Outcome::Refused(format!("{} is as declared already", config.alias));
        }
        Ok(Facts { alias: Alias::Foreign(how), .. }) => return Outcome::Refused(how),
        // The server would pull it first, and say nothing of how that goes.
        Ok(facts) if !facts.source.is_there() => {
            return Outcome::Refused(format!("{} is not there", config.source));
        }
        // Made of itself: its users are used to the vectors of its weights.
        Ok(Facts { alias: Alias::Drifted { keeps_weights: true, .. }, .. }) => &config.alias,
        Ok(_) => &config.source,
        Err(error) => return Outcome::Failed(error),
    };
    let parameters: Map<String, Value> =
        config.parameters.iter().map(|(name, value)| (name.clone(), json_of(value))).collect();
    let request = json!({
        "model": config.alias,
        "from": from,
        "template": config.template,
        "parameters": parameters,
        "stream": false,
    });
    match api.post::<Created>("/api/create", &request, CREATION).await {
        Ok(created) if created.status == "success" => {
            Outcome::Succeeded(format!("{} is created from {from}", config.alias))
        }
        Ok(created) => Outcome::Failed(format!("/api/create answered {:?}", created.status)),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn json_of(parameter: &Parameter) -> Value {
    match parameter {
        Parameter::Integer(value) => json!(value),
        Parameter::Float(value) => json!(value),
        Parameter::Boolean(value) => json!(value),
        Parameter::Text(value) => json!(value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{self, Model};
    use super::super::pull::PullState;
    use super::*;

    async fn tried(remedy: Remedy, source: Model, alias: Model) -> (Outcome, PullState) {
        let (api, pull) = (fake::serve(source, alias).await, Pull::default());
        let config = config::Model::default();
        let outcome = apply(remedy, &config, api, &Ok(None), &pull, Arc::default(), 0).await;
        (outcome, pull.state())
    }

    #[tokio::test]
    async fn a_model_that_is_there_is_not_pulled() {
        let (outcome, pull) = tried(Remedy::Pull, Model::From("ab12"), Model::Absent).await;
        assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
        assert_eq!(pull, PullState::Idle);
        for gone in [Model::Broken, Model::NoManifest] {
            let (outcome, pull) = tried(Remedy::Pull, gone, Model::Absent).await;
            assert!(matches!(outcome, Outcome::Succeeded(_)), "{outcome:?}");
            assert!(matches!(pull, PullState::Running(_)));
        }
    }

    #[tokio::test]
    async fn nothing_is_pulled_over_damaged_weights_nor_created_from_them() {
        for remedy in [Remedy::Pull, Remedy::CreateAlias] {
            let (outcome, pull) = tried(remedy, Model::Damaged, Model::Absent).await;
            assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
            assert_eq!(pull, PullState::Idle);
        }
    }

    #[test]
    fn what_was_set_aside_is_not_done_with_before_what_computes_with_it_is_ended() {
        use fix::Outcome::{Done, Failed, Refused, Unneeded};
        let reply = |outcome, message: &str| fix::Reply { outcome, message: message.into() };
        let told = |aside, stale| {
            let outcome = both(Ok(reply(aside, "a")).into(), Ok(reply(stale, "s")));
            (outcome.word(), outcome.message().to_owned())
        };
        for aside in [Done, Unneeded] {
            assert_eq!(told(aside, Done), ("Succeeded", "a; s".into()));
            assert_eq!(told(aside, Unneeded), ("Succeeded", "a; s".into()));
            for stale in [Failed, Refused] {
                assert_eq!(told(aside, stale).0, "Failed");
            }
        }
        // One of two blobs was set aside, and the other could not be.
        assert_eq!(told(Failed, Done), ("Failed", "a; s".into()));
        assert_eq!(told(Failed, Unneeded), ("Failed", "a".into()));
        assert_eq!(told(Failed, Refused).0, "Failed");
        assert_eq!(told(Refused, Refused), ("Refused", "a; s".into()));
        assert_eq!(told(Refused, Unneeded), ("Refused", "a".into()));
    }

    #[tokio::test]
    async fn an_alias_is_not_created_from_a_model_that_would_be_pulled_for_it() {
        let (outcome, _) = tried(Remedy::CreateAlias, Model::Absent, Model::Drifted).await;
        assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    }

    #[tokio::test]
    async fn an_alias_of_other_weights_is_not_written_over() {
        let (source, alias) = (Model::From("cd34"), Model::From("ab12"));
        let (outcome, _) = tried(Remedy::CreateAlias, source, alias).await;
        assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    }
}
