//! The state machine: judgements in, report and intents out. It is called by one task and
//! does nothing by itself.

use std::time::{Duration, UNIX_EPOCH};

use super::episode::{Episodes, RECOVERED_AFTER, Step};
use super::graph::{self, Seen};
use super::report::{self, AgentReport, ProofReport, PullReport};
use super::state::State;
use super::{
    Cause, Condition, Expiry, InFlight, Judgement, Ledger, Moment, Outcome, Past, Reason, Remedy,
    Report, Role, Status, Verdict, rfc3339,
};

/// The result of a repair that has begun, for as long as nobody says how it ended.
const INTERRUPTED: &str = "Interrupted";

/// Why no budget is open where the ledger could not be read.
const UNKNOWN_PAST: &str = "its ledger could not be read, so how often it ran is not known";

/// A repair that is to be carried out now. Its budget is already reserved in the ledger,
/// which must be saved first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent<R> {
    /// What to do.
    pub remedy: R,
    /// The condition that it is for.
    pub condition: &'static str,
    /// Its reason.
    pub reason: &'static str,
}

/// A repair that runs.
#[derive(Debug)]
struct Flight<R: 'static> {
    intent: Intent<R>,
    fault: &'static Reason<R>,
    begun: Moment,
}

/// The state machine.
#[derive(Debug)]
pub struct Engine<R: 'static> {
    conditions: &'static [&'static Condition],
    agent: AgentReport,
    states: Vec<State<R>>,
    episodes: Episodes,
    ledger: Ledger,
    in_flight: Vec<Flight<R>>,
    /// Concerns that are to be looked at, and when, before anything is done about them.
    confirm: Vec<(&'static str, Duration)>,
    /// The verdict, its cause, and the next step, as last told.
    told: (bool, Option<&'static str>, String),
    /// When a decision may fall though nothing new was seen.
    wake_at: Option<Duration>,
    sequence: u64,
}

impl<R: Remedy> Engine<R> {
    /// An engine that has seen nothing. `ledger` is what an earlier agent left.
    ///
    /// # Errors
    /// Where a condition stands before one that it needs.
    pub fn new(
        conditions: &'static [&'static Condition],
        agent: AgentReport,
        ledger: Ledger,
        now: Moment,
    ) -> Result<Self, String> {
        graph::check_order(conditions)?;
        let states = conditions.iter().map(|condition| State::new(condition, now)).collect();
        Ok(Self {
            conditions,
            agent,
            states,
            episodes: Episodes::default(),
            ledger,
            in_flight: Vec::new(),
            confirm: Vec::new(),
            told: (false, None, String::new()),
            wake_at: None,
            sequence: 0,
        })
    }

    /// Takes in what was judged. What has no judgement is `Unknown`.
    pub fn observe(&mut self, now: Moment, judgements: Vec<Judgement<R>>) {
        let mut judged: Vec<Option<Judgement<R>>> = Vec::new();
        judged.resize_with(self.conditions.len(), || None);
        for judgement in judgements {
            let index = self.conditions.iter().position(|c| c.name == judgement.condition);
            if let Some(slot) = index.and_then(|index| judged.get_mut(index)) {
                *slot = Some(judgement);
            }
        }
        let blocked = graph::blocked_by(self.conditions, |name| {
            self.conditions
                .iter()
                .position(|condition| condition.name == name)
                .and_then(|index| judged.get(index)?.as_ref())
                .map_or(Status::Unknown, |judgement| judgement.reason.status)
        });
        let mut changed = false;
        for ((state, judgement), block) in self.states.iter_mut().zip(judged).zip(blocked) {
            changed |= state.follow(judgement, block, now);
        }
        for state in &self.states {
            if state.status == Status::True
                && now.uptime.saturating_sub(state.since.uptime) >= RECOVERED_AFTER
            {
                self.episodes.forget(state.condition.name);
            }
        }
        if changed {
            self.sequence += 1;
        }
    }

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
        let mut next: Vec<(&'static str, String)> = Vec::new();
        let mut chosen = None;
        for index in 0..self.states.len() {
            // Anew for each: a ladder before this one may just have come to its end.
            let seen = self.seen(now.uptime);
            let Some(state) = self.states.get(index) else { continue };
            let Some(fault) = state.fault.filter(|fault| fault.status == Status::False) else {
                continue;
            };
            if graph::explanation(self.conditions, &seen, state.condition).is_some() {
                continue;
            }
            let name = state.condition.name;
            match self.consider(index, fault, now.uptime, &held) {
                Ok(remedy) if !self.is_touched(remedy) => {
                    chosen = Some((Intent { remedy, condition: name, reason: fault.name }, fault));
                    break;
                }
                Ok(remedy) => next.push((name, format!("then {}", remedy.name()))),
                Err(why) => next.push((name, why)),
            }
        }
        if let Some((intent, fault)) = chosen {
            self.begin(intent, fault, now);
            self.tell(now.uptime, format!("{} runs", intent.remedy.name()));
            return Some(intent);
        }
        self.tell(now.uptime, self.next_words(now.uptime, &next));
        None
    }

    /// Sets what comes next. A new verdict or next step is a change like any other.
    fn tell(&mut self, uptime: Duration, next: String) {
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
    ) -> Result<R, String> {
        let (Some(first), Some(state)) = (fault.ladder.first(), self.states.get(index)) else {
            return Err(fault.advice.into());
        };
        let (condition, since, seen_at) = (state.condition, state.reason_since, state.seen_at);
        let due = since + fault.patience;
        // Not only long enough, but seen again after that.
        if uptime < due || (!fault.patience.is_zero() && seen_at < due) {
            self.wake_at(due);
            self.confirm.push((condition.concern, due));
            return Err(format!("{} if it does not heal by itself", first.remedy.name()));
        }
        let place = self.episodes.place(condition.name, fault.name);
        let rung = match place.step(fault.ladder, uptime) {
            Step::Do(index) => fault.ladder.get(index).unwrap_or(first),
            Step::Wait(until) => {
                let refused = place.was_refused();
                self.wake_at(until);
                return Err(if refused {
                    "the last repair was refused, and is tried again".into()
                } else {
                    "waits for the last repair to take effect".into()
                });
            }
            Step::Rest(until) => {
                self.wake_at(until);
                return Err(format!("needs a human: {}", fault.advice));
            }
        };
        if let Some(why) = held(rung.remedy) {
            return Err(format!("{} is held back: {why}", rung.remedy.name()));
        }
        let name = rung.remedy.name();
        let wait = self.ledger.wait(name, rung.remedy.budget(), &self.agent.boot_id, uptime);
        if !wait.is_zero() {
            self.wake_at(uptime + wait);
            if self.ledger.is_closed(&self.agent.boot_id, uptime) {
                return Err(format!("{name} is held back for up to an hour: {UNKNOWN_PAST}"));
            }
            return Err(format!("needs a human: {} (the budget of {name} is spent)", fault.advice));
        }
        Ok(rung.remedy)
    }

    fn is_touched(&self, remedy: R) -> bool {
        self.in_flight.iter().any(|flight| flight.intent.remedy.touches() == remedy.touches())
    }

    fn begin(&mut self, intent: Intent<R>, fault: &'static Reason<R>, now: Moment) {
        let place = self.episodes.place(intent.condition, fault.name);
        place.tried(fault.ladder, now.uptime + intent.remedy.deadline());
        self.ledger.reserve(intent.remedy.name(), &self.agent.boot_id, now.uptime);
        // Saved with the reservation: if the agent ends before the repair does, this stands.
        self.ledger.record(past(intent, now, Duration::ZERO, INTERRUPTED, ""));
        self.in_flight.push(Flight { intent, fault, begun: now });
        self.sequence += 1;
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
        if let Outcome::Refused(_) = outcome {
            place.refused(fault.ladder, now.uptime);
            let remedy = intent.remedy.name();
            self.ledger.release(remedy, &self.agent.boot_id, begun.uptime);
            // One refusal after the other is one line.
            let same = |past: &Past| {
                (&past.remedy, &past.condition, &past.reason, &past.result, &past.message)
                    == (&over.remedy, &over.condition, &over.reason, &over.result, &over.message)
            };
            self.ledger.repairs.retain(|past| !same(past));
        } else {
            place.settle(fault.ladder, now.uptime, spread);
        }
        if let Some(record) = self.ledger.repairs.iter_mut().rev().find(|past| **past == open) {
            *record = over;
        }
        self.sequence += 1;
    }

    /// Concerns to look at again, and when: a fault of theirs is to be confirmed before
    /// anything is done about it.
    #[must_use]
    pub fn confirmations(&self) -> &[(&'static str, Duration)] {
        &self.confirm
    }

    /// Forgets what no longer counts against a budget; says whether the ledger wants saving.
    pub fn expire_ledger(&mut self, uptime: Duration) -> bool {
        self.ledger.expire(&self.agent.boot_id, uptime)
    }

    /// What is to be saved.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The earliest uptime after `uptime` at which a decision may fall though nothing new is
    /// seen.
    #[must_use]
    pub fn wakes_at(&self, uptime: Duration) -> Option<Duration> {
        let ends = self.states.iter().filter_map(State::lasts);
        ends.chain(self.wake_at).filter(|at| *at > uptime).min()
    }

    /// Whether every required condition holds.
    #[must_use]
    pub fn ready(&self, uptime: Duration) -> bool {
        self.required().all(|state| state.holds(uptime))
    }

    /// The report at `now`.
    #[must_use]
    pub fn report(
        &self,
        now: Moment,
        proof: Option<ProofReport>,
        pull: Option<PullReport>,
    ) -> Report {
        let ready = self.ready(now.uptime);
        let cause = if ready { None } else { self.cause(now.uptime) };
        Report {
            version: report::VERSION,
            agent: self.agent.clone(),
            at: rfc3339(now.wall),
            sequence: self.sequence,
            ready,
            verdict: if ready { Verdict::Ready } else { Verdict::NotReady },
            cause: cause.map(|state| Cause {
                condition: state.condition.name.into(),
                reason: state.reason.into(),
                message: state.message.clone(),
            }),
            next: self.told.2.clone(),
            conditions: self.states.iter().map(State::report).collect(),
            repair: self.in_flight.first().map(|flight| InFlight {
                remedy: flight.intent.remedy.name().into(),
                condition: flight.intent.condition.into(),
                reason: flight.intent.reason.into(),
                started_at: rfc3339(flight.begun.wall),
            }),
            repairs: self.past_repairs(),
            proof,
            pull,
            uptime: now.uptime,
            ready_until: self
                .required()
                .filter_map(|state| {
                    let condition = state.condition.name;
                    state.lasts().map(|uptime| Expiry { uptime, condition })
                })
                .min_by_key(|expiry| expiry.uptime),
        }
    }

    fn seen(&self, uptime: Duration) -> Vec<Seen> {
        self.states.iter().map(|state| state.seen(uptime, &self.episodes)).collect()
    }

    fn required(&self) -> impl Iterator<Item = &State<R>> {
        self.states.iter().filter(|state| state.condition.role == Role::Required)
    }

    fn cause(&self, uptime: Duration) -> Option<&State<R>> {
        self.states.get(graph::root_cause(self.conditions, &self.seen(uptime))?)
    }

    /// Repairs that are over: all that were recorded but those in flight.
    fn past_repairs(&self) -> Vec<Past> {
        let flying = |past: &Past| {
            past.result == INTERRUPTED
                && self.in_flight.iter().any(|flight| {
                    past.remedy == flight.intent.remedy.name()
                        && past.started_at == rfc3339(flight.begun.wall)
                })
        };
        self.ledger.repairs.iter().filter(|past| !flying(past)).cloned().collect()
    }

    fn wake_at(&mut self, uptime: Duration) {
        self.wake_at = Some(self.wake_at.map_or(uptime, |at| at.min(uptime)));
    }

    /// What the report says comes next: about the cause if it has words, else about the
    /// repair in flight, else about the first other fault.
    fn next_words(&self, uptime: Duration, next: &[(&'static str, String)]) -> String {
        if let Some(flight) = self.in_flight.first() {
            return format!("{} runs", flight.intent.remedy.name());
        }
        let ready = self.ready(uptime);
        let cause = if ready { None } else { self.cause(uptime) };
        let about_cause = cause.and_then(|cause| {
            next.iter().find(|(name, _)| *name == cause.condition.name).map(|(_, words)| words)
        });
        match (about_cause, cause) {
            (Some(words), _) if !words.is_empty() => words.clone(),
            (_, Some(_)) => "observes".into(),
            (_, None) => next
                .iter()
                .find(|(_, words)| !words.is_empty())
                .map_or_else(|| "nothing to do".into(), |(name, words)| format!("{name}: {words}")),
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
        message: message.into(),
    }
}
