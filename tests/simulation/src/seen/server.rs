//! What can be seen of the server: its unit, what it is told, and who answers at its port.

use std::net::Ipv4Addr;
use std::time::Duration;

use saigak_agent::ollama;
use saigak_agent::ollama::Answer;

use super::{ADDRESS, uptime};
use crate::world::{Active, Bound, Load, Store, World};

/// systemd's view of the server's unit.
#[must_use]
pub fn unit(world: &World) -> ollama::Unit {
    let unit = &world.unit;
    let (active, sub) = match unit.active {
        Active::Active if world.server.is_to_be_executed() => ("activating", "start"),
        Active::Active => ("active", "running"),
        Active::Inactive => ("inactive", "dead"),
        Active::AutoRestart => ("activating", "auto-restart"),
        Active::Stopping => ("deactivating", "stop-sigterm"),
        Active::Failed => ("failed", "failed"),
    };
    let load = match unit.load {
        Load::Loaded => "loaded",
        Load::Masked => "masked",
        Load::Missing => "not-found",
    };
    ollama::Unit {
        load_state: load.into(),
        active_state: active.into(),
        sub_state: sub.into(),
        result: unit.result.into(),
        restarts: unit.restarts,
        invocation: u128::from(unit.invocation),
        started: uptime(world, unit.started),
        cpu: unit.accounted.then(|| Duration::from_micros(world.server.cpu)),
        job: unit.job,
        start_burst: u32::try_from(crate::world::BURST).unwrap_or(u32::MAX),
        start_interval: Duration::from_millis(crate::world::INTERVAL),
        exit_status: match unit.result {
            // systemd could not execute it.
            "exit-code" if world.server.gone => 203,
            "exit-code" if world.server.no_user => 217,
            result => i32::from(result == "exit-code"),
        },
        group: String::new(),
        user: "ollama".into(),
        environment: ollama::Environment::default(),
        files: 65_536,
        program: None,
    }
}

/// What the server is told by its environment.
#[must_use]
pub fn settings(world: &World) -> ollama::Settings {
    let set = |value: &str, file| Some(ollama::Setting { value: value.into(), file });
    let models = match world.server.is_told_to_keep() {
        Store::Inside => set("/var/lib/ollama", None),
        Store::Home => None,
        Store::ByFile => set("/srv/models", Some("/etc/default/ollama".into())),
    };
    let host = match world.server.is_told_to_listen() {
        Bound::All => set("0.0.0.0", None),
        Bound::Loopback => set("127.0.0.1", None),
        Bound::Elsewhere => set("0.0.0.0:11500", None),
    };
    ollama::Settings { models, host, home: true, ..ollama::Settings::default() }
}

/// The server's program, where systemd could not execute it.
#[must_use]
pub fn program(world: &World) -> Option<ollama::Program> {
    world.server.gone.then_some(ollama::Program::Missing)
}

/// Who holds the server's port.
#[must_use]
pub fn holder(world: &World) -> ollama::Holder {
    match (world.server_is_bound(), world.port_is_taken()) {
        (_, true) => ollama::Holder::Other("web.service".into()),
        (true, false) => ollama::Holder::Own,
        (false, false) => ollama::Holder::Nobody,
    }
}

/// What `GET /` brings at the guest's address.
#[must_use]
pub fn at_address(world: &World) -> Option<(Ipv4Addr, Answer)> {
    world.link.address?;
    let answer = match world.server.listens() {
        // It goes over the loopback link, whatever clients meet on theirs.
        _ if world.link.locked => Answer::Silent,
        Bound::All => at_port(world),
        Bound::Loopback | Bound::Elsewhere => Answer::Refused,
    };
    Some((ADDRESS, answer))
}

/// What it brings at 127.0.0.1.
#[must_use]
pub fn at_loopback(world: &World) -> Answer {
    match world.server.listens() {
        _ if world.link.locked => Answer::Silent,
        Bound::All | Bound::Loopback => at_port(world),
        Bound::Elsewhere => Answer::Refused,
    }
}

fn at_port(world: &World) -> Answer {
    if world.port_is_taken() {
        Answer::Wrong("404".into())
    } else if !world.server_is_bound() {
        Answer::Refused
    } else if world.server_answers() {
        Answer::Alive
    } else {
        Answer::Silent
    }
}
