//! The server's unit, as systemd keeps it: `Type=simple`, `Restart=always`, `RestartSec=3`, and
//! systemd's own start limit.

use super::{Runner, World, come};

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
    /// When it has stopped, and whether it is started again then.
    stopped: Option<u64>,
    then_start: bool,
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
/// How long a server takes to stop.
const STOPS_IN: u64 = 150;
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
            stopped: None,
            then_start: false,
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
        for at in self.starts.iter_mut().chain(&mut self.again).chain(&mut self.stopped) {
            *at += time;
        }
    }

    /// Whether its process runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        matches!(self.active, Active::Active | Active::Stopping)
    }
}

impl World {
    pub(super) fn boot_server(&mut self) {
        self.unit = Unit {
            load: self.unit.load,
            accounted: self.unit.accounted,
            invocation: self.unit.invocation,
            ..Unit::default()
        };
        self.server.reset();
        self.start_unit();
    }

    /// `systemctl start`.
    pub fn start_unit(&mut self) -> Start {
        match self.unit.active {
            Active::Active => return Start::Unneeded,
            // Another job is queued for it, which is not overruled.
            Active::Stopping => return Start::Refused,
            _ => {}
        }
        if self.unit.load != Load::Loaded || !self.disk.mounted {
            return Start::Refused;
        }
        self.unit.restarts = 0;
        self.spawn()
    }

    /// One start, whoever asked for it.
    fn spawn(&mut self) -> Start {
        self.unit.again = None;
        if self.unit.is_limited(self.now) {
            self.unit.hammered = false;
            self.unit.active = Active::Failed;
            self.unit.result = "start-limit-hit";
            self.unit_changed();
            return Start::Limited;
        }
        let now = self.now;
        self.unit.starts.retain(|at| now - *at < INTERVAL);
        self.unit.starts.push(now);
        self.unit.active = Active::Active;
        self.unit.result = "success";
        self.unit.invocation += 1;
        self.unit.started = now;
        self.start_server();
        self.unit_changed();
        if self.unit.hammered {
            self.begin_to_stop();
            self.unit.then_start = true;
        }
        Start::Done
    }

    /// `systemctl reset-failed`: the failure and the starts are forgotten.
    pub fn reset_failed(&mut self) {
        self.unit.starts.clear();
        if self.unit.active == Active::Failed {
            self.unit.active = Active::Inactive;
            self.unit.result = "success";
        }
    }

    /// Somebody restarts it again and again until systemd has had enough.
    pub fn hammer(&mut self) {
        self.unit.hammered = true;
        if self.restart_unit().0 == Start::Refused {
            self.unit.hammered = false;
        }
    }

    /// `systemctl stop`.
    pub fn stop_unit(&mut self) {
        self.unit.hammered = false;
        self.unit.then_start = false;
        self.unit.again = None;
        match self.unit.active {
            Active::Active => self.begin_to_stop(),
            Active::AutoRestart => self.unit.active = Active::Inactive,
            _ => {}
        }
        self.unit_changed();
    }

    /// `systemctl restart`. Says what came of it as far as that is known at once, and when the
    /// server has stopped.
    pub fn restart_unit(&mut self) -> (Start, u64) {
        let stops = self.unit.active == Active::Stopping;
        if self.unit.load != Load::Loaded || !self.disk.mounted || stops {
            return (Start::Refused, self.now);
        }
        if self.unit.active == Active::Active {
            self.begin_to_stop();
            self.unit.then_start = true;
            self.unit_changed();
            return (Start::Done, self.unit.stopped.unwrap_or(self.now));
        }
        self.unit.restarts = 0;
        (self.spawn(), self.now)
    }

    fn begin_to_stop(&mut self) {
        // A process that is stopped by a signal is continued by systemd, and ends.
        let takes = if self.server.deaf { KILLED_AFTER } else { STOPS_IN };
        self.unit.active = Active::Stopping;
        self.unit.stopped = Some(self.now + takes);
    }

    /// Its process ends by itself, or is killed.
    pub fn server_dies(&mut self, result: &'static str) {
        if self.unit.active != Active::Active {
            return;
        }
        self.end_server();
        self.unit.active = Active::AutoRestart;
        self.unit.result = result;
        self.unit.again = Some(self.now + RESTART_AFTER);
        self.unit_changed();
    }

    pub(super) fn next_of_unit(&self) -> Option<u64> {
        self.unit.again.into_iter().chain(self.unit.stopped).min()
    }

    pub(super) fn step_unit(&mut self) {
        if come(&mut self.unit.stopped, self.now) {
            self.end_server();
            self.unit.active = Active::Inactive;
            self.unit.result = "success";
            self.unit_changed();
            self.leave();
            if std::mem::take(&mut self.unit.then_start) && self.disk.mounted {
                self.unit.restarts = 0;
                self.spawn();
            } else {
                self.unit.hammered = false;
            }
        }
        if come(&mut self.unit.again, self.now) {
            let restarts = self.unit.restarts + 1;
            if self.unit.load == Load::Loaded && self.disk.mounted {
                self.spawn();
                self.unit.restarts = restarts;
            } else {
                self.unit.active = Active::Failed;
                self.unit_changed();
            }
        }
    }

    /// The process is gone, and with it all that it had in memory.
    fn end_server(&mut self) {
        self.server.runner = Runner::Unloaded;
        self.server.frozen = false;
        self.server.deaf = false;
        self.server.forget_start();
        self.server.dies = None;
        self.cut_requests();
    }
}
