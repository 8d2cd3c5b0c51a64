//! An agent that lives in the simulated guest: the real engine, and in place of the real loop
//! one that needs no runtime, so that a history of an hour takes a millisecond. It does in each
//! turn what `core::reconcile` does, in the same order; a test holds the two against each other.

use std::time::Duration;

use saigak_agent::core::{AgentReport, Engine, Intent, Ledger, Moment, Outcome, Remedy as _};
use saigak_agent::guest::{CONCERNS, Remedy, concern};

use crate::guest::{Act, Guest, Look};
use crate::mind::Mind;
use crate::watch::Watch;

/// Between the starts of two looks at one concern.
const LOOKS_APART: u64 = 100;
/// The loop turns at least this often.
const HEARTBEAT: u64 = 5000;
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
struct Flight<M: Mind> {
    intent: Intent<M::Remedy>,
    /// When its budget is saved. `None`: it could not be.
    saved: Result<u64, u64>,
    act: Option<Act>,
    /// When it is given up.
    given_up: u64,
}

/// A ledger on its way to the disk.
struct Save {
    ends: u64,
    ledger: Ledger,
}

/// The root disk, as far as the agent keeps its ledger there.
#[derive(Debug, Clone)]
pub struct Disk {
    /// The ledger that was saved last.
    pub ledger: Ledger,
    /// Its file is torn: nobody can read it.
    pub torn: bool,
}

impl Default for Disk {
    fn default() -> Self {
        Self { ledger: Ledger::fresh(), torn: false }
    }
}

impl Disk {
    /// The ledger, as an agent that starts now takes it.
    #[must_use]
    pub fn load(&self, guest: &Guest) -> Ledger {
        let (boot, uptime) = (guest.boot_id(), guest.moment().uptime);
        if self.torn || self.ledger.is_from_the_future(&boot, uptime) {
            return Ledger::closed(&boot, uptime);
        }
        let mut ledger = self.ledger.clone();
        ledger.carry_over(&boot, uptime);
        ledger
    }
}

/// What becomes of saves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Saves {
    /// They take no time.
    #[default]
    Quick,
    /// They take so many milliseconds.
    Slow(u64),
    /// They fail: the root disk is full.
    Fail,
}

/// The agent.
pub struct Agent<M: Mind> {
    /// The engine.
    pub engine: Engine<M::Remedy>,
    mind: M,
    due: [u64; CONCERNS.len()],
    begun: [Option<u64>; CONCERNS.len()],
    looks: Vec<Look>,
    flights: Vec<Flight<M>>,
    saves: Vec<Save>,
    wake: u64,
    /// When it turns whatever is looked at.
    decides: u64,
    turned: u64,
    /// What it has done since somebody last took it.
    pub deeds: Vec<Deed>,
}

/// In milliseconds, rounded up: who is woken too early would find nothing due yet.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

impl<M: Mind> Agent<M> {
    /// An agent that has just been started, with the ledger that is on the disk.
    ///
    /// # Panics
    /// Where the conditions stand in no order: no history could be played.
    #[must_use]
    pub fn start(guest: &Guest, disk: &Disk, mind: M) -> Self {
        let ledger = disk.load(guest);
        let agent = AgentReport { boot_id: guest.boot_id(), ..AgentReport::default() };
        let engine = Engine::new(mind.conditions(), agent, ledger, guest.moment());
        Self {
            engine: engine.expect("conditions in order"),
            mind,
            due: [guest.world.now; CONCERNS.len()],
            begun: [None; CONCERNS.len()],
            looks: Vec::new(),
            flights: Vec::new(),
            saves: Vec::new(),
            wake: guest.world.now,
            decides: guest.world.now,
            turned: guest.world.now,
            deeds: Vec::new(),
        }
    }

    /// When it next has something to do by itself.
    #[must_use]
    pub fn next(&self) -> u64 {
        let looks = self.looks.iter().map(|look| look.ends);
        let flights = self.flights.iter().flat_map(|flight| {
            let ends = flight.act.as_ref().and_then(|act| act.ends);
            let saved = flight.act.is_none().then(|| flight.saved.unwrap_or_else(|at| at));
            [saved, ends, flight.act.is_some().then_some(flight.given_up)]
        });
        let saves = self.saves.iter().map(|save| save.ends);
        let at = looks.chain(flights.flatten()).chain(saves).min();
        at.map_or(self.wake, |at| at.min(self.wake))
    }

    /// Does what is to be done now. `disk` is where its ledger lies.
    /// Says whether it turned.
    pub fn run(
        &mut self,
        guest: &mut Guest,
        disk: &mut Disk,
        saves: Saves,
        watch: &mut Watch,
    ) -> bool {
        let mut turns = self.save_what_is_due(guest, disk);
        turns |= self.end_looks(guest);
        turns |= self.end_acts(guest, saves);
        if guest.woken != 0 {
            let woken = std::mem::take(&mut guest.woken);
            for concern in (0..CONCERNS.len()).filter(|concern| woken & (1 << concern) != 0) {
                self.sooner(concern, self.turned.max(guest.world.now) + LOOKS_APART);
            }
            turns = true;
        }
        let due = guest.world.now >= self.wake;
        turns |= due && !self.skips(guest);
        if turns {
            self.turn(guest, saves, watch);
        }
        turns
    }

