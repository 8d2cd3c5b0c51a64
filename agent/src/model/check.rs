//! From the facts of the model to its conditions. Pure.

use std::time::Duration;

use super::alias::Alias;
use super::facts::{Facts, Source};
use super::files::{INTACT, MODEL_FILES_INTACT, NOT_DOUBTED, ORDERLY, UNVERIFIED, VERIFYING};
use super::ladders::{
    ALIAS_DAMAGED, ALIAS_DRIFTED, ALIAS_MISSING, ALIAS_NO_MANIFEST, DAMAGED, DAMAGED_FILES,
    DIGEST_MISMATCH, MISSING, NO_MANIFEST, NO_ROOM, NOT_FINITE, NOT_UNIT, PULL_FAILED,
    SERVER_ERROR, STUCK, WRONG_VECTOR,
};
use super::proof::{Attempt, Log, Server};
use super::pull::{Kind, PullState};
use super::reference::ALIKE;
use super::vector::Flaw;
use crate::config;
use crate::core::{Condition, Judgement, Reason, Role};
use crate::guest::{Declared, Remedy};
use crate::ollama::Progress;

/// The source model is there. An alias serves without it.
pub static MODEL_PRESENT: Condition = Condition {
    name: "ModelPresent",
    concern: "model",
    role: Role::Gate,
    needs: &["DataDiskMounted", "OllamaServing"],
    explained_by: &["DataDiskWritable", "ModelsOnDataDisk"],
    grace: Duration::ZERO,
};

/// The alias that clients name is there, as declared.
pub static ALIAS_PRESENT: Condition = Condition {
    name: "AliasPresent",
    concern: "model",
    role: Role::Required,
    needs: &["OllamaServing"],
    explained_by: &["ModelPresent"],
    grace: Duration::from_secs(60),
};

/// An embedding was right.
pub static EMBEDDING_CORRECT: Condition = Condition {
    name: "EmbeddingCorrect",
    concern: "model",
    role: Role::Required,
    needs: &["AliasPresent", "EndpointReachable"],
    explained_by: &[],
    // How long a proof counts is configured; nothing is added to it.
    grace: Duration::ZERO,
};

/// A proof that has had no answer for this long, or was refused each time as one too many, of a
/// server that has done nothing for as long, is stuck. Loading a model uses CPU, and so does a
/// queue that is worked off.
const STUCK_AFTER: Duration = Duration::from_secs(60);

static PRESENT: Reason<Remedy> = Reason::good("Present");
static PULLING: Reason<Remedy> = Reason::passing("Pulling", "the pull goes on");
/// Nothing follows it by itself: its users have the vectors of the declared weights.
static TAG_MOVED: Reason<Remedy> = Reason::fault(
    "TagMoved",
    "to follow it, declare its weights in model.weights; to keep the declared ones, delete it and \
     name a source in model.sources that has them",
);
static UNREADABLE: Reason<Remedy> =
    Reason::unknown("Unreadable", "the server gives no usable list: see journalctl -u ollama");
static MATCHES: Reason<Remedy> = Reason::good("Matches");
static OTHER_WEIGHTS: Reason<Remedy> = Reason::good("OtherWeights");
static FOREIGN_WEIGHTS: Reason<Remedy> = Reason::fault(
    "ForeignWeights",
    "pull or copy the model whose weights the alias is to have, or declare others in model.weights",
);
static PROVEN: Reason<Remedy> = Reason::good("Proven");
static BUSY: Reason<Remedy> = Reason::good("Busy");
static NOT_PROVEN: Reason<Remedy> = Reason::unknown("NotProven", "the proof is on its way");
static PROOF_STALE: Reason<Remedy> =
    Reason::unknown("ProofStale", "the server is slow to answer: see journalctl -u ollama");
static WRONG_DIMENSION: Reason<Remedy> = Reason::fault(
    "WrongDimension",
    "another model has this name: compare ollama show with [model]",
);

