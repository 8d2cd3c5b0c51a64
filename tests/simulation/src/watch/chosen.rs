//! What a repair that is chosen must keep to.

use saigak_agent::core::{Remedy as _, Status};
use saigak_agent::guest::Remedy;
use saigak_agent::model::{self, PullState};
use saigak_agent::storage;

use super::{Verdict, Watch, broken, place, stated};
use crate::guest::Guest;

impl Watch {
    /// Only what was seen to be false is repaired: nothing that is unknown, nothing that hangs
    /// on something else that does not hold.
    pub(super) fn only_what_is_false_is_repaired(
        &self,
        guest: &Guest,
        remedy: Remedy,
        condition: &str,
        reason: &str,
    ) -> Verdict {
        let rule = "only_what_is_false_is_repaired";
        let name = remedy.name();
        let Some(at) = place(condition) else { return broken(guest, rule, condition) };
        let judged = self.judged[at];
        if judged.status != Status::False || judged.reason != reason {
            let status = judged.status.word();
            let what =
                format!("{name} for {condition}/{reason}, which is {status}/{}", judged.reason);
            return broken(guest, rule, what);
        }
        match self.blocked_by(at) {
            Some(need) => broken(guest, rule, format!("{name}, while {need} does not hold")),
            None => Ok(()),
        }
    }

    /// What may heal by itself is given the time that its reason states.
    pub(super) fn patience_is_kept(
        &self,
        guest: &Guest,
        remedy: Remedy,
        condition: &str,
        reason: &str,
    ) -> Verdict {
        let judged = place(condition).map(|at| self.judged[at]);
        if let (Some(judged), Some(stated)) = (judged, stated(condition, reason)) {
            let lasted = guest.world.now - judged.since;
            if u128::from(lasted) < stated.patience.as_millis() {
                let what = format!("{} after {lasted} ms of {reason}", remedy.name());
                return broken(guest, "patience_is_kept", what);
            }
        }
        Ok(())
    }

    /// No two repairs at once on the same thing.
    pub(super) fn one_at_a_time(&self, guest: &Guest, remedy: Remedy) -> Verdict {
        let mut flying = self.flying.iter().map(|flying| flying.remedy);
        match flying.find(|other| other.collides(remedy)) {
            Some(other) => {
                let what = format!("{} while {} runs", remedy.name(), other.name());
                broken(guest, "one_at_a_time", what)
            }
            None => Ok(()),
        }
    }

    /// A person who pauses repairs is alone with the guest.
    pub(super) fn nothing_while_paused(&self, guest: &Guest, remedy: Remedy) -> Verdict {
        if guest.world.now < self.paused_until {
            return broken(guest, "nothing_while_paused", remedy.name());
        }
        Ok(())
    }

    /// For how many bytes there is no room is known from the last pull: it is waited for, until a
    /// look at the disk has seen it.
    pub(super) fn no_pull_before_there_is_room(guest: &Guest, remedy: Remedy) -> Verdict {
        let PullState::Failed(failure) = &guest.memory.pull else { return Ok(()) };
        let lacks = failure.lacks_room(guest.moment().uptime);
        let seen = guest.memory.facts.storage.as_ref().and_then(|seen| seen.value.as_ref().ok());
        let free = seen.and_then(storage::Facts::on_disk).map(|disk| disk.free_bytes);
        let scarce = lacks.zip(free).is_some_and(|(bytes, free)| free < bytes);
        let pulls = remedy == Remedy::Model(model::Remedy::Pull);
        if pulls && scarce {
            return broken(guest, "no_pull_before_there_is_room", failure.to_string());
        }
        Ok(())
    }

    /// What has recovered is treated like something that was never repaired: by the smallest
    /// remedy first.
    pub(super) fn grudges_are_forgotten(
        &mut self,
        guest: &Guest,
        remedy: Remedy,
        condition: &str,
        reason: &str,
    ) -> Verdict {
        let Some(at) = place(condition) else { return Ok(()) };
        let recovered = std::mem::replace(&mut self.recovered[at], false);
        let first = stated(condition, reason).and_then(|reason| reason.ladder.first());
        if recovered && first.is_some_and(|first| first.remedy != remedy) {
            return broken(
                guest,
                "grudges_are_forgotten",
                format!("begins with {}", remedy.name()),
            );
        }
        Ok(())
    }
}
