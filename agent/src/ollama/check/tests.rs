use std::net::Ipv4Addr;

use super::super::environment::{Setting, Settings};
use super::super::facts::Answer;
use super::super::listener::Holder;
use super::super::program::Program;
use super::super::progress::Progress;
use super::super::starts::Starts;
use super::super::unit::Unit;
use super::*;

const NOW: Duration = Duration::from_secs(1000);

fn ago(seconds: u64) -> Duration {
    NOW.saturating_sub(Duration::from_secs(seconds))
}

fn healthy() -> Facts {
    Facts {
        unit: Ok(Unit::fake()),
        at_address: Some((Ipv4Addr::new(10, 0, 2, 2), Answer::Alive)),
        at_loopback: Answer::Alive,
        progress: Progress {
            at: NOW,
            cpu: Some(Duration::from_secs(7)),
            since: Some(Duration::from_secs(100)),
            ..Progress::default()
        },
        starts: Starts::default(),
        holder: Holder::Own,
        connections: None,
        settings: settings(DISK),
        program: None,
    }
}

const DISK: &str = "/var/lib/ollama";

fn settings(models: &str) -> Settings {
    let models = Some(Setting { value: models.into(), file: None });
    Settings { models, home: true, ..Settings::default() }
}

fn judged(facts: &Facts) -> Vec<Judgement<Remedy>> {
    check(facts, &config::Ollama::default(), &config::Storage::default(), NOW)
}

fn with_unit(change: impl FnOnce(&mut Unit)) -> Facts {
    let mut facts = healthy();
    change(facts.unit.as_mut().unwrap());
    facts
}

fn reason(facts: &Facts, condition: &str) -> &'static str {
    let judgements = judged(facts);
    judgements.iter().find(|j| j.condition == condition).map_or("-", |j| j.reason.name)
}

#[test]
fn a_healthy_server_runs_serves_and_is_reached() {
    let judgements = judged(&healthy());
    let names: Vec<_> = judgements.iter().map(|j| j.reason.name).collect();
    assert_eq!(names, ["Inside", "Running", "Serving", "Reachable"]);
}

#[test]
fn unit_states_are_told_apart() {
    let state = |active: &str, sub: &str, result: &str| {
        let facts = with_unit(|unit| {
            unit.active_state = active.into();
            unit.sub_state = sub.into();
            unit.result = result.into();
        });
        reason(&facts, "OllamaRunning")
    };
    assert_eq!(state("inactive", "dead", "success"), "Stopped");
    assert_eq!(state("activating", "auto-restart", "signal"), "Restarting");
    assert_eq!(state("activating", "start", "success"), "Starting");
    assert_eq!(state("failed", "failed", "start-limit-hit"), "StartLimitHit");
    assert_eq!(state("failed", "failed", "exit-code"), "Failed");
    assert_eq!(state("deactivating", "stop-sigterm", "success"), "Stopping");
    for (load_state, expected) in
        [("not-found", "UnitMissing"), ("masked", "UnitMasked"), ("bad-setting", "UnitInvalid")]
    {
        let stopped = with_unit(|unit| {
            unit.load_state = load_state.into();
            unit.active_state = "inactive".into();
        });
        assert_eq!(reason(&stopped, "OllamaRunning"), expected);
        // It goes on serving until it ends.
        let running = with_unit(|unit| unit.load_state = load_state.into());
        assert_eq!(reason(&running, "OllamaRunning"), "Running");
    }
    let queued = with_unit(|unit| {
        unit.active_state = "inactive".into();
        unit.job = true;
    });
    assert_eq!(reason(&queued, "OllamaRunning"), "Starting");
}

#[test]
fn systemd_that_does_not_answer_is_unknown_and_no_fault() {
    let facts = Facts { unit: Err("no answer".into()), ..healthy() };
    let judgements = judged(&facts);
    assert_eq!(judgements.len(), 1);
    assert!(judgements.iter().all(|j| j.reason.status == crate::core::Status::Unknown));
}