/// The conditions, and all that can be said of each.
pub static REASONS: &[Declared] = &[
    (
        &MODEL_PRESENT,
        &[
            &PRESENT,
            &MISSING,
            &NO_MANIFEST,
            &DAMAGED,
            &PULLING,
            &PULL_FAILED,
            &DIGEST_MISMATCH,
            &NO_ROOM,
            &TAG_MOVED,
            &UNREADABLE,
        ],
    ),
    (
        &MODEL_FILES_INTACT,
        &[&ORDERLY, &NOT_DOUBTED, &INTACT, &VERIFYING, &UNVERIFIED, &DAMAGED_FILES],
    ),
    (
        &ALIAS_PRESENT,
        &[
            &MATCHES,
            &OTHER_WEIGHTS,
            &ALIAS_MISSING,
            &ALIAS_NO_MANIFEST,
            &ALIAS_DAMAGED,
            &ALIAS_DRIFTED,
            &FOREIGN_WEIGHTS,
            &UNREADABLE,
        ],
    ),
    (
        &EMBEDDING_CORRECT,
        &[
            &PROVEN,
            &BUSY,
            &NOT_PROVEN,
            &PROOF_STALE,
            &WRONG_DIMENSION,
            &NOT_FINITE,
            &NOT_UNIT,
            &WRONG_VECTOR,
            &SERVER_ERROR,
            &STUCK,
        ],
    ),
];

/// Judges the models. `facts` is what the server said to a look that began at `seen_at`, or why
/// it said nothing usable.
#[must_use]
pub fn check(
    facts: Result<&Facts, &str>,
    seen_at: Duration,
    pull: &PullState,
    config: &config::Model,
) -> Vec<Judgement<Remedy>> {
    let facts = match facts {
        Ok(facts) => facts,
        Err(error) => {
            return vec![
                Judgement::new(&MODEL_PRESENT, &UNREADABLE, error),
                Judgement::new(&ALIAS_PRESENT, &UNREADABLE, error),
            ];
        }
    };
    let source = &config.source;
    let (present, message) = match (&facts.source, pull) {
        (Source::Present, _) => (&PRESENT, format!("{source} is there")),
        (_, PullState::Running(pull)) => (&PULLING, format!("{} is being pulled", pull.model)),
        // Seen before it ended: the next look tells what came of it.
        (_, PullState::Succeeded(at)) if seen_at <= *at => {
            (&PULLING, format!("{source} has been pulled"))
        }
        (Source::Moved(own), _) => (&TAG_MOVED, moved(source, own, config)),
        (Source::Damaged(words), _) => (&DAMAGED, format!("{source}: {words}")),
        (_, PullState::Failed(failure)) => match failure.kind {
            Kind::Mismatch => (&DIGEST_MISMATCH, format!("{source}: {failure}")),
            Kind::NoRoom { .. } => (&NO_ROOM, format!("{source}: {failure}")),
            Kind::Other => (&PULL_FAILED, pull_failed(source, &failure.why)),
        },
        (Source::Missing, _) => (&MISSING, format!("{source} is not there")),
        (Source::NoManifest(words), _) => {
            (&NO_MANIFEST, format!("the manifest of {source}: {words}"))
        }
    };
    let name = &config.alias;
    let (alias, about_alias) = match &facts.alias {
        Alias::Matches => (&MATCHES, format!("{name} is as declared")),
        Alias::OtherWeights(own) => {
            let message =
                format!("{name} is as declared; its weights {own:.12} are not {source}'s");
            (&OTHER_WEIGHTS, message)
        }
        Alias::Missing => (&ALIAS_MISSING, format!("{name} is not there")),
        Alias::NoManifest(words) => {
            (&ALIAS_NO_MANIFEST, format!("the manifest of {name}: {words}"))
        }
        Alias::Damaged(words) => (&ALIAS_DAMAGED, format!("{name}: {words}")),
        Alias::Drifted { how, .. } => (&ALIAS_DRIFTED, format!("{name}: {how}")),
        Alias::Foreign(how) => (&FOREIGN_WEIGHTS, format!("{name}: {how}")),
    };
    vec![
        Judgement::new(&MODEL_PRESENT, present, message),
        Judgement::new(&ALIAS_PRESENT, alias, about_alias),
    ]
}

/// What the tag means by now.
fn moved(source: &str, own: &str, config: &config::Model) -> String {
    let declared = config.weights.as_deref().unwrap_or_default();
    format!("{source} has weights {own:.12}, and {declared:.12} are declared")
}

/// The server's own words, and where to look.
fn pull_failed(source: &str, error: &str) -> String {
    match hint(error) {
        Some(hint) => format!("{source}: {error} ({hint})"),
        None => format!("{source}: {error}"),
    }
}

