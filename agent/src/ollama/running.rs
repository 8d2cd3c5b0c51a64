//! From the state of the unit to `OllamaRunning`. Pure.

use std::time::Duration;

use super::facts::Facts;
use super::listener::Holder;
use super::program::{EXEC, Program};
use super::repair::{FAILED, START_LIMIT_HIT, STOPPED};
use super::unit::Unit;
use crate::config;
use crate::core::Reason;
use crate::guest::Remedy;

/// systemd's restarts within a minute from which on it is a crash loop: a unit that was killed
/// once is back with the first, and one that waits for its port or its disk for a moment with
/// the second.
const LOOP: usize = 3;

/// A server that has lasted so long has found its port, its home and its models.
const SETTLED: Duration = Duration::from_secs(5);

pub(super) static RUNNING: Reason<Remedy> = Reason::good("Running");
pub(super) static STARTING: Reason<Remedy> = Reason::passing("Starting", "the server starts");
pub(super) static STOPPING: Reason<Remedy> = Reason::passing("Stopping", "the server stops");
pub(super) static RESTARTING: Reason<Remedy> = Reason::passing(
    "Restarting",
    "systemd starts it again by itself; if that goes on, see journalctl -u ollama",
);
// systemd goes on starting it; another restart would change nothing but the count.
pub(super) static CRASH_LOOP: Reason<Remedy> =
    Reason::fault("CrashLoop", "the last lines of journalctl -u ollama say why it ends");
pub(super) static PORT_TAKEN: Reason<Remedy> =
    Reason::fault("PortTaken", "stop what holds the port, or give it another one: see ss -ltnp");
pub(super) static PROGRAM_MISSING: Reason<Remedy> =
    Reason::fault("ProgramMissing", "install Ollama again: its program is gone");
pub(super) static PROGRAM_UNUSABLE: Reason<Remedy> =
    Reason::fault("ProgramUnusable", "install Ollama again, or make its program executable");
pub(super) static UNIT_MISSING: Reason<Remedy> =
    Reason::fault("UnitMissing", "install Ollama, or name its unit in ollama.unit");
pub(super) static UNIT_MASKED: Reason<Remedy> =
    Reason::fault("UnitMasked", "a person masked the unit: systemctl unmask ollama.service");
pub(super) static UNIT_INVALID: Reason<Remedy> =
    Reason::fault("UnitInvalid", "systemd-analyze verify ollama.service names the line");
pub(super) static UNREADABLE: Reason<Remedy> =
    Reason::unknown("Unreadable", "systemd does not answer on the system bus");

/// Judges the unit at `uptime`.
pub(super) fn running(
    facts: &Facts,
    unit: &Unit,
    config: &config::Ollama,
    uptime: Duration,
) -> (&'static Reason<Remedy>, String) {
    let name = &config.unit;
    let active = is_active(unit);
    let proven = active && (lasts(unit, uptime) || answered(facts, unit));
    let loaded = matches!(unit.load_state.as_str(), "loaded" | "merged");
    if !proven
        && loaded
        && unit.active_state != "deactivating"
        && let Some(holder) = foreign(facts, unit, uptime)
    {
        return (&PORT_TAKEN, format!("port {} is held by {holder}, not by {name}", config.port));
    }
    let looping = facts.starts.by_systemd(uptime) >= LOOP;
    let bad_program = facts.program.is_some_and(|program| program != Program::Usable);
    match (unit.load_state.as_str(), unit.active_state.as_str(), unit.sub_state.as_str()) {
        // For systemd a unit is active as soon as there is a process that is to become it.
        _ if active && !proven && bad_program => unusable(facts, unit),
        _ if active && !proven && looping => (&CRASH_LOOP, crash_loop(facts, unit, name, uptime)),
        // It serves for as long as it runs.
        (state @ ("not-found" | "masked"), ..) if active => {
            (&RUNNING, format!("{name} is active, though {state} by now"))
        }
        _ if active => (&RUNNING, format!("{name} is active")),
        ("not-found", ..) => (&UNIT_MISSING, format!("there is no unit {name}")),
        ("masked", ..) => (&UNIT_MASKED, format!("{name} is masked")),
        (state @ ("bad-setting" | "error"), ..) => {
            (&UNIT_INVALID, format!("systemd cannot use {name}: {state}"))
        }
        (_, "deactivating", _) => (&STOPPING, format!("{name} stops")),
        _ if bad_program => unusable(facts, unit),
        (_, "activating", sub) if sub.starts_with("auto-restart") && looping => {
            (&CRASH_LOOP, crash_loop(facts, unit, name, uptime))
        }
        (_, "activating", sub) if sub.starts_with("auto-restart") => {
            let count = unit.restarts + 1;
            (&RESTARTING, format!("{name} ended ({}), restart {count}", ended(unit)))
        }
        (_, "activating", _) => (&STARTING, format!("{name} starts")),
        (_, "failed", _) if unit.result == "start-limit-hit" => {
            let message = format!("{name} was started too often in too short a time");
            (&START_LIMIT_HIT, format!("{message}{}", hint(facts, unit)))
        }
        (_, "failed", _) => (&FAILED, format!("{name} failed: {}", ended(unit))),
        _ if unit.job => (&STARTING, format!("{name} has a job queued")),
        (_, state, _) => (&STOPPED, format!("{name} is {state}")),
    }
}

