//! An agent that lives in the simulated guest: the real engine, and in place of the real loop
//! one that needs no runtime, so that a history of an hour takes a millisecond. It does in each
//! turn what `core::reconcile` does, in the same order; a test holds the two against each other.

mod disk;
mod looks;
mod repairs;
mod rest;
mod sleep;

use std::cell::Cell;
use std::time::Duration;

use saigak_agent::core::{AgentReport, Engine, Intent, Moment};
use saigak_agent::guest::CONCERNS;

pub use disk::{Disk, Saves};
pub use repairs::Deed;

use crate::guest::{Guest, Look};
use crate::mind::Mind;
use crate::watch::Watch;
use disk::Save;
use repairs::Flight;
use rest::Rest;

/// Between the starts of two looks at one concern.
const LOOKS_APART: u64 = 100;
/// The loop turns at least this often.
const HEARTBEAT: u64 = 5000;

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
    rest: Rest,
    /// How long the guest had slept by the last turn.
    asleep: Duration,
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
            engine: engine.expect("conditions in order").after_sleep(guest.asleep()),
            mind,
            due: [guest.world.now; CONCERNS.len()],
            begun: [None; CONCERNS.len()],
            looks: Vec::new(),
            flights: Vec::new(),
            saves: Vec::new(),
            wake: guest.world.now,
            decides: guest.world.now,
            turned: guest.world.now,
            rest: Rest::since(guest.world.now),
            asleep: guest.asleep(),
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
        let news = guest.judge();
        self.notice_sleep(guest);
        if !self.rests(guest, news, moment) {
            watch.look(guest);
            self.mind.tell(guest, &mut self.engine);
            self.decide(guest, saves, moment);
        }
        let ready = self.engine.ready(moment.uptime);
        for (concern, schedule) in CONCERNS.iter().enumerate() {
            let alert = self.begun[concern].map(|begun| begun + millis(schedule.alert));
            // Asked only where the answer matters: it is asked for all in each turn.
            let Some(alert) = alert.filter(|alert| *alert < self.due[concern]) else { continue };
            if !(ready && self.engine.is_calm(schedule.concern, moment.uptime)) {
                self.sooner(concern, alert);
            }
        }
        if self.engine.expire_ledger(moment.uptime) {
            self.save(guest, saves);
        }
        self.decides = self.rest.wakes.min(now + HEARTBEAT);
        self.wakes();
    }

    /// Chooses what is to be done, and what is to be looked at before anything is.
    fn decide(&mut self, guest: &mut Guest, saves: Saves, moment: Moment) {
        let mut waits = self.flights.is_empty();
        loop {
            let (intent, held) = self.choose(guest, moment);
            waits &= !held;
            let Some(intent) = intent else { break };
            self.launch(intent, guest, saves);
            waits = false;
        }
        for (concern, at) in self.engine.confirmations().to_vec() {
            waits = false;
            if let Some(concern) = CONCERNS.iter().position(|known| known.concern == concern) {
                let at = guest.world.booted + millis(at);
                if self.begun[concern].is_none_or(|begun| begun < at) {
                    self.sooner(concern, at);
                }
            }
        }
        let wakes = self.engine.wakes_at(moment.uptime);
        let wakes = wakes.map_or(u64::MAX, |at| guest.world.booted + millis(at));
        self.rest.decided(guest.world.now, wakes, waits);
    }

    /// The next repair, and whether any was held back.
    fn choose(&mut self, guest: &Guest, moment: Moment) -> (Option<Intent<M::Remedy>>, bool) {
        let mind = &self.mind;
        let any = Cell::new(false);
        let held = |remedy| {
            let held = mind.held(guest, remedy);
            any.set(any.get() || held.is_some());
            held
        };
        (self.engine.next_repair(moment, held), any.get())
    }

    /// A person asks for a pause of so many milliseconds.
    pub fn pause(&mut self, guest: &Guest, saves: Saves, length: u64) {
        if self.mind.pauses() {
            self.engine.pause(guest.moment(), Duration::from_millis(length));
            self.rest.ends(guest.world.now);
            self.save(guest, saves);
            self.wake = guest.world.now;
        }
    }
}
