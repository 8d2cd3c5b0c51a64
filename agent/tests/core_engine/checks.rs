//! What must never happen, checked by rules of its own: simpler than the engine's, and slower.

use std::time::Duration;

use saigak_agent::core::{Condition, Remedy as _, Role, Status};

use crate::guest::{CONDITIONS, Fix, OWNER, PROOF, at};
use crate::history::{Held, History, Tally};

impl History {
    pub(crate) fn check_intent(&self, fix: Fix) {
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
            let reason = self.judgement(cause).map(|judgement| judgement.reason);
            let ladder = reason.is_some_and(|reason| !reason.ladder.is_empty());
            // One that is climbed to its end explains nothing any more.
            let tries = self.runs[self.begun..].iter().filter(|(_, ran)| *ran == Fix::Chown);
            let climbed = cause.name == OWNER.name && tries.count() >= 2;
            let bad = self.status(cause) == Status::False && !self.blocked(cause);
            bad && ladder && !climbed
        });
        self.check(!explained, "a remedy for what has another cause");
        let reserved = self.guest.engine.ledger().entries.last().unwrap();
        self.check(reserved.remedy == fix.name(), "a run that is not reserved");
        self.check(reserved.uptime_ms == self.uptime, "a run reserved for another time");
    }

    pub(crate) fn check_budget(&self, fix: Fix) {
        let budget = fix.budget();
        let now = self.booted + self.uptime;
        let window = u64::try_from(budget.window.as_millis()).unwrap();
        let within = |ran: &&(u64, Fix)| ran.1 == fix && ran.0 + window > now;
        let runs = self.runs.iter().filter(within).count();
        self.check(runs <= budget.limit, "a budget is exceeded");
    }

    pub(crate) fn check_report(&mut self, tally: &mut Tally) {
        let now = at(self.uptime).uptime;
        let report = self.guest.report(self.uptime);
        self.check(report.sequence >= self.sequence, "the sequence goes back");
        self.sequence = report.sequence;
        self.check(report.ready == report.cause.is_none(), "ready with a cause, or not without");
        self.check(report.repair.is_some() == self.running.is_some(), "the repair is not told");
        let expired =
            self.judgement(&PROOF).and_then(|proof| proof.expires).is_some_and(|at| at <= now);
        tally.expired += u32::from(expired && !self.blocked(&PROOF));
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
        if let Some(until) = report.ready_until.map(|expiry| expiry.uptime) {
            let before = until.saturating_sub(Duration::from_nanos(1));
            self.check(self.guest.engine.ready(before), "ends too early");
            self.check(!self.guest.engine.ready(until), "ready beyond its own end");
            let wakes = self.guest.wakes_at(self.uptime);
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
}
