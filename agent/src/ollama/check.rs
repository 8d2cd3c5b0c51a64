//! From the facts of the server to its conditions. Pure.

use std::time::Duration;

use super::facts::Facts;
use super::filter::FILTERED;
use super::repair::{
    ELSEWHERE, FAILED, LOOPBACK_ONLY, NOT_LISTENING, START_LIMIT_HIT, STOPPED,
    TOO_MANY_CONNECTIONS, UNRESPONSIVE,
};
use super::running::{
    self, CRASH_LOOP, PORT_TAKEN, PROGRAM_MISSING, PROGRAM_UNUSABLE, RESTARTING, RUNNING, STARTING,
    STOPPING, UNIT_INVALID, UNIT_MASKED, UNIT_MISSING, UNREADABLE,
};
use super::serving::{self, BUSY_SERVER, OTHER_PORT, REACHABLE, SERVING, TIMED_OUT, WRONG_ANSWER};
use super::store::{self, INSIDE, SET_BY_FILE, UNREAD};
use crate::config;
use crate::core::{Condition, Judgement, Role};
use crate::guest::{Declared, Remedy};

/// The unit is active.
pub static OLLAMA_RUNNING: Condition = Condition {
    name: "OllamaRunning",
    concern: "ollama",
    role: Role::Required,
    needs: &["DataDiskMounted"],
    // A models directory that is not the server's stops it at start, wherever it lies.
    explained_by: &["DataDiskWritable", "ModelsOnDataDisk"],
    grace: Duration::from_secs(30),
};

/// The server is told to keep its models on the data disk.
pub static MODELS_ON_DATA_DISK: Condition = Condition {
    name: "ModelsOnDataDisk",
    concern: "ollama",
    role: Role::Gate,
    // It is not led back to a disk that is not there.
    needs: &["DataDiskMounted"],
    explained_by: &[],
    grace: Duration::ZERO,
};

/// The server answers somewhere on this guest.
pub static OLLAMA_SERVING: Condition = Condition {
    name: "OllamaServing",
    concern: "ollama",
    role: Role::Required,
    needs: &["OllamaRunning"],
    explained_by: &[],
    grace: Duration::from_secs(60),
};

/// The server answers where clients ask.
pub static ENDPOINT_REACHABLE: Condition = Condition {
    name: "EndpointReachable",
    concern: "ollama",
    role: Role::Required,
    needs: &["AddressAssigned", "OllamaServing"],
    explained_by: &[],
    grace: Duration::from_secs(60),
};

/// The conditions, and all that can be said of each.
pub static REASONS: &[Declared] = &[
    (&MODELS_ON_DATA_DISK, &[&INSIDE, &ELSEWHERE, &SET_BY_FILE, &UNREAD]),
    (
        &OLLAMA_RUNNING,
        &[
            &RUNNING,
            &STARTING,
            &STOPPING,
            &RESTARTING,
            &CRASH_LOOP,
            &PORT_TAKEN,
            &STOPPED,
            &FAILED,
            &START_LIMIT_HIT,
            &PROGRAM_MISSING,
            &PROGRAM_UNUSABLE,
            &UNIT_MISSING,
            &UNIT_MASKED,
            &UNIT_INVALID,
            &UNREADABLE,
        ],
    ),
    (
        &OLLAMA_SERVING,
        &[
            &SERVING,
            &STARTING,
            &BUSY_SERVER,
            &UNRESPONSIVE,
            &TOO_MANY_CONNECTIONS,
            &NOT_LISTENING,
            &OTHER_PORT,
            &WRONG_ANSWER,
            &FILTERED,
        ],
    ),
    (&ENDPOINT_REACHABLE, &[&REACHABLE, &LOOPBACK_ONLY, &TIMED_OUT, &WRONG_ANSWER, &FILTERED]),
];

/// Judges the server at `uptime`.
#[must_use]
pub fn check(
    facts: &Facts,
    config: &config::Ollama,
    storage: &config::Storage,
    uptime: Duration,
) -> Vec<Judgement<Remedy>> {
    let unit = match &facts.unit {
        Ok(unit) => unit,
        Err(error) => return vec![Judgement::new(&OLLAMA_RUNNING, &UNREADABLE, error.as_str())],
    };
    let mut judgements = Vec::with_capacity(4);
    let mut add = |condition, (reason, message)| {
        judgements.push(Judgement::new(condition, reason, message));
    };
    if let Some(judged) = store::judge(&facts.settings, unit, &storage.path) {
        add(&MODELS_ON_DATA_DISK, judged);
    }
    add(&OLLAMA_RUNNING, running::running(facts, unit, config, uptime));
    add(&OLLAMA_SERVING, serving::serving(facts, unit, config, uptime));
    if let Some(judged) = serving::reachable(facts, config) {
        add(&ENDPOINT_REACHABLE, judged);
    }
    judgements
}

#[cfg(test)]
mod tests;
