//! Reads the server's unit and knocks at its port.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Client;

use super::api::{Api, ApiError};
use super::computing::Computing;
use super::environment::Settings;
use super::listener::{self, Holder};
use super::program::{self, EXEC, Program};
use super::progress::{Own, Progress};
use super::running::{foreign, is_active, lasts};
use super::starts::Starts;
use super::store;
use super::unit::{self, Unit};
use crate::bus::Bus;
use crate::config;
use crate::probe;
use crate::probe::manifest::STORES;

/// How long `GET /` may take. It is answered from memory, in under a millisecond, by a
/// server that is not stuck; also by one that is busy embedding.
pub(super) const KNOCK: Duration = Duration::from_secs(3);

/// What was seen of the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Its unit, or why systemd could not be asked.
    pub unit: Result<Unit, String>,
    /// What it answers at the guest's primary address, where there is one.
    pub at_address: Option<(Ipv4Addr, Answer)>,
    /// What it answers at 127.0.0.1.
    pub at_loopback: Answer,
    /// Whether it gets anything done.
    pub progress: Progress,
    /// How often its unit was started lately.
    pub starts: Starts,
    /// Who holds its port.
    pub holder: Holder,
    /// How many connections it has open, where it does not answer.
    pub connections: Option<usize>,
    /// What its environment tells it.
    pub settings: Settings,
    /// Its program, where systemd could not execute it, or is about to.
    pub program: Option<Program>,
}

/// What came of one `GET /`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200.
    Alive,
    /// Nobody listens.
    Refused,
    /// A connection, or not even that, and no answer.
    Silent,
    /// Something other than an Ollama server's answer.
    Wrong(String),
}

impl Answer {
    /// `None`: the guest has not got the address any more that was asked.
    pub(crate) fn of(answer: Result<(), ApiError>) -> Option<Self> {
        Some(match answer {
            Ok(()) => Self::Alive,
            Err(ApiError::Unreachable { .. }) => return None,
            Err(ApiError::Refused { .. }) => Self::Refused,
            Err(ApiError::TimedOut { .. }) => Self::Silent,
            Err(error) => Self::Wrong(error.to_string()),
        })
    }
}

impl Facts {
    /// What a look at `uptime` makes of its answers, of what computes for it, of what the one
    /// before it remembers, and of what the agent itself has asked for.
    #[must_use]
    pub fn of(
        unit: Result<Unit, String>,
        at_address: Option<(Ipv4Addr, Answer)>,
        at_loopback: Answer,
        computing: Option<Computing>,
        before: (Progress, Starts),
        own: Own,
        uptime: Duration,
    ) -> Self {
        let cpu = unit.as_ref().ok().and_then(|unit| unit.cpu);
        let (mut progress, mut starts) = before;
        if let Ok(unit) = &unit {
            progress.has_had_runner &= !starts.is_new(unit);
            starts = starts.follow(unit, uptime);
        }
        Self {
            unit,
            at_address,
            at_loopback,
            progress: progress.follow(uptime, cpu, computing, own),
            starts,
            holder: Holder::Unknown,
            connections: None,
            settings: Settings::default(),
            program: None,
        }
    }

    /// The same; notes whether the server has answered at `uptime`.
    #[must_use]
    pub fn answered(mut self, uptime: Duration) -> Self {
        // Any web server answers; this one must be ours.
        let ours = self
            .unit
            .as_ref()
            .is_ok_and(|unit| is_active(unit) && foreign(&self, unit, uptime).is_none());
        if self.answers() && ours {
            self.progress.answered = Some(uptime);
        }
        self
    }

    /// The server where it answers: at the guest's own address if it does there.
    #[must_use]
    pub fn api(&self, client: &Client, port: u16) -> Option<Api> {
        let address = match (&self.at_address, &self.at_loopback) {
            (Some((address, Answer::Alive)), _) => IpAddr::V4(*address),
            (_, Answer::Alive) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            _ => return None,
        };
        Some(Api::at(client, address, port))
    }