/// Whether its main process runs, as far as systemd knows.
pub(crate) fn is_active(unit: &Unit) -> bool {
    matches!(unit.active_state.as_str(), "active" | "reloading" | "refreshing")
}

/// Whether this start has lasted.
pub(super) fn lasts(unit: &Unit, uptime: Duration) -> bool {
    uptime.saturating_sub(unit.started) >= SETTLED
}

/// Whether it has answered since it was started.
pub(super) fn answered(facts: &Facts, unit: &Unit) -> bool {
    facts.progress.answered.is_some_and(|at| at > unit.started)
}

/// Who holds the server's port in its stead. Whoever does so while the unit lasts is taken to
/// serve for it: a proxy, or a container that the unit only starts.
pub(super) fn foreign<'a>(facts: &'a Facts, unit: &Unit, uptime: Duration) -> Option<&'a str> {
    match &facts.holder {
        Holder::Other(who) if !(is_active(unit) && lasts(unit, uptime)) => Some(who),
        _ => None,
    }
}

fn unusable(facts: &Facts, unit: &Unit) -> (&'static Reason<Remedy>, String) {
    let path = unit.program.as_deref().map_or("the program".into(), |path| path.to_string_lossy());
    match facts.program {
        Some(Program::Missing) => (&PROGRAM_MISSING, format!("{path} does not exist")),
        Some(Program::Forbidden) => (&PROGRAM_UNUSABLE, format!("{path} is not executable")),
        _ => (&PROGRAM_UNUSABLE, format!("{path} is no program")),
    }
}

fn crash_loop(facts: &Facts, unit: &Unit, name: &str, uptime: Duration) -> String {
    let count = facts.starts.by_systemd(uptime);
    let message = format!("systemd restarted {name} {count} times within a minute");
    format!("{message} ({}){}", ended(unit), hint(facts, unit))
}

/// What is known of why a start goes wrong.
fn hint(facts: &Facts, unit: &Unit) -> String {
    match unit.exit_status {
        1 if !facts.settings.home => {
            "; it has no HOME, which it needs: set User= or Environment=HOME=".into()
        }
        0 => String::new(),
        status if unit.result == "start-limit-hit" => format!("; it last ended with {status}"),
        _ => String::new(),
    }
}

/// How it ended last, in systemd's words.
fn ended(unit: &Unit) -> String {
    match (unit.result.as_str(), unit.exit_status) {
        ("exit-code", EXEC) => "it cannot be executed".into(),
        // Above 200 it was systemd that gave up, before the program was started.
        ("exit-code", status @ 200..=245) => {
            format!("exit status {status}: see systemd.exec(5), Process Exit Codes")
        }
        // Read while the next start was under way.
        ("exit-code", 0) => "exit-code".into(),
        ("exit-code", status) => format!("exit status {status}"),
        ("signal" | "core-dump", signal) => format!("{}, signal {signal}", unit.result),
        ("oom-kill", _) => "oom-kill: the guest's memory, or the unit's, was used up".into(),
        (result, _) => result.to_owned(),
    }
}
