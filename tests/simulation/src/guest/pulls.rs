//! The agent's pull, as its job follows it.

use saigak_agent::guest::concern;
use saigak_agent::model::PullState;

use super::Guest;
use crate::world::Source;

impl Guest {
    /// The agent's job that follows its pull.
    pub(super) fn follow_pull(&mut self) {
        if !matches!(self.memory.pull, PullState::Running(_)) {
            return;
        }
        let now = self.world.now;
        let stall = u64::try_from(self.config.model.pull_stall.as_millis()).unwrap_or(u64::MAX);
        match &self.world.pull {
            None => {
                let there = matches!(self.world.models.source, Source::Present | Source::Damaged);
                self.memory.pull = if there {
                    PullState::Succeeded(self.moment().uptime)
                } else if self.world.models.garbled {
                    PullState::Failed("digest mismatch, file must be downloaded again".into())
                } else {
                    PullState::Failed("the server ended the stream before success".into())
                };
            }
            Some(pull) => match self.memory.pull_stands {
                Some((left, since)) if left == pull.left => {
                    if now - since < stall {
                        return;
                    }
                    self.memory.pull = PullState::Failed("nothing has moved".into());
                    self.world.cut_pull();
                }
                _ => {
                    self.memory.pull_stands = Some((pull.left, now));
                    return;
                }
            },
        }
        self.memory.pull_stands = None;
        self.memory.worked_until = self.moment().uptime;
        self.woken |= 1 << concern::MODEL;
    }
}
