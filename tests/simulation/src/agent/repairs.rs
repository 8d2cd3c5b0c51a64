//! An agent's repairs, from the choice to the end.

use saigak_agent::core::{Intent, Outcome, Remedy as _};
use saigak_agent::guest::{CONCERNS, Remedy};

use super::{Agent, Saves, millis};
use crate::guest::{Act, Guest};
use crate::mind::Mind;

/// So long a save may take.
const SAVED_WITHIN: u64 = 10_000;
/// What an agent has just begun to do, or has seen the end of.
#[derive(Debug, Clone)]
pub enum Deed {
    /// The engine has chosen a repair.
    Chosen(Remedy, &'static str, &'static str),
    /// The repair acts; its budget is saved.
    Acts(Act),
    /// The repair is over.
    Over(Remedy, Outcome),
}

/// A repair that was chosen.
pub(super) struct Flight<M: Mind> {
    pub(super) intent: Intent<M::Remedy>,
    /// When its budget is saved; or when it is known that it could not be.
    pub(super) saved: Result<u64, u64>,
    pub(super) act: Option<Act>,
    /// When it is given up.
    pub(super) given_up: u64,
}

impl<M: Mind> Agent<M> {
    pub(super) fn launch(&mut self, intent: Intent<M::Remedy>, guest: &mut Guest, saves: Saves) {
        let remedy = self.mind.remedy(intent.remedy);
        self.deeds.push(Deed::Chosen(remedy, intent.condition, intent.reason));
        let now = guest.world.now;
        let there = match saves {
            _ if !self.mind.waits_for_saves() => Ok(now),
            Saves::Fail => Err(now),
            // Behind all that is still on its way to the disk.
            _ => match self.save(guest, saves) {
                ends if ends <= now + SAVED_WITHIN => Ok(ends),
                _ => Err(now + SAVED_WITHIN),
            },
        };
        self.flights.push(Flight { intent, saved: there, act: None, given_up: u64::MAX });
        self.wake = now;
    }

    pub(super) fn end_acts(&mut self, guest: &mut Guest, saves: Saves) -> bool {
        let now = guest.world.now;
        let mut over = Vec::new();
        for (index, flight) in self.flights.iter_mut().enumerate() {
            let remedy = self.mind.remedy(flight.intent.remedy);
            match (&flight.act, flight.saved) {
                (None, Err(at)) if at <= now => {
                    let refused = Outcome::Refused("its budget could not be saved".into());
                    over.push((index, refused));
                }
                (None, Ok(at)) if at <= now => {
                    let act = guest.begin_act(remedy);
                    flight.given_up = now + millis(flight.intent.remedy.deadline());
                    self.deeds.push(Deed::Acts(act.clone()));
                    if act.ends.is_some_and(|ends| ends <= now) {
                        over.push((index, guest.end_act(act.clone())));
                    }
                    flight.act = Some(act);
                }
                (Some(act), _) if act.ends.is_some_and(|ends| ends <= now) => {
                    over.push((index, guest.end_act(act.clone())));
                }
                (Some(_), _) if flight.given_up <= now => over.push((index, Outcome::TimedOut)),
                _ => {}
            }
        }
        if !over.is_empty() {
            self.notice_sleep(guest);
            self.rest.ends(now);
        }
        for (index, outcome) in over.iter().rev() {
            let flight = self.flights.remove(*index);
            self.deeds.push(Deed::Over(self.mind.remedy(flight.intent.remedy), outcome.clone()));
            let outcome = self.mind.outcome(outcome.clone());
            let spread = guest.world.chance.f64();
            self.engine.repair_ended(guest.moment(), flight.intent, &outcome, spread);
            for concern in 0..CONCERNS.len() {
                self.sooner(concern, now);
            }
            self.save(guest, saves);
        }
        !over.is_empty()
    }

    /// The repairs that act now: the agent may end, and they go on without it.
    pub fn acts(&self) -> impl Iterator<Item = &Act> {
        self.flights.iter().filter_map(|flight| flight.act.as_ref())
    }
}
