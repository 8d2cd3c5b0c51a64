//! One random history of a guest: faults come and go, looks fail, proofs expire, remedies are
//! held, repairs end as they like, saves fail, agents and kernels start anew. After each step
//! it is checked what must never happen.

use std::collections::HashMap;
use std::time::Duration;

use fastrand::Rng;
use saigak_agent::core::{
    Condition, Judgement, Ledger, Outcome, Reason, Remedy as _, Role, Status,
};

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
struct Held {
    expires: Option<Duration>,
    /// First turn since at which it was not known.
    unknown_since: Option<Duration>,
}

pub(crate) struct History {
    seed: u64,
    rng: Rng,
    guest: Guest,
    /// Milliseconds since this boot, and from the beginning of the history to it.
    uptime: u64,
    booted: u64,
    boots: u32,
    running: Option<Fix>,
    /// What is on the disk.
    saved: Ledger,
    /// Every run that really began, by the time since the beginning of the history.
    runs: Vec<(u64, Fix)>,
    held: HashMap<&'static str, Held>,
    closed_until: u64,
    sequence: u64,
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
            75..80 => self.guest.held = vec![Fix::ALL[self.rng.usize(..Fix::ALL.len())]],
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
        if self.rng.u32(..3) > 0 {
            self.booted += self.uptime + self.rng.u64(..5000);
            self.uptime = self.rng.u64(1..20_000);
            self.boots += 1;
            tally.reboots += 1;
        }
        let boot_id = self.boots.to_string();
        let mut ledger = self.saved.clone();
        if self.rng.u32(..10) == 0 {
            ledger = Ledger::closed(&boot_id, at(self.uptime).uptime);
            self.closed_until = self.booted + self.uptime + 3_600_000;
        }
        // Through the file's own form.
        let file = serde_json::to_vec(&ledger).unwrap();
        let mut next = Guest::of(serde_json::from_slice(&file).unwrap(), &boot_id);
        next.seen = std::mem::take(&mut self.guest.seen);
        self.saved = ledger;
        self.guest = next;
        self.running = None;
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
        self.guest.engine.repair_ended(at(self.uptime), &outcome, spread);
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
            self.guest.engine.repair_ended(at(self.uptime), &refused, 0.0);
            return;
        }
        self.saved = self.guest.engine.ledger().clone();
        self.runs.push((self.booted + self.uptime, fix));
        self.running = Some(fix);
        tally.repairs += 1;
        self.check_budget(fix);
    }

    fn check_intent(&self, fix: Fix) {
        self.check(self.running.is_none(), "two repairs at once");
        self.check(!self.guest.held.contains(&fix), "a remedy that is held");
        self.check(self.booted + self.uptime >= self.closed_until, "a closed budget");
        let intent = self.guest.report(self.uptime).repair.unwrap();
        self.check(intent.remedy == fix.name(), "another remedy is told");
        let condition = CONDITIONS.iter().find(|c| c.name == intent.condition).unwrap();
        self.check(self.status(condition) == Status::False, "a remedy for what is not False");
        self.check(!self.blocked(condition), "a remedy for what is blocked");
        let explained = condition.explained_by.iter().any(|name| {
            let cause = CONDITIONS.iter().find(|c| c.name == *name).unwrap();
            self.status(cause) == Status::False && !self.blocked(cause)
        });
        self.check(!explained, "a remedy for what has another cause");
        let reserved = self.guest.engine.ledger().entries.last().unwrap();
        self.check(reserved.remedy == fix.name(), "a run that is not reserved");
        self.check(reserved.uptime_ms == self.uptime, "a run reserved for another time");
    }

    fn check_budget(&self, fix: Fix) {
        let budget = fix.budget();
        let now = self.booted + self.uptime;
        let window = u64::try_from(budget.window.as_millis()).unwrap();
        let within = |ran: &&(u64, Fix)| ran.1 == fix && ran.0 + window > now;
        let runs = self.runs.iter().filter(within).count();
        self.check(runs <= budget.limit, "a budget is exceeded");
    }

    fn check_report(&mut self, tally: &mut Tally) {
        let now = at(self.uptime).uptime;
        let report = self.guest.report(self.uptime);
        self.check(report.sequence >= self.sequence, "the sequence goes back");
        self.sequence = report.sequence;
        self.check(report.ready == report.cause.is_none(), "ready with a cause, or not without");
        self.check(report.repair.is_some() == self.running.is_some(), "the repair is not told");
        tally.expired += u32::from(self.guest.seen.values().any(|j| j.expires <= Some(now)));
        if !report.ready {
            tally.not_ready += 1;
            return;
        }
        tally.ready += 1;
        for condition in CONDITIONS.iter().filter(|c| c.role == Role::Required) {
            let known = self.status(condition) == Status::True && !self.blocked(condition);
            tally.graced += u32::from(!known);
            let fault = self.status(condition) == Status::False && !self.blocked(condition);
            self.check(!fault, "ready in spite of a fault");
            self.check(!self.by_fault(condition), "ready in spite of a fault below");
            self.check_held(condition, now);
        }
        if let Some(until) = report.ready_until {
            self.check(self.guest.engine.ready(until - Duration::from_nanos(1)), "ends too early");
            self.check(!self.guest.engine.ready(until), "ready beyond its own end");
            let wakes = self.guest.engine.wakes_at();
            self.check(wakes.is_some_and(|at| at <= until), "nobody wakes for the end");
        }
    }

    /// A required condition of a ready guest was seen to hold, its proof has not expired, and
    /// it is not unknown for longer than its grace.
    fn check_held(&self, condition: &Condition, now: Duration) {
        let held = self.held.get(condition.name).copied();
        self.check(held.is_some(), "ready without having been seen");
        let Some(Held { expires, unknown_since }) = held else { return };
        self.check(expires.is_none_or(|expires| now < expires), "ready by an expired proof");
        let graced = unknown_since.is_none_or(|since| now < since + condition.grace);
        // A proof that is only blocked counts until it expires.
        self.check(graced || (expires.is_some() && self.blocked(condition)), "ready beyond grace");
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

    fn judgement(&self, condition: &Condition) -> Option<&Judgement<Fix>> {
        self.guest.seen.get(condition.name)
    }

    fn status(&self, condition: &Condition) -> Status {
        self.judgement(condition).map_or(Status::Unknown, |judgement| judgement.reason.status)
    }

    fn needs(condition: &Condition) -> impl Iterator<Item = &'static Condition> {
        let needs = condition.needs;
        CONDITIONS.iter().copied().filter(move |other| needs.contains(&other.name))
    }

    fn blocked(&self, condition: &Condition) -> bool {
        Self::needs(condition).any(|need| self.status(need) != Status::True || self.blocked(need))
    }

    /// Whether it is a fault, or hangs on one.
    fn by_fault(&self, condition: &Condition) -> bool {
        self.status(condition) == Status::False && !self.blocked(condition)
            || Self::needs(condition).any(|need| self.by_fault(need))
    }

    fn check(&self, holds: bool, what: &str) {
        let Self { seed, booted, uptime, .. } = self;
        assert!(holds, "{what}: SAIGAK_SEED={seed}, {} ms, uptime {uptime} ms", booted + uptime);
    }
}
