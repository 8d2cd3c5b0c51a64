//! From what is known of the further models to their conditions. Pure.

use std::time::Duration;

use super::Further;
use super::repair::{
    ALIAS_NOT_AS_DECLARED, DAMAGED, NO_EMBEDDING, NOT_PULLED, OTHER_MODEL, Remedy,
};
use crate::config;
use crate::core::{Condition, Judgement, Reason, Role, Status};
use crate::guest::{Declared, Remedy as Any, fresh};
use crate::model::{self, Alias, Attempt, Flaw, PullState, Server, Source};
use crate::ollama::Progress;

/// Each further model that is required is there, and was proven.
pub static FURTHER_MODELS_SERVED: Condition = Condition {
    name: "FurtherModelsServed",
    concern: "model",
    role: Role::Required,
    needs: &["OllamaServing", "EndpointReachable"],
    explained_by: &[],
    // How long a proof counts follows from what is configured; nothing is added to it.
    grace: Duration::ZERO,
};

/// The same of those that are not required.
pub static OPTIONAL_MODELS_SERVED: Condition =
    Condition { name: "OptionalModelsServed", role: Role::Advisory, ..FURTHER_MODELS_SERVED };

static SERVED: Reason<Any> = Reason::good("Served");
static PULLING: Reason<Any> = Reason::passing("Pulling", "the pull goes on");
static NOT_PROVEN: Reason<Any> = Reason::unknown("NotProven", "the proof is on its way");

const ALL: &[&Reason<Any>] = &[
    &SERVED,
    &PULLING,
    &NOT_PULLED,
    &ALIAS_NOT_AS_DECLARED,
    &OTHER_MODEL,
    &DAMAGED,
    &NO_EMBEDDING,
    &NOT_PROVEN,
];

/// The conditions, and all that can be said of each.
pub static REASONS: &[Declared] = &[(&FURTHER_MODELS_SERVED, ALL), (&OPTIONAL_MODELS_SERVED, ALL)];

/// What they are judged by, besides what is known of each.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The server that clients reach, if one answers.
    pub server: Option<Server>,
    /// Its progress on anything.
    pub progress: &'a Progress,
    /// How the first model is proven.
    pub proof: &'a config::Proof,
    /// Now.
    pub uptime: Duration,
}

/// What is said of one of them.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Why.
    pub reason: &'static Reason<Any>,
    /// The particulars, with its name.
    pub message: String,
    expires: Option<Duration>,
    seen_at: Option<Duration>,
}

impl Verdict {
    fn new(reason: &'static Reason<Any>, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), expires: None, seen_at: None }
    }

    /// Whether this remedy is one for it.
    fn wants(&self, remedy: Any) -> bool {
        let ladder = self.reason.ladder;
        self.reason.status == Status::False && ladder.iter().any(|rung| rung.remedy == remedy)
    }

    fn of(self, condition: &'static Condition) -> Judgement<Any> {
        let judgement = Judgement::new(condition, self.reason, self.message);
        Judgement { expires: self.expires, seen_at: self.seen_at, ..judgement }
    }
}

impl Given<'_> {
    /// What is said of each.
    #[must_use]
    pub fn verdicts(&self, all: &[Further]) -> Vec<Verdict> {
        let pinned = all.iter().filter(|one| one.config.pinned).count();
        all.iter().map(|one| self.verdict(one, pinned)).collect()
    }

    /// The one that `remedy` would be for: what a condition says is said of it.
    #[must_use]
    pub fn subject<'b>(&self, all: &'b [Further], remedy: Remedy) -> Option<&'b Further> {
        let verdicts = self.verdicts(all);
        let remedy = Any::Further(remedy);
        let wants = |at: &usize| verdicts.get(*at).is_some_and(|verdict| verdict.wants(remedy));
        let named = [true, false].map(|required| worst(all, &verdicts, required));
        all.get(named.into_iter().flatten().find(wants)?)
    }

    fn verdict(&self, one: &Further, pinned: usize) -> Verdict {
        let seen = fresh(one.seen.as_ref(), self.uptime);
        if let Some((at, facts)) = seen.and_then(|seen| Some((seen.at, seen.value.as_ref().ok()?)))
            && let Some(verdict) = lacks(one, facts, at)
        {
            return Verdict { seen_at: Some(at), ..verdict };
        }
        self.proven(one, pinned)
    }

    /// What its proofs tell, where it is there as far as is known.
    fn proven(&self, one: &Further, pinned: usize) -> Verdict {
        let alias = &one.config.alias;
        let Some(server) = self.server else {
            return Verdict::new(&NOT_PROVEN, format!("{alias}: the server does not answer"));
        };
        let seen_at = one.seen.as_ref().map_or(Duration::ZERO, |seen| seen.at);
        let log = one.proofs.of_weights(one.weights(), seen_at);
        let pace = one.pace(self.proof, pinned);
        let judged = model::check_proof(&log, server, self.progress, &pace, self.uptime);
        let reason = match (judged.reason.status, &log.last) {
            (Status::True, _) => &SERVED,
            (Status::Unknown, _) => &NOT_PROVEN,
            (Status::False, Some((.., Attempt::Wrong(Flaw::Dimension(_))))) => &OTHER_MODEL,
            (Status::False, Some((.., Attempt::Wrong(_)))) => &DAMAGED,
            (Status::False, _) => &NO_EMBEDDING,
        };
        let message = format!("{alias}: {}", judged.message);
        Verdict { reason, message, expires: judged.expires, seen_at: judged.seen_at }
    }
}

