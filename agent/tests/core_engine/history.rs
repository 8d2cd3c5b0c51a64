//! One random history of a guest: faults come and go, looks fail, proofs expire, remedies are
//! held, repairs end as they like, saves fail, agents and kernels start anew.

use std::collections::HashMap;
use std::time::Duration;

use fastrand::Rng;
use saigak_agent::core::{Condition, Judgement, Ledger, Outcome, Reason, Status};

use crate::guest::{
    ALIAS, CONDITIONS, DISK, DOWN, FROZEN, Fix, GOOD, Guest, LINK, MISSING, NO_ALIAS, OWNER, PROOF,
    READ_ONLY, SERVER, SOURCE, STOPPED, UNSEEN, WRONG, WRONG_OWNER, at,
};

/// What can be seen of each condition besides that it is good, not known, or not looked at.
static FAULTS: &[(&Condition, &[&Reason<Fix>])] = &[
    (&LINK, &[&DOWN, &WRONG]),
    (&DISK, &[&WRONG]),
    (&OWNER, &[&WRONG_OWNER, &READ_ONLY]),
    (&SERVER, &[&STOPPED, &FROZEN]),
    (&SOURCE, &[&MISSING]),
    (&ALIAS, &[&NO_ALIAS]),
    (&PROOF, &[&WRONG, &FROZEN]),
];

/// What became of many histories, to tell that they were not all dull.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) repairs: u32,
    pub(crate) ready: u32,
    pub(crate) graced: u32,
    pub(crate) not_ready: u32,
    pub(crate) expired: u32,
    pub(crate) spent: u32,
    pub(crate) reboots: u32,
}

/// When a condition was last seen to hold, as this agent knows it.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    pub(crate) expires: Option<Duration>,
    /// First turn since at which it was not known.
    pub(crate) unknown_since: Option<Duration>,
}

pub(crate) struct History {
    pub(crate) seed: u64,
    pub(crate) rng: Rng,
    pub(crate) guest: Guest,
    /// Milliseconds since this boot, and from the beginning of the history to it.
    pub(crate) uptime: u64,
    pub(crate) booted: u64,
    pub(crate) boots: u32,
    pub(crate) running: Option<Fix>,
    /// What is on the disk.
    pub(crate) saved: Ledger,
    /// Every run that really began, by the time since the beginning of the history.
    pub(crate) runs: Vec<(u64, Fix)>,
    /// How many of them began before this boot, or are forgotten since.
    pub(crate) begun: usize,
    pub(crate) held: HashMap<&'static str, Held>,
    pub(crate) closed_until: u64,
    pub(crate) sequence: u64,
}