/// What the words of a failed pull point to, the most telling first.
fn hint(error: &str) -> Option<&'static str> {
    const HINTS: [(&str, &str); 6] = [
        (
            "proxyconnect",
            "a proxy in the server's environment: systemctl show -p Environment ollama",
        ),
        ("lookup ", "the guest's name resolution"),
        ("file does not exist", "the registry has no such model: compare model.source"),
        ("429:", "the registry limits how often it is asked"),
        (
            "x509:",
            "the certificate of the registry, or of a proxy on the way, and the guest's clock",
        ),
        ("invalid character '<'", "a web page came in place of the registry's answer"),
    ];
    HINTS.iter().find(|(words, _)| error.contains(words)).map(|(_, hint)| *hint)
}

/// Judges the proofs of `server` at `uptime`. `progress` is the server's on anything.
#[must_use]
pub fn check_proof(
    log: &Log,
    server: Server,
    progress: &Progress,
    config: &config::Proof,
    uptime: Duration,
) -> Judgement<Remedy> {
    let judged = |reason, message: String| Judgement::new(&EMBEDDING_CORRECT, reason, message);
    if let Some((.., attempt)) = log.last.as_ref().filter(|(of, ..)| *of == server) {
        let wrong = match attempt {
            Attempt::Wrong(Flaw::Dimension(numbers)) => {
                Some((&WRONG_DIMENSION, format!("an embedding of {numbers} numbers")))
            }
            Attempt::Wrong(Flaw::NotFinite(position)) => {
                Some((&NOT_FINITE, format!("number {position} is not finite")))
            }
            Attempt::Wrong(Flaw::Unwritable(words)) => Some((&NOT_FINITE, words.clone())),
            Attempt::Wrong(Flaw::NotUnit(length)) => {
                Some((&NOT_UNIT, format!("an embedding of length {length:.3}, not 1")))
            }
            Attempt::Wrong(Flaw::Unlike(cosine)) => {
                let message = format!(
                    "an embedding whose cosine with what these weights gave before is {cosine:.3}, \
                     not {ALIKE} or more"
                );
                Some((&WRONG_VECTOR, message))
            }
            Attempt::Failed(error) => Some((&SERVER_ERROR, error.clone())),
            Attempt::Good | Attempt::Busy | Attempt::TimedOut => None,
        };
        if let Some((reason, message)) = wrong {
            // Proofs that fail come ever more rarely: the last one may be long ago, and nothing
            // is done before another has failed.
            return judged(reason, message).seen(log.ended);
        }
    }
    let waits = log.running.filter(|(of, _)| *of == server).map(|(_, began)| began);
    let late = waits.is_some_and(|began| uptime.saturating_sub(began) >= config.timeout);
    if let Some((_, began, _)) = log.good.filter(|(of, ..)| *of == server) {
        let worked = progress.served.is_some_and(|worked| worked > began);
        let counts = began + if worked { config.grace } else { config.fresh };
        if uptime < counts {
            let (reason, message) = if late {
                (&BUSY, "the last proof was right; the server works on something else")
            } else {
                (&PROVEN, "an embedding through the alias was right")
            };
            return judged(reason, message.into()).until(counts);
        }
    }
    // A full queue before one who does nothing lets no proof in that could wait.
    let refused = log.refused_since.filter(|(of, _)| *of == server).map(|(_, since)| since);
    let wanted = waits.into_iter().chain(refused).min();
    // A server whose work cannot be seen is not known to do nothing.
    let idle_since = wanted.zip(progress.idle_since()).map(|(began, idle)| began.max(idle));
    // Nor is one whose work was not looked at for a while.
    if idle_since.is_some_and(|since| progress.at.saturating_sub(since) >= STUCK_AFTER) {
        let seconds = STUCK_AFTER.as_secs();
        let evidence = progress.evidence();
        let how =
            if waits.is_some() { "a proof has had no answer" } else { "each proof was refused" };
        let message = format!("{how} for {seconds} s; since then {evidence}");
        return judged(&STUCK, message);
    }
    if log.good.is_some_and(|(of, ..)| of == server) {
        judged(&PROOF_STALE, "the last right embedding is too long ago".into())
    } else {
        judged(&NOT_PROVEN, "this server has not proven itself yet".into())
    }
}

#[cfg(test)]
mod tests;
