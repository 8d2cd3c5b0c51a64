//! The ways out of the daemon that may hang: the journal, the console, systemd. Each has a
//! thread of its own.

use std::io;
use std::time::Duration;

use sd_notify::NotifyState;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::say;
use crate::journal::{Entry, Journal};
use crate::outlet::Outlet;

/// Items that may wait, in each.
const ROOM: usize = 64;

/// How long the last words may take.
const FLUSHED_WITHIN: Duration = Duration::from_secs(1);

/// What systemd is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    /// The probes and the control socket answer.
    Ready,
    /// The loop turns.
    Watchdog,
    /// The unit's status text.
    Status(String),
    /// The end.
    Stopping,
}

/// The ways out.
#[derive(Debug, Clone)]
pub(super) struct Speaker {
    /// Nothing where events go to standard error, which is a person's terminal.
    journal: Option<Outlet<Entry>>,
    console: Outlet<String>,
    systemd: Outlet<Notice>,
}

impl Speaker {
    /// Starts the threads.
    pub(super) fn start() -> Self {
        Self {
            journal: log(),
            console: Outlet::start("console", ROOM, |line: String| say(&line)),
            systemd: Outlet::start("notify", ROOM, |notice: Notice| tell(&notice)),
        }
    }

    /// Tells systemd.
    pub(super) fn notify(&self, notice: Notice) {
        self.systemd.put(notice);
    }

    /// Writes a line to the console.
    pub(super) fn write(&self, line: String) {
        self.console.put(line);
    }

    /// What was lost in each way, by its name in the metrics.
    pub(super) fn lost(&self) -> [(&'static str, u64); 2] {
        let journal = self.journal.as_ref().map_or(0, Outlet::lost);
        [("journal", journal), ("console", self.console.lost())]
    }

    /// Waits a moment until all is said.
    pub(super) fn flush(&self) {
        self.systemd.flush(FLUSHED_WITHIN);
        self.console.flush(FLUSHED_WITHIN);
        if let Some(journal) = &self.journal {
            journal.flush(FLUSHED_WITHIN);
        }
    }
}

/// Logs to the journal with its fields, or to standard error where there is no journal.
/// Standard output is kept for the console.
fn log() -> Option<Outlet<Entry>> {
    let level = tracing_subscriber::filter::LevelFilter::INFO;
    let registry = tracing_subscriber::registry().with(level);
    if std::env::var_os("JOURNAL_STREAM").is_none() {
        let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).without_time();
        registry.with(layer).init();
        return None;
    }
    let journal = Journal::start();
    let outlet = journal.outlet();
    registry.with(journal).init();
    Some(outlet)
}

/// Where nobody listens, nothing is lost.
fn tell(notice: &Notice) {
    let state = match notice {
        Notice::Ready => NotifyState::Ready,
        Notice::Watchdog => NotifyState::Watchdog,
        Notice::Status(text) => NotifyState::Status(text),
        Notice::Stopping => NotifyState::Stopping,
    };
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, "systemd was not told");
    }
}
