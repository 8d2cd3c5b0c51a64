//! When an agent looks at what.

use saigak_agent::guest::{CONCERNS, concern};

use super::{Agent, millis};
use crate::guest::Guest;
use crate::mind::Mind;

impl<M: Mind> Agent<M> {
    pub(super) fn begin_looks(&mut self, guest: &mut Guest) {
        let now = guest.world.now;
        for (concern, schedule) in CONCERNS.iter().enumerate() {
            if self.due[concern] > now || self.looks_at(concern) {
                continue;
            }
            let calm = self.engine.is_calm(schedule.concern, guest.moment().uptime);
            let pause = if calm { schedule.calm } else { schedule.alert };
            // Up to a tenth earlier; all at the same times where the history is to be quick.
            let early = if guest.tempo == 0 { 0 } else { guest.world.chance.u64(..=100) };
            self.begun[concern] = Some(now);
            self.due[concern] = now + millis(pause) * (1000 - early) / 1000;
            let look = guest.begin_look(concern);
            if guest.is_over(&look) {
                guest.end_look(&look);
            } else {
                self.looks.push(look);
            }
        }
        guest.deliver();
    }

    pub(super) fn end_looks(&mut self, guest: &mut Guest) -> bool {
        let over: Vec<_> = self.looks.extract_if(.., |look| guest.is_over(look)).collect();
        for look in &over {
            guest.end_look(look);
        }
        !over.is_empty()
    }

    /// A turn in which nothing is due but a look at the proofs, which finds that none is due
    /// either, changes nothing: it is left out, and histories are played twice as fast.
    pub(super) fn skips(&mut self, guest: &Guest) -> bool {
        let now = guest.world.now;
        let mut due = (0..CONCERNS.len())
            .filter(|concern| self.due[*concern] <= now && !self.looks_at(*concern));
        let alone = due.next() == Some(concern::PROOF) && due.next().is_none();
        if !alone || self.decides <= now || guest.tempo > 0 || !guest.owes_no_proof() {
            return false;
        }
        let schedule = CONCERNS[concern::PROOF];
        let calm = self.engine.is_calm(schedule.concern, guest.moment().uptime);
        let pause = if calm { schedule.calm } else { schedule.alert };
        self.begun[concern::PROOF] = Some(now);
        self.due[concern::PROOF] = now + millis(pause);
        self.wakes();
        true
    }

    pub(super) fn looks_at(&self, concern: usize) -> bool {
        self.looks.iter().any(|look| look.concern == concern)
    }

    pub(super) fn sooner(&mut self, concern: usize, at: u64) {
        self.due[concern] = self.due[concern].min(at);
    }
}
