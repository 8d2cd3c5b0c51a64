//! Sleep: the whole guest is suspended. Its processes stand still and so does the monotonic clock,
//! by which they and systemd wait; the boot clock and everything outside of it go on.

use super::{CloudInit, World};

impl World {
    /// The guest sleeps for `time` milliseconds, and wakes.
    pub fn sleep(&mut self, time: u64) {
        self.now += time;
        self.asleep += time;
        // Nobody was served meanwhile.
        self.failed = self.now;
        self.server.sleep(time);
        self.unit.sleep(time);
        self.gpu.sleep(time);
        if let CloudInit::Runs { writes, ends, .. } = &mut self.cloud_init {
            *writes += time;
            if let Some(ends) = ends {
                *ends += time;
            }
        }
    }
}
