//! The server's unit, as systemd keeps it: `Type=simple`, `Restart=always`, `RestartSec=3`, and
//! systemd's own start limit.

mod jobs;

/// Whether the unit can be started at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// It can.
    Loaded,
    /// It is masked.
    Masked,
    /// There is no such unit.
    Missing,
}

/// Its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Active {
    /// Its process runs.
    Active,
    /// It was stopped.
    Inactive,
    /// It waits for `RestartSec=`.
    AutoRestart,
    /// It stops.
    Stopping,
    /// It failed; systemd leaves it.
    Failed,
}

/// The unit.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each of them comes about by itself")]
pub struct Unit {
    /// Whether it can be started.
    pub load: Load,
    /// Its state.
    pub active: Active,
    /// Why it ended last.
    pub result: &'static str,
    /// Restarts that systemd made by itself since a person or an agent last started it.
    pub restarts: u32,
    /// The number of this start; 0 before the first.
    pub invocation: u32,
    /// When its process was last started.
    pub started: u64,
    /// Its CPU time is accounted.
    pub accounted: bool,
    /// Starts that may still count against the limit.
    starts: Vec<u64>,
    /// When systemd starts it again.
    again: Option<u64>,
    /// When it is started that was stopped, or had failed, a moment before.
    begins: Option<u64>,
    /// A job is queued for it meanwhile.
    pub job: bool,
    /// When it has stopped, and whether it is started again then.
    stopped: Option<u64>,
    then_start: bool,
    /// That is one job.
    then_job: bool,
    /// Somebody restarts it as soon as it is started.
    hammered: bool,
}

/// What came of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Its process runs, for now.
    Done,
    /// It runs already.
    Unneeded,
    /// It is masked, or there is none, or its disk is not there.
    Refused,
    /// The start limit is hit, and it has failed for good.
    Limited,
}

/// Starts that systemd allows in [`INTERVAL`].
pub const BURST: usize = 5;
/// See [`BURST`].
pub const INTERVAL: u64 = 10_000;
/// `RestartSec=`.
const RESTART_AFTER: u64 = 3000;
/// So many times what systemd needs to start it goes by where somebody does that by hand.
const BY_HAND: u64 = 8;
/// How long one takes that does not listen to SIGTERM: `TimeoutStopSec=`.
const KILLED_AFTER: u64 = 90_000;

impl Default for Unit {
    fn default() -> Self {
        Self {
            load: Load::Loaded,
            active: Active::Inactive,
            result: "success",
            restarts: 0,
            invocation: 0,
            started: 0,
            accounted: true,
            starts: Vec::new(),
            again: None,
            begins: None,
            job: false,
            stopped: None,
            then_start: false,
            then_job: false,
            hammered: false,
        }
    }
}

impl Unit {
    /// Whether one more start at `now` would hit the limit.
    #[must_use]
    pub fn is_limited(&self, now: u64) -> bool {
        self.starts.iter().filter(|at| now - **at < INTERVAL).count() >= BURST
    }

    /// systemd goes by the monotonic clock, in which `time` has not been.
    pub(super) fn sleep(&mut self, time: u64) {
        self.started += time;
        let waits = self.again.iter_mut().chain(&mut self.begins).chain(&mut self.stopped);
        for at in self.starts.iter_mut().chain(waits) {
            *at += time;
        }
    }

    /// Whether it was stopped, or had failed, and is about to be started.
    #[must_use]
    pub fn is_to_begin(&self) -> bool {
        self.begins.is_some()
    }

    /// Whether its process runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        matches!(self.active, Active::Active | Active::Stopping)
    }
}