impl History {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            rng: Rng::with_seed(seed),
            guest: Guest::of(Ledger::fresh(), "0"),
            uptime: 0,
            booted: 0,
            boots: 0,
            running: None,
            saved: Ledger::fresh(),
            runs: Vec::new(),
            begun: 0,
            held: HashMap::new(),
            closed_until: 0,
            sequence: 0,
        }
    }

    pub(crate) fn step(&mut self, tally: &mut Tally) {
        let longest = [50, 3000, 40_000, 900_000][self.rng.usize(..4)];
        self.uptime += self.rng.u64(1..=longest);
        match self.rng.u32(..100) {
            0..2 => self.start_anew(tally),
            2..50 => self.change(),
            50..75 => self.guest.prove_until(self.uptime + self.rng.u64(..60_000)),
            75..77 => self.guest.see_until(&ALIAS, self.uptime + self.rng.u64(..60_000)),
            77..80 => self.guest.held = vec![Fix::ALL[self.rng.usize(..Fix::ALL.len())]],
            80..85 => self.guest.held.clear(),
            _ => {}
        }
        if self.running.is_some() && self.rng.bool() {
            self.end();
        }
        self.turn(tally);
        self.check_report(tally);
    }

    /// Something is seen differently than before.
    fn change(&mut self) {
        let (condition, faults) = FAULTS[self.rng.usize(..FAULTS.len())];
        match self.rng.u32(..10) {
            0..5 => self.guest.see(condition, &GOOD),
            5 => self.guest.see(condition, &UNSEEN),
            6 => drop(self.guest.seen.remove(condition.name)),
            _ => self.guest.see(condition, faults[self.rng.usize(..faults.len())]),
        }
    }

    /// Another agent, in two of three cases after a reboot; in one of ten its ledger is torn.
    fn start_anew(&mut self, tally: &mut Tally) {
        let reboots = self.rng.u32(..3) > 0;
        if reboots {
            self.booted += self.uptime + self.rng.u64(..5000);
            self.uptime = self.rng.u64(1..20_000);
            self.boots += 1;
            tally.reboots += 1;
        }
        let boot_id = self.boots.to_string();
        let mut ledger = self.saved.clone();
        let torn = self.rng.u32(..10) == 0;
        if torn {
            ledger = Ledger::closed(&boot_id, at(self.uptime).uptime);
            self.closed_until = self.booted + self.uptime + 3_600_000;
        }
        // Through the file's own form.
        let file = serde_json::to_vec(&ledger).unwrap();
        let mut loaded: Ledger = serde_json::from_slice(&file).unwrap();
        loaded.carry_over(&boot_id, at(self.uptime).uptime);
        let mut next = Guest::of(loaded, &boot_id);
        next.seen = std::mem::take(&mut self.guest.seen);
        self.saved = ledger;
        self.guest = next;
        self.running = None;
        // Within one boot, a new agent knows what the one before has tried.
        if reboots || torn {
            self.begun = self.runs.len();
        }
        self.held.clear();
        self.sequence = 0;
    }

    fn end(&mut self) {
        let outcome = match self.rng.u32(..4) {
            0 => Outcome::TimedOut,
            1 => Outcome::Failed("no".into()),
            _ => Outcome::Succeeded("yes".into()),
        };
        let spread = self.rng.f64();
        self.guest.end_spread(self.uptime, &outcome, spread);
        self.running = None;
        self.saved = self.guest.engine.ledger().clone();
    }

    fn turn(&mut self, tally: &mut Tally) {
        let fix = self.guest.turn(self.uptime);
        self.remember();
        tally.spent += u32::from(self.guest.next().contains("is spent"));
        let Some(fix) = fix else { return };
        self.check_intent(fix);
        // One save in twenty fails, and then the remedy does not run.
        if self.rng.u32(..20) == 0 {
            let refused = Outcome::Refused("its budget could not be saved".into());
            self.guest.end(self.uptime, &refused);
            return;
        }
        self.saved = self.guest.engine.ledger().clone();
        self.runs.push((self.booted + self.uptime, fix));
        self.running = Some(fix);
        tally.repairs += 1;
        self.check_budget(fix);
    }

    /// Follows, by its own simple rules, what the engine has just been shown.
    fn remember(&mut self) {
        let now = at(self.uptime).uptime;
        for condition in CONDITIONS {
            if self.by_fault(condition) {
                self.held.remove(condition.name);
            } else if self.blocked(condition) || self.status(condition) == Status::Unknown {
                if let Some(held) = self.held.get_mut(condition.name) {
                    held.unknown_since.get_or_insert(now);
                }
            } else {
                let expires = self.judgement(condition).and_then(|judgement| judgement.expires);
                self.held.insert(condition.name, Held { expires, unknown_since: None });
            }
        }
    }

    pub(crate) fn judgement(&self, condition: &Condition) -> Option<&Judgement<Fix>> {
        self.guest.seen.get(condition.name)
    }

    pub(crate) fn status(&self, condition: &Condition) -> Status {
        self.judgement(condition).map_or(Status::Unknown, |judgement| judgement.reason.status)
    }

    fn needs(condition: &Condition) -> impl Iterator<Item = &'static Condition> {
        let needs = condition.needs;
        CONDITIONS.iter().copied().filter(move |other| needs.contains(&other.name))
    }

    pub(crate) fn blocked(&self, condition: &Condition) -> bool {
        Self::needs(condition).any(|need| self.status(need) != Status::True || self.blocked(need))
    }

    /// Whether it is a fault, or hangs on one.
    pub(crate) fn by_fault(&self, condition: &Condition) -> bool {
        self.status(condition) == Status::False && !self.blocked(condition)
            || Self::needs(condition).any(|need| self.by_fault(need))
    }

    pub(crate) fn check(&self, holds: bool, what: &str) {
        let Self { seed, booted, uptime, .. } = self;
        assert!(holds, "{what}: SAIGAK_SEED={seed}, {} ms, uptime {uptime} ms", booted + uptime);
    }
}