/// What is wrong with it, as far as a look at `at` tells. `None`: its alias serves.
fn lacks(one: &Further, facts: &model::Facts, at: Duration) -> Option<Verdict> {
    // Source and alias, in the words that are said of the first model.
    let judged = model::check(Ok(facts), at, &one.pull, &one.config);
    let [source, alias] = judged.try_into().ok()?;
    let reason = match &facts.alias {
        Alias::Matches | Alias::OtherWeights(_) => return None,
        Alias::Foreign(_) => &OTHER_MODEL,
        Alias::Damaged(_) => &DAMAGED,
        Alias::Missing | Alias::NoManifest(_) | Alias::Drifted { .. } => {
            let pulling = match &one.pull {
                PullState::Running(_) => true,
                // Seen before it ended: the next look tells what came of it.
                PullState::Succeeded(ended) => at <= *ended,
                PullState::Idle | PullState::Failed(_) => false,
            };
            let reason = match &facts.source {
                Source::Present | Source::Moved(_) => {
                    return Some(Verdict::new(&ALIAS_NOT_AS_DECLARED, alias.message));
                }
                Source::Damaged(_) => &DAMAGED,
                Source::Missing | Source::NoManifest(_) if pulling => &PULLING,
                Source::Missing | Source::NoManifest(_) => &NOT_PULLED,
            };
            return Some(Verdict::new(reason, source.message));
        }
    };
    Some(Verdict::new(reason, alias.message))
}

/// Judges the further models.
#[must_use]
pub fn check(all: &[Further], given: &Given<'_>) -> Vec<Judgement<Any>> {
    let verdicts = given.verdicts(all);
    let conditions = [(&FURTHER_MODELS_SERVED, true), (&OPTIONAL_MODELS_SERVED, false)];
    let judge = |(condition, required)| match worst(all, &verdicts, required) {
        Some(at) => verdicts.get(at).cloned().map(|verdict| verdict.of(condition)),
        None => Some(together(all, &verdicts, required, given.uptime).of(condition)),
    };
    conditions.into_iter().filter_map(judge).collect()
}

/// The position of the one to name, if any of them is not served: what is wrong goes before what
/// is not known, then whoever was repaired least often, then the order of the configuration. A
/// pull that runs is told of first: nothing else is begun meanwhile.
fn worst(all: &[Further], verdicts: &[Verdict], required: bool) -> Option<usize> {
    let rank = |(_, (one, verdict)): &(usize, (&Further, &Verdict))| {
        let known = match verdict.reason.status {
            Status::False => u32::from(!verdict.reason.passes),
            Status::Unknown | Status::True => 2,
        };
        (known, one.tried)
    };
    all.iter()
        .zip(verdicts)
        .enumerate()
        .filter(|(_, (one, _))| one.config.required == required)
        .filter(|(_, (_, verdict))| verdict.reason.status != Status::True)
        .min_by_key(rank)
        .map(|(at, _)| at)
}

/// How long it holds that none is configured, whatever else is not known any more: a guest that
/// serves the first model must not be unready for others that nobody wants.
const NONE_HOLDS: Duration = Duration::from_hours(24);

/// All of them are served.
fn together(all: &[Further], verdicts: &[Verdict], required: bool, uptime: Duration) -> Verdict {
    let served = || all.iter().zip(verdicts).filter(|(one, _)| one.config.required == required);
    let names: Vec<&str> = served().map(|(one, _)| one.config.alias.as_str()).collect();
    let (message, expires) = match names.as_slice() {
        [] => ("none is configured".to_owned(), Some(uptime + NONE_HOLDS)),
        names => (names.join(", "), served().filter_map(|(_, verdict)| verdict.expires).min()),
    };
    Verdict { expires, ..Verdict::new(&SERVED, message) }
}

#[cfg(test)]
mod tests;
