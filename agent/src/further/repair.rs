//! The further models' ladders and remedies: those of the first, each for one of them.

use std::sync::Arc;
use std::time::Duration;

use super::Entry;
use crate::core::reconcile::Waker;
use crate::core::{Budget, Outcome, Reason, Rung};
use crate::guest::Remedy as Any;
use crate::model::{self, Recorded};
use crate::ollama::Api;

/// An action on one of the further models: the one that the judgement names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// See [`model::Remedy::Pull`].
    Pull,
    /// See [`model::Remedy::CreateAlias`].
    CreateAlias,
    /// See [`model::Remedy::Unload`].
    Unload,
}

impl Remedy {
    /// Every remedy of theirs.
    pub const ALL: [Self; 3] = [Self::Pull, Self::CreateAlias, Self::Unload];

    /// `further/…`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pull => "further/Pull",
            Self::CreateAlias => "further/CreateAlias",
            Self::Unload => "further/Unload",
        }
    }

    /// The same for the first model.
    #[must_use]
    pub fn of_first(self) -> model::Remedy {
        match self {
            Self::Pull => model::Remedy::Pull,
            Self::CreateAlias => model::Remedy::CreateAlias,
            Self::Unload => model::Remedy::Unload,
        }
    }

    /// How often it may run, for all of them together.
    #[must_use]
    pub fn budget(self) -> Budget {
        self.of_first().budget()
    }

    /// How long it may take.
    #[must_use]
    pub fn deadline(self) -> Duration {
        self.of_first().deadline()
    }
}

const PULL: Any = Any::Further(Remedy::Pull);
const CREATE_ALIAS: Any = Any::Further(Remedy::CreateAlias);
const UNLOAD: Any = Any::Further(Remedy::Unload);
const DROP_DAMAGED: Any = Any::Model(model::Remedy::DropDamaged);

pub(super) static NOT_PULLED: Reason<Any> =
    Reason::fault("NotPulled", "check the name in models.source, and the way to its registry")
        .mended_by(0, &[Rung::forever(PULL, 10, 300)]);

/// Without end: the next one that is named may be another.
pub(super) static ALIAS_NOT_AS_DECLARED: Reason<Any> =
    Reason::fault("AliasNotAsDeclared", "compare ollama show with [[models]]")
        .mended_by(1000, &[Rung::forever(CREATE_ALIAS, 5, 300)]);

pub(super) static OTHER_MODEL: Reason<Any> = Reason::fault(
    "OtherModel",
    "another model has this name: compare ollama show with dimension and weights in [[models]]",
);

/// Its files, or what was loaded of them. The server is not restarted: others are served well.
pub(super) static DAMAGED: Reason<Any> =
    Reason::fault("Damaged", "see journalctl -u ollama; a restart of the server loads it anew")
        .mended_by(10_000, &[Rung::new(UNLOAD, 1, 30), Rung::new(DROP_DAMAGED, 1, 30)]);

pub(super) static NO_EMBEDDING: Reason<Any> =
    Reason::fault("NoEmbedding", "see journalctl -u ollama for why it is not loaded");

/// Carries out one remedy on `one`, by the server at `api`. `recorded` is what the disk tells of
/// its alias.
pub async fn apply(
    remedy: Remedy,
    one: &Entry,
    api: Api,
    recorded: &Recorded,
    waker: Arc<Waker>,
    concern: usize,
) -> Outcome {
    one.tried();
    let Entry { config, pull, proofs, .. } = one;
    let outcome =
        model::apply(remedy.of_first(), config, api, recorded, pull, waker, concern).await;
    if remedy == Remedy::Unload {
        proofs.doubt();
    }
    outcome
}