#[test]
fn silence_is_starting_busy_or_stuck() {
    let silent = |facts: Facts| Facts {
        at_address: Some((Ipv4Addr::new(10, 0, 2, 2), Answer::Silent)),
        at_loopback: Answer::Silent,
        ..facts
    };
    assert_eq!(reason(&silent(healthy()), "OllamaServing"), "Unresponsive");
    let young = silent(with_unit(|unit| unit.started = ago(20)));
    assert_eq!(reason(&young, "OllamaServing"), "Starting");
    let mut stuck = silent(with_unit(|unit| unit.started = ago(20)));
    stuck.progress.answered = Some(ago(10));
    assert_eq!(reason(&stuck, "OllamaServing"), "Unresponsive");
    // What the process before it has answered says nothing of this one.
    stuck.progress.answered = Some(ago(21));
    assert_eq!(reason(&stuck, "OllamaServing"), "Starting");
    let mut busy = silent(healthy());
    busy.progress.last = Some(ago(5));
    assert_eq!(reason(&busy, "OllamaServing"), "Busy");
    busy.progress.last = Some(ago(11));
    assert_eq!(reason(&busy, "OllamaServing"), "Unresponsive");
    busy.progress = Progress { at: NOW, ..Progress::default() };
    assert_eq!(reason(&busy, "OllamaServing"), "Busy");
    let judgements = judged(&busy);
    assert!(judgements[2].message.ends_with("CPU time is not accounted"));
    // Accounted, and seen for too short a time to say.
    busy.progress.since = Some(ago(2));
    assert_eq!(reason(&busy, "OllamaServing"), "Busy");
}

#[test]
fn a_server_that_works_elsewhere_is_not_restarted() {
    let mut moved = Facts {
        at_address: Some((Ipv4Addr::new(10, 0, 2, 2), Answer::Refused)),
        at_loopback: Answer::Refused,
        ..healthy()
    };
    assert_eq!(reason(&moved, "OllamaServing"), "NotListening");
    moved.progress.last = Some(ago(5));
    assert_eq!(reason(&moved, "OllamaServing"), "Busy");
}

#[test]
fn a_server_that_listens_elsewhere_is_restarted_once_only() {
    for reason in [&NOT_LISTENING, &LOOPBACK_ONLY] {
        let tries: Vec<_> = reason.ladder.iter().map(|rung| rung.tries).collect();
        assert_eq!(tries, [1], "{}", reason.name);
    }
}

#[test]
fn loopback_only_is_told_from_a_firewall_and_from_a_dead_server() {
    let at = |answer: Answer, at_loopback: Answer| Facts {
        at_address: Some((Ipv4Addr::new(10, 0, 2, 2), answer)),
        at_loopback,
        ..healthy()
    };
    let facts = at(Answer::Refused, Answer::Alive);
    assert_eq!(reason(&facts, "EndpointReachable"), "LoopbackOnly");
    assert_eq!(reason(&facts, "OllamaServing"), "Serving");
    let facts = at(Answer::Silent, Answer::Alive);
    assert_eq!(reason(&facts, "EndpointReachable"), "TimedOut");
    let facts = at(Answer::Refused, Answer::Refused);
    assert_eq!(reason(&facts, "OllamaServing"), "NotListening");
    let facts = Facts { at_address: None, ..healthy() };
    assert_eq!(reason(&facts, "EndpointReachable"), "-");
}

/// A server that systemd has restarted so often, each time as soon as was seen.
fn restarted(times: u32, change: impl FnOnce(&mut Unit)) -> Facts {
    let mut facts = with_unit(|unit| {
        unit.active_state = "activating".into();
        unit.sub_state = "auto-restart".into();
        unit.result = "exit-code".into();
        unit.exit_status = 1;
        unit.restarts = times;
        unit.started = ago(1);
        change(unit);
    });
    facts.at_address = Some((Ipv4Addr::new(10, 0, 2, 2), Answer::Refused));
    facts.at_loopback = Answer::Refused;
    facts.holder = Holder::Nobody;
    for restart in 0..=times {
        let unit = Unit { restarts: restart, ..facts.unit.clone().unwrap() };
        facts.starts = facts.starts.follow(&unit, ago(20));
    }
    facts
}

fn message(facts: &Facts, condition: &str) -> String {
    let judgements = judged(facts);
    let found = judgements.into_iter().find(|j| j.condition == condition);
    found.map_or_else(String::new, |judgement| judgement.message)
}

