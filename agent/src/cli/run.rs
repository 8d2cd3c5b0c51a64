//! `saigak-agent run`: the daemon.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use nix::fcntl::{Flock, FlockArg};
use sd_notify::NotifyState;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::complain;
use crate::bus::Bus;
use crate::config::Config;
use crate::core::reconcile::{self, Inbox, Waker};
use crate::core::{AgentReport, BootClock, Clock, Engine, rfc3339};
use crate::guest::{CONDITIONS, RealGuest};
use crate::ledger_file::LedgerFile;
use crate::serve::{self, Control, Counters};
use crate::wake;

mod voice;

/// Where the agent keeps what outlives it, unless the unit's `StateDirectory=` says.
const STATE: &str = "/var/lib/saigak-agent";

/// Where its sockets lie, unless the unit's `RuntimeDirectory=` says.
const RUNTIME: &str = "/run/saigak-agent";

/// Orders that may wait; people give them one by one.
const ORDERS: usize = 8;

/// Between two attempts to have the probes' port.
const BIND_AGAIN: Duration = Duration::from_secs(5);

/// A root disk that takes longer to save the ledger must not keep the agent from its work.
const SAVED_WITHIN: Duration = Duration::from_secs(5);

/// Runs until SIGTERM or SIGINT.
pub(super) fn run(config: Config) -> ExitCode {
    log_to_journal();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(daemon(config)),
        Err(error) => Err(format!("runtime: {error}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Logs to the journal with its fields, or to standard error where there is no journal.
/// Standard output is kept for the console.
fn log_to_journal() {
    let level = tracing_subscriber::filter::LevelFilter::INFO;
    let registry = tracing_subscriber::registry().with(level);
    match tracing_journald::layer() {
        Ok(journal) if std::env::var_os("JOURNAL_STREAM").is_some() => {
            registry.with(journal.with_syslog_identifier("saigak-agent".into())).init();
        }
        _ => {
            let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).without_time();
            registry.with(layer).init();
        }
    }
}

async fn daemon(config: Config) -> Result<(), String> {
    let started = BootClock.now();
    let agent = AgentReport {
        version: env!("CARGO_PKG_VERSION").into(),
        boot_id: boot_id()?,
        started_at: rfc3339(started.wall),
    };
    let runtime = directory("RUNTIME_DIRECTORY", RUNTIME);
    let _lock = lock(&runtime.join("lock"))?;

    let first = serve::first_report(agent.clone(), rfc3339(started.wall));
    let (publish, reports) = watch::channel(Arc::new(first));
    let counters = Arc::new(Counters::default());
    // Before anything else: a probe that is refused tells nobody why.
    let probes = serve::probe_router(reports.clone(), Arc::clone(&counters));
    listen(config.serve.listen, probes).await;
    let control = bind_control(&runtime.join("agent.sock"))?;
    let (orders, ordered) = mpsc::channel(ORDERS);
    let router = serve::control_router(Control { reports, orders });
    tokio::spawn(serve::serve_unix(control, router));
    notify(&[NotifyState::Ready]);

    let file = LedgerFile::in_directory(&directory("STATE_DIRECTORY", STATE));
    let (ledger, unreadable) = file.load(&agent.boot_id, started.uptime);
    if let Some(error) = unreadable {
        tracing::warn!(%error, "no repair for an hour: what was done before is not known");
    }
    // Also where nothing is new: it takes the room that it needs on a disk that fills up later.
    match time::timeout(SAVED_WITHIN, file.save(ledger.clone())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the ledger was not saved"),
        Err(_) => tracing::warn!("the ledger was not saved in time"),
    }

    let waker = Arc::new(Waker::default());
    let bus = Arc::new(Bus::default());
    wake::start(&waker, &bus, &config.ollama.unit);
    let guest = RealGuest::new(config, bus, Arc::clone(&waker), file)?;
    let engine = Engine::new(CONDITIONS, agent, ledger, started)?;

    let mut voice = voice::Voice::default();
    let mut last = None;
    let beat = |report: &Arc<crate::core::Report>| {
        counters.turned();
        if let Some(last) = last.replace(Arc::clone(report)) {
            counters.compare(&last, report);
        }
        if let Some(status) = voice.speak(report) {
            notify(&[NotifyState::Status(&status)]);
        }
        notify(&[NotifyState::Watchdog]);
    };
    let stop = stopped()?;
    let inbox = Inbox { waker, orders: ordered };
    reconcile::run(engine, &guest, &BootClock, inbox, &publish, beat, stop).await;
    notify(&[NotifyState::Stopping]);
    Ok(())
}

/// Tells systemd; where nobody listens, nothing is lost.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd was not told");
    }
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

/// The kernel's id of this boot.
fn boot_id() -> Result<String, String> {
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    let id = fs::read_to_string(PATH).map_err(|error| format!("{PATH}: {error}"))?;
    Ok(id.trim().to_owned())
}

/// A directory that systemd made for the unit, or `default` where it did not.
fn directory(variable: &str, default: &str) -> PathBuf {
    std::env::var_os(variable).filter(|value| !value.is_empty()).unwrap_or(default.into()).into()
}

/// Only one agent acts on a guest. The lock goes with the process.
fn lock(path: &Path) -> Result<Flock<fs::File>, String> {
    let name = path.display();
    let file = fs::File::create(path).map_err(|error| format!("{name}: {error}"))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|(_, error)| format!("{name}: another agent runs already ({error})"))
}

/// Serves the probes. Where the port cannot be had, the agent goes on without and keeps
/// trying: repairs matter more, and a probe that is refused makes no guest ready.
async fn listen(address: SocketAddr, router: Router) {
    match TcpListener::bind(address).await {
        Ok(listener) => drop(tokio::spawn(serve::serve_tcp(listener, router))),
        Err(error) => {
            tracing::error!(%address, %error, "the probes' port cannot be had");
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(BIND_AGAIN).await;
                    if let Ok(listener) = TcpListener::bind(address).await {
                        tracing::info!(%address, "the probes' port is open");
                        return serve::serve_tcp(listener, router).await;
                    }
                }
            });
        }
    }
}

/// The control socket. Everyone on the guest may ask; who may give orders, the kernel tells.
fn bind_control(path: &Path) -> Result<UnixListener, String> {
    let fail = |error: io::Error| format!("{}: {error}", path.display());
    // The lock is held: a socket that lies there is a dead agent's.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(fail(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(fail)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).map_err(fail)?;
    Ok(listener)
}
