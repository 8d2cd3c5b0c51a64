//! What the agent waits for is measured on the monotonic clock, which stands still while the guest
//! is suspended.

use saigak_agent::core::slept;

use super::Agent;
use crate::guest::Guest;
use crate::mind::Mind;

impl<M: Mind> Agent<M> {
    /// Tells the engine how long the guest has slept since the last time.
    pub(super) fn notice_sleep(&mut self, guest: &Guest) {
        if let Some(time) = slept(self.asleep, guest.asleep()) {
            self.asleep += time;
            self.catch_up(guest);
            self.rest.ends(guest.world.now);
            if self.mind.sleeps() {
                self.engine.slept(guest.moment(), time);
            }
        }
    }

    /// The guest has slept for `time` milliseconds.
    pub fn sleep(&mut self, time: u64) {
        for begun in self.begun.iter_mut().flatten() {
            *begun += time;
        }
        for due in &mut self.due {
            *due += time;
        }
        for look in &mut self.looks {
            look.ends += time;
        }
        for flight in &mut self.flights {
            let (Ok(saved) | Err(saved)) = &mut flight.saved;
            *saved += time;
            flight.given_up = flight.given_up.saturating_add(time);
            if let Some(act) = &mut flight.act {
                act.sleep(time);
            }
        }
        for save in &mut self.saves {
            save.ends += time;
        }
        for at in [&mut self.wake, &mut self.decides, &mut self.turned] {
            *at += time;
        }
    }
}
