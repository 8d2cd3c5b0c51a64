//! `saigak-agent run`: the daemon.

mod reload;
mod sockets;
mod speaker;
mod unusable;
mod voice;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use self::speaker::{Notice, Speaker};
use super::{actor, complain};
use crate::bus::Bus;
use crate::config::{Config, ConfigError, Place};
use crate::core::reconcile::{self, Inbox, Waker};
use crate::core::{BootClock, Clock, Report, rfc3339};
use crate::gpu;
use crate::guest::{self, RealGuest};
use crate::history::{Chronicle, HistoryFile};
use crate::ledger_file::LedgerFile;
use crate::model::References;
use crate::serve::{self, Control, Counters};
use crate::wake;

/// Where its sockets lie, unless the unit's `RuntimeDirectory=` says.
const RUNTIME: &str = "/run/saigak-agent";

/// Orders that may wait; people give them one by one.
const ORDERS: usize = 8;

/// Runs until SIGTERM or SIGINT, also where `config` cannot be used: an agent that is not there
/// tells nobody why.
pub(super) fn run(config: Result<Config, ConfigError>, place: Place) -> ExitCode {
    let speaker = Speaker::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(daemon(config, place, &speaker));
            // What hangs, on a disk say, is left to its thread.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(format!("runtime: {error}")),
    };
    speaker.flush();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn daemon(
    config: Result<Config, ConfigError>,
    place: Place,
    speaker: &Speaker,
) -> Result<(), String> {
    let started = BootClock.now();
    let agent = actor::identity(started)?;
    let state = actor::state_directory();
    let _lock = actor::lock(&state).map_err(|error| error.to_string())?;
    let history = HistoryFile::in_directory(&state);
    let (reload, mut reloads) = reload::listen()?;
    let stop = stopped()?;
    tokio::pin!(stop);

    let first = serve::first_report(agent.clone(), rfc3339(started.wall));
    let (publish, reports) = watch::channel(Arc::new(first));
    let waker = Arc::new(Waker::default());
    let gpus = Arc::new(gpu::Probe::default());
    let counters = Arc::new(Counters::new(Arc::clone(&waker), Arc::clone(&gpus)));
    // Before anything else: a probe that is refused tells nobody why.
    let probes = serve::probe_router(reports.clone(), Arc::clone(&counters));
    let probes = sockets::Probes::listen(unusable::address(&config), probes).await;
    let socket =
        sockets::control(&actor::directory("RUNTIME_DIRECTORY", RUNTIME).join("agent.sock"))?;
    let (orders, mut ordered) = mpsc::channel(ORDERS);
    let control = Control { reports, orders, reload, history: history.path().into() };
    tokio::spawn(serve::serve_unix(socket, serve::control_router(control)));
    speaker.notify(Notice::Ready);

    let file = LedgerFile::in_directory(&state);
    let mut engine = actor::engine(guest::conditions(place), agent, &file, started).await?;
    let mut voice = voice::Voice::default();
    let mut chronicle = Chronicle::default();
    let mut last = None;
    let mut beat = |report: &Arc<Report>| {
        counters.turned();
        if let Some(last) = last.replace(Arc::clone(report)) {
            counters.compare(&last, report);
        }
        let unix = BootClock.now().wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        history.add(chronicle.follow(report, unix));
        if let Some(line) = voice.line(report) {
            speaker.write(line);
        }
        if let Some(status) = voice.status(report) {
            speaker.notify(Notice::Status(status));
        }
        speaker.notify(Notice::Watchdog);
        for (outlet, lost) in speaker.lost() {
            counters.lost(outlet, lost);
        }
        counters.lost("history", history.outlet().lost());
    };
    let config = match config {
        Ok(config) => Some(config),
        Err(error) => {
            let tell = |report| {
                let report = Arc::new(report);
                publish.send_replace(Arc::clone(&report));
                beat(&report);
            };
            let (reloads, orders) = (&mut reloads, &mut ordered);
            let save = |ledger| {
                let file = file.clone();
                async move { file.save(ledger).await }
            };
            let look = reload::read;
            let mended = unusable::mended(error, look, &mut engine, reloads, orders, save, tell);
            tokio::select! {
                config = mended => Some(config),
                () = &mut stop => None,
            }
        }
    };
    if let Some(config) = config {
        let config = Config { place, ..config };
        probes.go_to(config.serve.listen).await;
        let bus = Arc::new(Bus::default());
        if place == Place::Guest {
            wake::start(&waker, &bus, &config.ollama.unit);
        }
        let references = References::in_directory(&state, false);
        let guest = RealGuest::new(config, bus, Arc::clone(&waker), gpus, file, references)?;
        tokio::spawn(reloads.serve(guest.clone()));
        if place == Place::Sidecar {
            tokio::spawn(guest.clone().ask_patiently());
        }
        let inbox = Inbox { waker, orders: ordered };
        reconcile::run(engine, &guest, &BootClock, inbox, &publish, beat, stop).await;
    }
    speaker.notify(Notice::Stopping);
    history.flush();
    Ok(())
}

fn stopped() -> Result<impl Future<Output = ()>, String> {
    let listen = |kind| signal(kind).map_err(|error| format!("signals: {error}"));
    let (mut terminate, mut interrupt) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
