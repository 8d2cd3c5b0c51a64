//! The state machine: judgements in, report and intents out. It is called by one task and
//! does nothing by itself.

mod repairs;
mod told;

use std::borrow::Cow;
use std::time::Duration;

use super::episode::{Climbs, Episodes, RECOVERED_AFTER};
use super::graph::{Graph, Seen};
use super::report::{AgentReport, ConfigurationReport, Outlook};
use super::state::State;
use super::{BudgetReport, Condition, Judgement, Ledger, Moment, Reason, Remedy, Status, slept};

/// The result of a repair that has begun, for as long as nobody says how it ended.
const INTERRUPTED: &str = "Interrupted";

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
    graph: Graph,
    agent: AgentReport,
    states: Vec<State<R>>,
    episodes: Episodes,
    ledger: Ledger,
    in_flight: Vec<Flight<R>>,
    /// Concerns that are to be looked at, and when, before anything is done about them.
    confirm: Vec<(&'static str, Duration)>,
    /// The verdict, its cause, and the next step, as last told.
    told: (bool, Option<&'static str>, Cow<'static, str>),
    /// When a decision may fall though nothing new was seen.
    wake_at: Option<Duration>,
    outlook: Outlook,
    configuration: Option<ConfigurationReport>,
    /// Whether it repairs at all.
    acts: bool,
    /// Whether the ledger has changed by itself.
    unsaved: bool,
    /// Since when the guest has been awake, as uptime.
    awake_since: Duration,
    /// How long the guest has been suspended in all, as far as the episodes know of it.
    asleep: Duration,
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
        mut ledger: Ledger,
        now: Moment,
    ) -> Result<Self, String> {
        let unsaved = ledger.close_all(&agent.boot_id, now.uptime);
        let graph = Graph::of(conditions)?;
        let states = conditions.iter().map(|condition| State::new(condition, now)).collect();
        let same =
            |climbs: &&Climbs| climbs.boot_id == agent.boot_id && climbs.version == agent.version;
        let climbs = ledger.climbs.as_ref().filter(same);
        let asleep = climbs.map_or(Duration::ZERO, |known| Duration::from_millis(known.asleep_ms));
        let episodes =
            climbs.map_or_else(Episodes::default, |known| Episodes::of(&known.climbs, now.uptime));
        Ok(Self {
            graph,
            agent,
            states,
            episodes,
            ledger,
            in_flight: Vec::new(),
            confirm: Vec::new(),
            told: (false, None, Cow::Borrowed("")),
            wake_at: None,
            outlook: Outlook::UnderWay,
            configuration: None,
            acts: true,
            unsaved,
            awake_since: Duration::ZERO,
            asleep,
            sequence: 0,
        })
    }

    /// The same engine in a guest that has been suspended for `asleep` in all: what an earlier
    /// agent has waited for had none of the time since it was saved.
    #[must_use]
    pub fn after_sleep(mut self, asleep: Duration) -> Self {
        if let Some(time) = slept(self.asleep, asleep) {
            self.episodes.slept(time);
        }
        self.asleep = asleep;
        self
    }

    /// The same engine, which judges and says what it would do, and does nothing.
    #[must_use]
    pub fn without_repairs(self) -> Self {
        Self { acts: false, ..self }
    }

    /// Forgets all that was seen of one concern, and what did not help it.
    pub fn renew(&mut self, concern: &str, now: Moment) {
        for state in self.states.iter_mut().filter(|state| state.condition.concern == concern) {
            *state = State::new(state.condition, now);
            self.unsaved |= self.episodes.forget(state.condition.name);
        }
        self.sequence += 1;
    }

    /// The guest was suspended for `time`, until now. Nothing can have healed by itself meanwhile,
    /// no repair can have taken effect, and nothing has held.
    pub fn slept(&mut self, now: Moment, time: Duration) {
        for state in &mut self.states {
            state.reason_since = (state.reason_since + time).min(now.uptime);
        }
        self.episodes.slept(time);
        self.asleep += time;
        self.awake_since = now.uptime;
    }

    /// Takes in what was judged, each condition once. What has no judgement is `Unknown`.
    pub fn observe<'a>(
        &mut self,
        now: Moment,
        judgements: impl IntoIterator<Item = &'a Judgement<R>>,
    ) {
        let judged = self.in_their_places(judgements);
        let mut changed = false;
        for (index, judgement) in judged.into_iter().enumerate() {
            let before = |at: usize| {
                let state = self.states.get(at);
                state.map_or((Status::Unknown, None), |state| (state.judged, state.block))
            };
            let block = self.graph.block(index, before);
            if let Some(state) = self.states.get_mut(index) {
                changed |= state.follow(judgement, block, now);
            }
        }
        for state in &self.states {
            if state.status == Status::True
                && now.uptime.saturating_sub(state.since.uptime.max(self.awake_since))
                    >= RECOVERED_AFTER
                && self.episodes.forget(state.condition.name)
            {
                self.unsaved = true;
            }
        }
        if changed {
            self.sequence += 1;
        }
    }

    /// For each condition its judgement.
    fn in_their_places<'a>(
        &self,
        judgements: impl IntoIterator<Item = &'a Judgement<R>>,
    ) -> Vec<Option<&'a Judgement<R>>> {
        let mut places = vec![None; self.states.len()];
        let mut next = 0;
        for judgement in judgements {
            let is_it = |at: &usize| {
                self.states
                    .get(*at)
                    .is_some_and(|state| state.condition.name == judgement.condition)
            };
            // They mostly come in the conditions' own order.
            if let Some(at) = (next..places.len()).chain(0..next).find(is_it) {
                places[at] = Some(judgement);
                next = at + 1;
            }
        }
        places
    }

    /// Pauses repairs for `length` from now on; one that runs is left to end. Gives back until
    /// when. The ledger wants saving.
    pub fn pause(&mut self, now: Moment, length: Duration) -> String {
        self.sequence += 1;
        self.ledger.pause(&self.agent.boot_id, now, length).until().into()
    }

    /// Ends a pause; says whether there was one. The ledger wants saving.
    pub fn resume(&mut self, uptime: Duration) -> bool {
        let paused = self.ledger.pause_at(&self.agent.boot_id, uptime).is_some();
        self.sequence += 1;
        self.ledger.resume() && paused
    }

    /// Takes note of the settings that count from now on.
    pub fn configured(&mut self, configuration: Option<ConfigurationReport>) {
        if configuration != self.configuration {
            self.configuration = configuration;
            self.sequence += 1;
        }
    }

    /// Concerns to look at again, and when: a fault of theirs is to be confirmed before
    /// anything is done about it.
    #[must_use]
    pub fn confirmations(&self) -> &[(&'static str, Duration)] {
        &self.confirm
    }

    /// Forgets what no longer counts; says whether the ledger wants saving.
    pub fn expire_ledger(&mut self, uptime: Duration) -> bool {
        let recovered = std::mem::take(&mut self.unsaved);
        if recovered {
            self.keep_climbs();
        }
        self.ledger.expire(&self.agent.boot_id, uptime) || recovered
    }

    /// What is left of the budgets of `remedies`.
    #[must_use]
    pub fn budgets(&self, remedies: &[R], uptime: Duration) -> Vec<BudgetReport> {
        let left = |remedy: &R| {
            let (name, budget) = (remedy.name(), remedy.budget());
            let left = self.ledger.left(name, budget, &self.agent.boot_id, uptime);
            BudgetReport { remedy: name, left, limit: budget.limit }
        };
        remedies.iter().map(left).collect()
    }

    /// What is to be saved.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Grows with each change that people see: as long as it stays, so does the report, but for
    /// what time alone changes.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
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

    /// Whether the guest is ready and all is well with one concern: else that is looked at more
    /// often. What is blocked counts as well; what blocks it does not.
    #[must_use]
    pub fn is_calm(&self, concern: &str, uptime: Duration) -> bool {
        let mut own = self.states.iter().filter(|state| state.condition.concern == concern);
        self.ready(uptime) && own.all(|state| state.status == Status::True || state.block.is_some())
    }

    /// The conditions as they are at `uptime`, by their positions.
    fn seen(&self, uptime: Duration) -> impl Fn(usize) -> Seen {
        move |index| self.states[index].seen(uptime, &self.episodes)
    }

    fn required(&self) -> impl Iterator<Item = &State<R>> {
        self.states.iter().filter(|state| state.condition.role.is_required())
    }

    fn cause(&self, uptime: Duration) -> Option<&State<R>> {
        self.states.get(self.graph.root_cause(self.seen(uptime))?)
    }
}
