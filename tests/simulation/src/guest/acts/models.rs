//! What remedies do to the models, by way of the server.

use saigak_agent::core::{Outcome, PullReport};
use saigak_agent::guest::concern;
use saigak_agent::model::{self, Failure, Kind, PullState};

use super::{Act, AtEnd, done, refused};
use crate::guest::Guest;
use crate::seen;
use crate::world::{Alias, Began, Source};

impl Guest {
    pub(super) fn do_model(&mut self, remedy: model::Remedy, act: &mut Act) -> Outcome {
        let Ok(models) = seen::models(&self.world) else {
            return refused("the server does not answer");
        };
        let there = self.world.models.source == Source::Present;
        match remedy {
            model::Remedy::DropDamaged if !self.world.disk.mounted => refused("no disk"),
            model::Remedy::DropDamaged => {
                let hangs = self.world.disk.hangs;
                act.ends = (!hangs).then_some(self.world.now + 4000);
                act.at_end = Some(AtEnd::DropDamaged);
                done("every blob is what its name says")
            }
            model::Remedy::Pull if self.world.models.source == Source::Damaged => {
                refused("a pull does not mend it")
            }
            model::Remedy::Pull if there => refused("it is there now"),
            model::Remedy::Pull if matches!(self.memory.pull, PullState::Running(_)) => {
                refused("a pull runs already")
            }
            model::Remedy::Pull => {
                self.memory.pull = match self.world.begin_pull() {
                    Began::Yes => PullState::Running(PullReport {
                        model: self.config.model.source.clone(),
                        status: "begins".into(),
                        ..PullReport::default()
                    }),
                    Began::No => PullState::Failed("pull model manifest: no answer".into()),
                    Began::NoRoom(bytes) => PullState::Failed(Failure {
                        kind: Kind::NoRoom { bytes, at: self.moment().uptime },
                        why: "the disk has no room for it".into(),
                    }),
                };
                self.woken |= 1 << concern::MODEL;
                done("the pull begins")
            }
            model::Remedy::Unload => {
                self.world.unload();
                done("unloaded")
            }
            model::Remedy::CreateAlias if self.world.models.alias == Alias::Foreign => {
                refused("its weights are nobody's")
            }
            model::Remedy::CreateAlias if models.alias.serves() => refused("as declared already"),
            model::Remedy::CreateAlias if !there => refused("the source is not there"),
            model::Remedy::CreateAlias => {
                act.ends = Some(self.world.now + 150);
                act.at_end = Some(AtEnd::CreateAlias);
                done("created")
            }
        }
    }
}
