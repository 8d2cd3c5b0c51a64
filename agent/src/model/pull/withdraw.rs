//! The names that files were offered under. One means nothing once its registry is gone, and an
//! agent that is ended between the pull and the deletion leaves it behind.

use super::{Pull, PullState};
use crate::model::{ask, names};
use crate::ollama::{Api, ApiError};

impl Pull {
    /// Whether names may have been left behind that [`Pull::tidy`] has not looked for: by an agent
    /// before this one, or by a pull that did not come to its end.
    #[must_use]
    pub fn owes_tidying(&self) -> bool {
        let inner = self.inner();
        !inner.tidied && !inner.over && !matches!(inner.state, PullState::Running(_))
    }

    /// Deletes them. `model` is there: nothing that only they have is lost.
    pub async fn tidy(&self, api: &Api, model: &str) {
        self.inner().tidied = true;
        if let Err(error) = withdraw(api, model).await {
            tracing::debug!(%error, "the server does not list its models");
            self.inner().tidied = false;
        }
    }
}

/// Deletes what files of `model` were offered as, as far as `model` has the very same files: the
/// last name that has them takes them along.
///
/// # Errors
/// Where the server does not list its models.
pub(super) async fn withdraw(api: &Api, model: &str) -> Result<(), ApiError> {
    let listed = ask::list(api).await?;
    let own = listed.iter().find(|tag| names::same(&tag.name, model));
    let Some(own) = own.map(|own| &own.digest).filter(|own| !own.is_empty()) else {
        return Ok(());
    };
    for tag in listed.iter().filter(|tag| tag.digest == *own && names::is_offered(&tag.name, model))
    {
        match api.delete(&tag.name, ask::DEADLINE).await {
            Ok(()) => tracing::info!(name = tag.name, "a name that means nothing is deleted"),
            Err(error) if error.is_not_found() => {}
            Err(error) => {
                tracing::warn!(name = tag.name, %error, "a name that means nothing is left behind");
            }
        }
    }
    Ok(())
}