    /// Whether it answers anywhere.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.at_loopback == Answer::Alive || matches!(self.at_address, Some((_, Answer::Alive)))
    }

    /// Whether it keeps silent somewhere, and answers nowhere.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let silent = |answer: &Answer| *answer == Answer::Silent;
        let at_address = self.at_address.as_ref().is_some_and(|(_, answer)| silent(answer));
        !self.answers() && (at_address || silent(&self.at_loopback))
    }

    /// Why nothing may be pulled by the server: it would not go to the data disk at `disk`.
    #[must_use]
    pub fn keeps_elsewhere(&self, disk: &Path) -> Option<String> {
        store::held(&self.settings, self.unit.as_ref().ok()?, disk)
    }

    /// Where the server keeps its models, as a path below the data disk at `disk`. `None`: not
    /// there, or it is not known.
    ///
    /// # Errors
    /// Where no helper looks for models on it.
    pub fn store(&self, disk: &Path) -> Result<Option<PathBuf>, String> {
        let Some(path) = self.settings.models_path() else { return Ok(None) };
        let Ok(store) = path.strip_prefix(disk) else { return Ok(None) };
        if STORES.iter().all(|known| Path::new(known) != store) {
            return Err(format!("models are kept in {}, which is not looked at", path.display()));
        }
        Ok(Some(store.to_owned()))
    }

    /// Looks at what the unit names: its environment files, its port, its program.
    async fn look_closer(&mut self, unit: &Unit, config: &config::Ollama, uptime: Duration) {
        let (unit, name, port) = (unit.clone(), config.unit.clone(), config.port);
        let silent = self.is_silent();
        let young = is_active(&unit) && !lasts(&unit, uptime);
        let look = move || {
            let tried = unit.exit_status == EXEC || young;
            let program = unit.program.as_deref().filter(|_| tried);
            let holder = listener::holder(port, &name, &unit.group);
            let connections = silent.then(|| listener::connections(port));
            (holder, connections, Settings::read(&unit), program.map(program::look))
        };
        if let Ok(seen) = tokio::task::spawn_blocking(look).await {
            (self.holder, self.connections, self.settings, self.program) = seen;
        }
    }
}

/// How it is reached.
#[derive(Debug, Clone, Copy)]
pub struct Ways<'a> {
    /// systemd, which knows its unit.
    pub bus: &'a Bus,
    /// Its own API.
    pub client: &'a Client,
}

/// Looks at the server. `address` is the guest's primary one, `waits` whether a proof does, so
/// that it counts what computes for the server, `before` what the last look remembers, `own` what
/// the agent has asked for by the end of this one, `uptime` the time now.
pub async fn look(
    config: &config::Ollama,
    Ways { bus, client }: Ways<'_>,
    address: Option<Ipv4Addr>,
    waits: bool,
    before: (Progress, Starts),
    own: impl FnOnce() -> Own,
    uptime: Duration,
) -> Facts {
    let knock = async |address: IpAddr| {
        Answer::of(Api::at(client, address, config.port).alive(KNOCK).await)
    };
    let knock_at_address = async {
        match address {
            Some(address) => knock(IpAddr::V4(address)).await.map(|answer| (address, answer)),
            None => None,
        }
    };
    let computing = async {
        if !waits {
            return None;
        }
        // Where it is not told, the unit's CPU time tells less.
        let told = probe::runner::ask().await;
        let told = told.inspect_err(|error| tracing::debug!(%error, "no runner is seen"));
        told.ok().as_ref().map(Computing::of)
    };
    let (unit, at_address, at_loopback, computing) = tokio::join!(
        unit::read(bus, &config.unit),
        knock_at_address,
        knock(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        computing,
    );
    let unit = unit.map_err(|error| error.to_string());
    // The loopback link is down: nobody can be asked there.
    let at_loopback = at_loopback.unwrap_or(Answer::Silent);
    let mut facts = Facts::of(unit, at_address, at_loopback, computing, before, own(), uptime);
    if let Ok(unit) = facts.unit.clone() {
        facts.look_closer(&unit, config, uptime).await;
    }
    facts.answered(uptime)
}