    /// A turn in which nothing is due but a look at the proofs, which finds that none is due
    /// either, changes nothing: it is left out, and histories are played twice as fast.
    fn skips(&mut self, guest: &Guest) -> bool {
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

    /// Sets when the next turn comes by itself.
    fn wakes(&mut self) {
        let looks = (0..CONCERNS.len()).filter(|concern| !self.looks_at(*concern));
        let look = looks.map(|concern| self.due[concern]).min();
        self.wake = look.map_or(self.decides, |look| look.min(self.decides));
    }

    fn turn(&mut self, guest: &mut Guest, saves: Saves, watch: &mut Watch) {
        let now = guest.world.now;
        self.turned = now;
        self.begin_looks(guest);
        let moment = guest.moment();
        let told = guest.judge();
        watch.look(guest, &told);
        self.engine.observe(moment, self.mind.judge(guest, told));
        while let Some(intent) = self.choose(guest, moment) {
            self.launch(intent, guest, saves);
        }
        for (concern, at) in self.engine.confirmations().to_vec() {
            if let Some(concern) = CONCERNS.iter().position(|known| known.concern == concern) {
                let at = guest.world.booted + millis(at);
                if self.begun[concern].is_none_or(|begun| begun < at) {
                    self.sooner(concern, at);
                }
            }
        }
        for (concern, schedule) in CONCERNS.iter().enumerate() {
            let calm = self.engine.is_calm(schedule.concern, moment.uptime);
            if let Some(begun) = self.begun[concern].filter(|_| !calm) {
                self.sooner(concern, begun + millis(schedule.alert));
            }
        }
        if self.engine.expire_ledger(moment.uptime) {
            self.save(guest, saves);
        }
        let decision = self.engine.wakes_at(moment.uptime);
        let decision = decision.map(|at| guest.world.booted + millis(at));
        self.decides = decision.map_or(now + HEARTBEAT, |at| at.min(now + HEARTBEAT));
        self.wakes();
    }

    fn choose(&mut self, guest: &Guest, moment: Moment) -> Option<Intent<M::Remedy>> {
        let mind = &self.mind;
        self.engine.next_repair(moment, |remedy| mind.held(guest, remedy))
    }

    fn launch(&mut self, intent: Intent<M::Remedy>, guest: &mut Guest, saves: Saves) {
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

    /// Sends the ledger to the disk; says when it will be there.
    fn save(&mut self, guest: &Guest, saves: Saves) -> u64 {
        let takes = match saves {
            Saves::Quick => 0,
            Saves::Slow(takes) => takes,
            Saves::Fail => return u64::MAX,
        };
        // One after the other, in their order.
        let before = self.saves.last().map_or(0, |save| save.ends);
        let ends = before.max(guest.world.now) + takes;
        self.saves.push(Save { ends, ledger: self.mind.saved(self.engine.ledger()) });
        ends
    }

    fn save_what_is_due(&mut self, guest: &Guest, disk: &mut Disk) -> bool {
        let due = self.saves.iter().take_while(|save| save.ends <= guest.world.now).count();
        if let Some(last) = self.saves.drain(..due).next_back() {
            *disk = Disk { ledger: last.ledger, torn: false };
        }
        due > 0
    }

    fn begin_looks(&mut self, guest: &mut Guest) {
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

    fn end_looks(&mut self, guest: &mut Guest) -> bool {
        let (over, going) =
            std::mem::take(&mut self.looks).into_iter().partition(|look| guest.is_over(look));
        self.looks = going;
        let over: Vec<Look> = over;
        for look in &over {
            guest.end_look(look);
        }
        !over.is_empty()
    }

    fn end_acts(&mut self, guest: &mut Guest, saves: Saves) -> bool {
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

    /// A person asks for a pause of so many milliseconds.
    pub fn pause(&mut self, guest: &Guest, saves: Saves, length: u64) {
        if self.mind.pauses() {
            self.engine.pause(guest.moment(), Duration::from_millis(length));
            self.save(guest, saves);
            self.wake = guest.world.now;
        }
    }

    fn looks_at(&self, concern: usize) -> bool {
        self.looks.iter().any(|look| look.concern == concern)
    }

    fn sooner(&mut self, concern: usize, at: u64) {
        self.due[concern] = self.due[concern].min(at);
    }

    /// The repairs that act now: the agent may end, and they go on without it.
    pub fn acts(&self) -> impl Iterator<Item = &Act> {
        self.flights.iter().filter_map(|flight| flight.act.as_ref())
    }
}
