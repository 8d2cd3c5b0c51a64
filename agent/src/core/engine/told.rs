//! What is told: the report of one instant.

use super::{Engine, INTERRUPTED};
use crate::core::report::VERSION;
use crate::core::state::State;
use crate::core::{
    Cause, Expiry, InFlight, Moment, Past, ProofReport, PullReport, Remedy, Report, Verdict,
    rfc3339,
};

impl<R: Remedy> Engine<R> {
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
            version: VERSION,
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
            next: self.told.2.clone().into_owned(),
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
            models: Vec::new(),
            paused_until: self
                .ledger
                .pause_at(&self.agent.boot_id, now.uptime)
                .map(|pause| pause.until().into()),
            configuration: self.configuration.clone(),
            outlook: self.outlook,
            budgets: Vec::new(),
            proofs: Vec::new(),
            pulls: Vec::new(),
            set_aside: None,
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
}