#[test]
fn a_crash_loop_is_told_from_a_restart_also_while_the_next_start_is_young() {
    assert_eq!(reason(&restarted(2, |_| {}), "OllamaRunning"), "Restarting");
    assert_eq!(reason(&restarted(3, |_| {}), "OllamaRunning"), "CrashLoop");
    let active = |unit: &mut Unit| unit.active_state = "active".into();
    let mut again = restarted(3, active);
    assert_eq!(reason(&again, "OllamaRunning"), "CrashLoop");
    again.progress.answered = Some(NOW);
    assert_eq!(reason(&again, "OllamaRunning"), "Running");
    let lasts = restarted(3, |unit| {
        active(unit);
        unit.started = ago(5);
    });
    assert_eq!(reason(&lasts, "OllamaRunning"), "Running");
}

#[test]
fn a_crash_loop_says_how_it_ends() {
    let said = |change: fn(&mut Unit)| message(&restarted(4, change), "OllamaRunning");
    assert!(said(|_| {}).ends_with("4 times within a minute (exit status 1)"));
    assert!(said(|unit| unit.exit_status = 217).contains("exit status 217: see systemd.exec(5)"));
    let killed = |unit: &mut Unit| unit.result = "oom-kill".into();
    assert!(said(killed).contains("oom-kill: the guest's memory"));
    let mut homeless = restarted(3, |_| {});
    homeless.settings.home = false;
    assert!(message(&homeless, "OllamaRunning").contains("has no HOME"));
}

#[test]
fn whoever_has_the_port_of_a_server_that_is_down_is_named() {
    let taken = |change: fn(&mut Unit)| Facts {
        holder: Holder::Other("web.service".into()),
        at_loopback: Answer::Alive,
        ..restarted(1, change)
    };
    for change in [
        |_: &mut Unit| {},
        |unit: &mut Unit| unit.active_state = "active".into(),
        |unit: &mut Unit| unit.active_state = "failed".into(),
        |unit: &mut Unit| unit.active_state = "inactive".into(),
    ] {
        assert_eq!(reason(&taken(change), "OllamaRunning"), "PortTaken");
        assert!(message(&taken(change), "OllamaRunning").contains("held by web.service"));
    }
    // It may be what the unit itself has started, in a container.
    let proxy = taken(|unit| {
        unit.active_state = "active".into();
        unit.started = ago(60);
    });
    assert_eq!(reason(&proxy, "OllamaRunning"), "Running");
    assert_eq!(reason(&proxy, "OllamaServing"), "Serving");
}

#[test]
fn a_program_that_cannot_be_executed_is_named_until_it_can() {
    let state = |program| {
        let facts = restarted(5, |unit| unit.exit_status = 203);
        Facts { program: Some(program), ..facts }
    };
    assert_eq!(reason(&state(Program::Missing), "OllamaRunning"), "ProgramMissing");
    assert_eq!(reason(&state(Program::Garbage), "OllamaRunning"), "ProgramUnusable");
    let forbidden = message(&state(Program::Forbidden), "OllamaRunning");
    assert_eq!(forbidden, "/usr/local/bin/ollama is not executable");
    assert_eq!(reason(&state(Program::Usable), "OllamaRunning"), "CrashLoop");
    // Between fork and exec: that is no server yet.
    let mut young = restarted(1, |unit| unit.active_state = "active".into());
    young.program = Some(Program::Missing);
    assert_eq!(reason(&young, "OllamaRunning"), "ProgramMissing");
}

#[test]
fn a_server_that_was_told_another_port_is_not_restarted() {
    let moved = restarted(0, |unit| unit.active_state = "active".into());
    assert_eq!(reason(&moved, "OllamaServing"), "Starting");
    let host = Some(Setting { value: "0.0.0.0:11500".into(), file: None });
    let moved = Facts { settings: Settings { host, ..settings(DISK) }, ..moved };
    assert_eq!(reason(&moved, "OllamaServing"), "OtherPort");
    assert!(message(&moved, "OllamaServing").contains("names port 11500"));
}

#[test]
fn a_server_without_files_left_is_told_from_one_that_hangs() {
    let silent = |connections: usize| {
        let mut facts = with_unit(|unit| unit.files = 64);
        facts.at_address = None;
        facts.at_loopback = Answer::Silent;
        Facts { connections: Some(connections), ..facts }
    };
    assert_eq!(reason(&silent(47), "OllamaServing"), "Unresponsive");
    assert_eq!(reason(&silent(48), "OllamaServing"), "TooManyConnections");
}
