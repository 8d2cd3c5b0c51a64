//! Which repair is next, and what became of the last.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use super::{Engine, Flight, INTERRUPTED, Intent};
use crate::core::budget::millis;
use crate::core::episode::{Climbs, Step};
use crate::core::foreign::tame;
use crate::core::{
    AgentReport, Moment, Outcome, Outlook, Past, Pause, Reason, Remedy, Status, rfc3339,
};

/// Why no budget is open where the ledger could not be read.
const UNKNOWN_PAST: &str = "its ledger could not be read, so how often it ran is not known";

/// What was seen longer ago than this is looked at again before anything is done about it. No
/// look takes as long.
const RECENT: Duration = Duration::from_secs(20);

/// Why nothing is done about a fault now.
struct Delay {
    /// For the report.
    words: Cow<'static, str>,
    /// Whether it ends without a person.
    passes: bool,
}

impl Delay {
    fn passing(words: impl Into<Cow<'static, str>>) -> Self {
        Self { words: words.into(), passes: true }
    }

    fn lasting(words: impl Into<Cow<'static, str>>) -> Self {
        Self { words: words.into(), passes: false }
    }
}

impl<R: Remedy> Engine<R> {
    /// The next repair, if one is due: causes before effects, and no two at once on the same
    /// thing. Its budget is reserved; the caller saves the ledger, acts, and calls
    /// [`Engine::repair_ended`]. To be called until there is none.
    pub fn next_repair(
        &mut self,
        now: Moment,
        held: impl Fn(R) -> Option<String>,
    ) -> Option<Intent<R>> {
        self.wake_at = None;
        self.confirm.clear();
        let mut next: Vec<(&'static str, Delay)> = Vec::new();
        let mut chosen = None;
        for index in 0..self.states.len() {
            let Some(state) = self.states.get(index) else { continue };
            let Some(fault) = state.fault.filter(|fault| fault.status == Status::False) else {
                continue;
            };
            // Anew for each: a ladder before this one may just have come to its end.
            if self.graph.explanation(index, self.seen(now.uptime)).is_some() {
                continue;
            }
            let name = state.condition.name;
            match self.consider(index, fault, now.uptime, &held) {
                Ok(remedy) if !self.is_touched(remedy) => {
                    chosen = Some((Intent { remedy, condition: name, reason: fault.name }, fault));
                    break;
                }
                Ok(remedy) => {
                    next.push((name, Delay::passing(format!("then {}", remedy.name()))));
                }
                Err(delay) => next.push((name, delay)),
            }
        }
        if let Some((intent, fault)) = chosen {
            self.begin(intent, fault, now);
            self.outlook = Outlook::UnderWay;
            self.tell(now.uptime, format!("{} runs", intent.remedy.name()).into());
            return Some(intent);
        }
        let goes_on = !self.in_flight.is_empty() || next.iter().any(|(_, delay)| delay.passes);
        self.outlook = if goes_on { Outlook::UnderWay } else { Outlook::Settled };
        let pause = self.ledger.pause_at(&self.agent.boot_id, now.uptime);
        if let Some(ends) = pause.map(Pause::ends) {
            self.wake_at(ends);
        }
        self.tell(now.uptime, self.next_words(now.uptime, &next));
        None
    }

    /// Sets what comes next. A new verdict or next step is a change like any other.
    fn tell(&mut self, uptime: Duration, next: Cow<'static, str>) {
        let cause = self.cause(uptime).map(|state| state.condition.name);
        let told = (self.ready(uptime), cause, next);
        if told != self.told {
            self.told = told;
            self.sequence += 1;
        }
    }

    /// The remedy for one fault, or why there is none now.
    fn consider(
        &mut self,
        index: usize,
        fault: &'static Reason<R>,
        uptime: Duration,
        held: &impl Fn(R) -> Option<String>,
    ) -> Result<R, Delay> {
        let (Some(first), Some(state)) = (fault.ladder.first(), self.states.get(index)) else {
            return Err(Delay { words: fault.advice.into(), passes: fault.passes });
        };
        let (condition, since, seen_at) = (state.condition, state.reason_since, state.seen_at);
        let due = since + fault.patience;
        // Not only long enough, but seen again after that.
        if uptime < due || (!fault.patience.is_zero() && seen_at < due) {
            self.wake_at(due);
            self.confirm.push((condition.concern, due));
            let name = first.remedy.name();
            return Err(Delay::passing(format!("{name} if it does not heal by itself")));
        }
        let place = self.episodes.place(condition.name, fault.name);
        let rung = match place.step(fault.ladder, uptime) {
            // What was waited for may have come while nobody looked.
            Step::Do(_) if seen_at < place.not_before() => {
                self.confirm.push((condition.concern, place.not_before()));
                return Err(Delay::passing("looks whether the last repair has helped"));
            }
            Step::Do(index) => fault.ladder.get(index).unwrap_or(first),
            Step::Wait(until) => {
                let refused = place.was_refused();
                self.wake_at(until);
                return Err(Delay::passing(if refused {
                    "the last repair was refused, and is tried again"
                } else {
                    "waits for the last repair to take effect"
                }));
            }
            Step::Rest(until) => {
                self.wake_at(until);
                return Err(Delay::lasting(format!("needs a human: {}", fault.advice)));
            }
        };
        let name = rung.remedy.name();
        if !self.acts {
            return Err(Delay::lasting(format!("{name} would be next")));
        }
        if let Some(pause) = self.ledger.pause_at(&self.agent.boot_id, uptime) {
            let until = pause.until();
            return Err(Delay::lasting(format!("{name} is held back: paused until {until}")));
        }
        if let Some(why) = held(rung.remedy) {
            return Err(Delay::passing(format!("{name} is held back: {why}")));
        }
        let wait = self.ledger.wait(name, rung.remedy.budget(), &self.agent.boot_id, uptime);
        if !wait.is_zero() {
            self.wake_at(uptime + wait);
            if self.ledger.is_closed(&self.agent.boot_id, uptime) {
                let words = format!("{name} is held back for up to an hour: {UNKNOWN_PAST}");
                return Err(Delay::lasting(words));
            }
            let words = format!("needs a human: {} (the budget of {name} is spent)", fault.advice);
            return Err(Delay::lasting(words));
        }
        // Whatever kept it waiting: meanwhile it may have healed.
        if uptime.saturating_sub(seen_at) > RECENT {
            self.confirm.push((condition.concern, seen_at + RECENT));
            return Err(Delay::passing(format!("{name} if another look finds it needed")));
        }
        Ok(rung.remedy)
    }

    fn is_touched(&self, remedy: R) -> bool {
        self.in_flight.iter().any(|flight| flight.intent.remedy.collides(remedy))
    }

    fn begin(&mut self, intent: Intent<R>, fault: &'static Reason<R>, now: Moment) {
        let place = self.episodes.place(intent.condition, fault.name);
        place.tried(fault.ladder, now.uptime + intent.remedy.deadline());
        self.ledger.reserve(intent.remedy.name(), &self.agent.boot_id, now.uptime);
        // Saved with the reservation: if the agent ends before the repair does, this stands.
        self.ledger.record(past(intent, now, Duration::ZERO, INTERRUPTED, ""));
        self.in_flight.push(Flight { intent, fault, begun: now });
        self.keep_climbs();
        self.sequence += 1;
    }

    /// Writes into the ledger what a new agent must know of the ladders.
    pub(super) fn keep_climbs(&mut self) {
        let begun = |condition: &str, reason: &str| {
            let is_it = |flight: &&Flight<R>| {
                flight.intent.condition == condition && flight.intent.reason == reason
            };
            self.in_flight.iter().find(is_it).map(|flight| flight.begun.uptime)
        };
        let climbs = self.episodes.climbs(begun);
        let AgentReport { boot_id, version, .. } = self.agent.clone();
        let asleep_ms = millis(self.asleep);
        let known = Climbs { boot_id, version, asleep_ms, climbs };
        self.ledger.climbs = (!known.climbs.is_empty()).then_some(known);
    }

    /// Notes how a repair ended. `spread` (0 to 1) scatters the wait for its effect. The
    /// ledger has changed and wants saving.
    pub fn repair_ended(&mut self, now: Moment, intent: Intent<R>, outcome: &Outcome, spread: f64) {
        let is_it = |flight: &Flight<R>| flight.intent == intent;
        let Some(at) = self.in_flight.iter().position(is_it) else { return };
        let Flight { fault, begun, .. } = self.in_flight.remove(at);
        let took = now.uptime.saturating_sub(begun.uptime);
        let open = past(intent, begun, Duration::ZERO, INTERRUPTED, "");
        let over = past(intent, begun, took, outcome.word(), outcome.message());
        let place = self.episodes.place(intent.condition, fault.name);
        let (remedy, boot_id) = (intent.remedy.name(), &self.agent.boot_id);
        if let Outcome::Refused(_) = outcome {
            place.refused(fault.ladder, now.uptime);
            self.ledger.release(remedy, boot_id, begun.uptime);
            // One refusal after the other is one line.
            let same = |past: &Past| {
                (&past.remedy, &past.condition, &past.reason, &past.result, &past.message)
                    == (&over.remedy, &over.condition, &over.reason, &over.result, &over.message)
            };
            self.ledger.repairs.retain(|past| !same(past));
        } else {
            place.settle(fault.ladder, now.uptime, spread);
            self.ledger.close(remedy, boot_id, begun.uptime, now.uptime);
        }
        if let Some(record) = self.ledger.repairs.iter_mut().rev().find(|past| **past == open) {
            *record = over;
        }
        self.keep_climbs();
        self.sequence += 1;
    }

    fn wake_at(&mut self, uptime: Duration) {
        self.wake_at = Some(self.wake_at.map_or(uptime, |at| at.min(uptime)));
    }

    /// What the report says comes next: about the repair in flight, else about the cause if it has
    /// words, else about the first other fault.
    fn next_words(&self, uptime: Duration, next: &[(&'static str, Delay)]) -> Cow<'static, str> {
        if let Some(flight) = self.in_flight.first() {
            return format!("{} runs", flight.intent.remedy.name()).into();
        }
        let ready = self.ready(uptime);
        let cause = if ready { None } else { self.cause(uptime) };
        let about_cause = cause.and_then(|cause| {
            next.iter()
                .find(|(name, _)| *name == cause.condition.name)
                .map(|(_, delay)| delay.words.clone())
        });
        // What is not known starts no repair, but a person may see to it.
        let unknown = cause.filter(|cause| cause.status == Status::Unknown);
        let advice = unknown.and_then(|cause| cause.fault).map(|reason| reason.advice.into());
        match (about_cause.or(advice), cause) {
            (Some(words), _) if !words.is_empty() => words,
            (_, Some(_)) => "observes".into(),
            (_, None) => next.iter().find(|(_, delay)| !delay.words.is_empty()).map_or_else(
                || "nothing to do".into(),
                |(name, delay)| format!("{name}: {}", delay.words).into(),
            ),
        }
    }
}

fn past<R: Remedy>(
    intent: Intent<R>,
    started: Moment,
    took: Duration,
    result: &str,
    message: &str,
) -> Past {
    Past {
        remedy: intent.remedy.name().into(),
        condition: intent.condition.into(),
        reason: intent.reason.into(),
        started_at: rfc3339(started.wall),
        started_unix: started.wall.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        duration_seconds: took.as_secs_f64(),
        result: result.into(),
        // A helper's or a server's words: they are saved, reported and told.
        message: tame(message),
    }
}
