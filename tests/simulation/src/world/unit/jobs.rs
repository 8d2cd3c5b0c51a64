//! What systemd does with the unit: its jobs, and what follows by itself.

use super::super::{Runner, World, come};
use super::{Active, BY_HAND, INTERVAL, KILLED_AFTER, Load, RESTART_AFTER, Start, Unit};

impl World {
    pub(in crate::world) fn boot_server(&mut self) {
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
        self.unit.begins = None;
        self.unit.job = false;
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
            self.unit.then_job = true;
        }
        Start::Done
    }

    /// It is started `pause` milliseconds after it was stopped, or had failed: by a job that is
    /// queued meanwhile, or by somebody who comes then.
    fn spawn_after(&mut self, pause: u64, job: bool) -> Start {
        if pause == 0 {
            return self.spawn();
        }
        self.unit.begins = Some(self.now + pause);
        self.unit.job = job;
        self.unit_changed();
        Start::Done
    }

    /// `systemctl reset-failed`, and `systemctl start`. Says what came of it as far as that is
    /// known at once, and when that is begun.
    pub fn reset_and_start(&mut self) -> (Start, u64) {
        self.reset_failed();
        let pause = self.up_to(self.server.executing);
        if self.unit.active != Active::Inactive || pause == 0 {
            return (self.start_unit(), self.now);
        }
        if self.unit.load != Load::Loaded || !self.disk.mounted {
            return (Start::Refused, self.now);
        }
        self.unit.restarts = 0;
        (self.spawn_after(pause, false), self.now + pause)
    }

    /// `systemctl stop`, and `systemctl start` by somebody who does something in between.
    pub fn stop_and_start(&mut self) {
        self.restart_unit();
        self.unit.then_job = false;
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
        self.unit.begins = None;
        self.unit.job = false;
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
            self.unit.then_job = true;
            self.unit_changed();
            return (Start::Done, self.unit.stopped.unwrap_or(self.now));
        }
        self.unit.restarts = 0;
        (self.spawn(), self.now)
    }

    fn begin_to_stop(&mut self) {
        // A process that is stopped by a signal is continued by systemd, and ends.
        let takes = if self.server.deaf {
            KILLED_AFTER
        } else {
            let (least, most) = self.server.stopping;
            least + self.up_to(most - least)
        };
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

    pub(in crate::world) fn next_of_unit(&self) -> Option<u64> {
        let Unit { again, begins, stopped, .. } = self.unit;
        [again, begins, stopped].into_iter().flatten().min()
    }

    pub(in crate::world) fn step_unit(&mut self) {
        if come(&mut self.unit.stopped, self.now) {
            self.end_server();
            self.unit.active = Active::Inactive;
            self.unit.result = "success";
            self.unit_changed();
            self.leave();
            if std::mem::take(&mut self.unit.then_start) && self.disk.mounted {
                self.unit.restarts = 0;
                let job = self.unit.then_job;
                let most = self.server.executing * if job { 1 } else { BY_HAND };
                let pause = self.up_to(most);
                self.spawn_after(pause, job);
            } else {
                self.unit.hammered = false;
            }
        }
        if come(&mut self.unit.begins, self.now) && self.unit.active == Active::Inactive {
            if self.unit.load == Load::Loaded && self.disk.mounted {
                self.spawn();
            }
            self.unit.job = false;
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
