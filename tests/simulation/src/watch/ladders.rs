//! What the repairs of one fault must keep to among each other, whichever agent makes them.

use std::time::Duration;

use saigak_agent::core::{Climb, Ledger, Outcome, Remedy as _, Rung, slept};
use saigak_agent::guest::Remedy;

use super::{Verdict, Watch, broken, stated};
use crate::guest::Guest;
use crate::seen::uptime;

/// A ladder that is at its end rests for so long at least.
const REST: u64 = 3_600_000;

/// What was seen longer ago than this is looked at again before anything is done about it.
const RECENT: u64 = 20_000;

/// A repair that has begun to act.
#[derive(Debug, Clone)]
pub(super) struct Try {
    condition: &'static str,
    reason: &'static str,
    remedy: Remedy,
    began: u64,
    /// When it was over. `None`: nobody has said so.
    ended: Option<u64>,
}

impl Try {
    pub(super) fn began(&self) -> u64 {
        self.began
    }
}

impl Watch {
    /// A repair begins to act.
    pub(super) fn tried(&mut self, guest: &Guest, remedy: Remedy) {
        let of = self.flying.iter().find(|flying| flying.remedy == remedy);
        let began = guest.world.now;
        self.tries.extend(of.map(|of| Try {
            condition: of.condition,
            reason: of.reason,
            remedy,
            began,
            ended: None,
        }));
    }

    /// It is over. One that was refused did nothing, and does not count.
    pub(super) fn over(&mut self, guest: &Guest, remedy: Remedy, outcome: &Outcome) {
        let is_it = |it: &Try| it.remedy == remedy && it.ended.is_none();
        let Some(at) = self.tries.iter().rposition(is_it) else { return };
        if matches!(outcome, Outcome::Refused(_)) {
            self.tries.remove(at);
        } else {
            self.tries[at].ended = Some(guest.world.now);
        }
    }

    /// A new agent begins with that ledger. How a repair ended that was not saved as over, nobody
    /// will say any more.
    pub(super) fn forget_ends(&mut self, guest: &Guest, ledger: &Ledger) {
        let climbs = || ledger.climbs.iter().flat_map(|known| &known.climbs);
        for it in &mut self.tries {
            let began = uptime(&guest.world, it.began).as_millis();
            let under_way = |climb: &Climb| u128::from(climb.not_before_ms) <= began;
            let is_it =
                |climb: &Climb| climb.condition == it.condition && climb.reason == it.reason;
            if climbs().any(|climb| is_it(climb) && under_way(climb)) {
                it.ended = None;
            }
        }
    }

    /// A new agent begins with that ledger, and the one before it has not saved all. What had
    /// recovered, the ledger still has as it was before.
    pub(super) fn forget_recoveries(&mut self, ledger: &Ledger) {
        for climb in ledger.climbs.iter().flat_map(|known| &known.climbs) {
            if let Some(at) = super::place(&climb.condition) {
                self.recovered[at] = false;
            }
        }
    }

    /// A condition has recovered: what was tried for it is forgotten.
    pub(super) fn forget(&mut self, condition: &str) {
        self.tries.retain(|it| it.condition != condition);
    }

    /// Nothing is done about what was seen long ago: it may have healed since.
    pub(super) fn only_what_was_seen_lately_is_repaired(
        &self,
        guest: &Guest,
        remedy: Remedy,
        condition: &str,
    ) -> Verdict {
        let Some(at) = super::place(condition) else { return Ok(()) };
        let past = guest.world.now.saturating_sub(self.judged[at].seen);
        if past > RECENT {
            let what = format!("{} for what was seen {past} ms ago", remedy.name());
            return broken(guest, "only_what_was_seen_lately_is_repaired", what);
        }
        Ok(())
    }

    /// What was tried is given the time to take effect that its rung states.
    pub(super) fn effects_are_waited_for(
        &self,
        guest: &Guest,
        remedy: Remedy,
        condition: &str,
        reason: &str,
    ) -> Verdict {
        let of = |it: &&Try| it.condition == condition && it.reason == reason;
        let Some(last) = self.tries.iter().rfind(of) else { return Ok(()) };
        let rungs = stated(condition, reason).map_or(&[][..], |reason| reason.ladder);
        let rung = rungs.iter().find(|rung| rung.remedy == last.remedy);
        // How one ended that its agent did not survive nobody will say: it is not waited for.
        let (Some(rung), Some(ended)) = (rung, last.ended) else { return Ok(()) };
        let past = guest.world.now.saturating_sub(ended);
        if u128::from(past) < rung.settle.as_millis() {
            let what = format!("{} {past} ms after {}", remedy.name(), last.remedy.name());
            return broken(guest, "effects_are_waited_for", what);
        }
        Ok(())
    }

    /// What nothing has helped is left to a person: a ladder is climbed once an hour at most,
    /// whatever restarts.
    pub(super) fn ladders_end(
        &mut self,
        guest: &Guest,
        remedy: Remedy,
        condition: &str,
        reason: &str,
    ) -> Verdict {
        let Some(stated) = stated(condition, reason) else { return Ok(()) };
        let now = guest.world.now;
        self.tries.retain(|it| now.saturating_sub(it.began) < REST);
        let of = |it: &&Try| it.condition == condition && it.reason == reason;
        let tries = self.tries.iter().filter(of).count();
        let rungs = || stated.ladder.iter().map(|rung| rung.tries);
        let endless = rungs().any(|tries| tries == Rung::<Remedy>::FOREVER);
        let all = rungs().fold(0, u32::saturating_add);
        if !endless && u32::try_from(tries).unwrap_or(u32::MAX) >= all {
            let what = format!("{} for {condition}/{reason} after {tries} tries", remedy.name());
            return broken(guest, "ladders_end", what);
        }
        Ok(())
    }

    /// The guest has slept for `time` milliseconds: nothing can have healed by itself meanwhile,
    /// taken effect, or held.
    pub fn slept(&mut self, now: u64, time: u64) {
        self.naps += time;
        // Naps are no sleep to the agent, until they are long enough together.
        if slept(Duration::ZERO, Duration::from_millis(self.naps)).is_none() {
            return;
        }
        let time = std::mem::take(&mut self.naps);
        for judged in &mut self.judged {
            judged.since += time;
            judged.held = judged.held.map(|_| now);
        }
        for ended in self.tries.iter_mut().filter_map(|it| it.ended.as_mut()) {
            *ended += time;
        }
    }
}
