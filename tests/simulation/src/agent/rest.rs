//! Turns in which nothing is decided. Where all that is judged is what was judged before, and
//! nothing is waited for but a time that has not come, the engine would say what it has said: it is
//! not asked, and histories are played faster. It is told what it has missed before it is told
//! anything else.

use saigak_agent::core::Moment;

use super::Agent;
use crate::guest::{Guest, News};
use crate::mind::Mind;
use crate::watch::RECOVERED;

/// At least so often it is asked all the same, in milliseconds: sooner than anything ends that
/// [`News::Nothing`] takes for the same, and late enough to cost nothing.
const ASKED: u64 = 1_200_000;

/// What is known of the engine's last decision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest {
    /// When anything was last judged, or came about, that was not so before.
    changed: u64,
    /// When it decided last.
    decided: u64,
    /// When it may decide otherwise though nothing changes.
    pub(super) wakes: u64,
    /// Whether it waits for that time, or for a change, and for nothing else.
    waits: bool,
    /// When it would have been told last, had that been any news.
    missed: Option<Moment>,
}

impl Rest {
    pub(super) fn since(now: u64) -> Self {
        Self { changed: now, decided: now, wakes: u64::MAX, waits: false, missed: None }
    }

    /// Something has come about that the engine knows of.
    pub(super) fn ends(&mut self, now: u64) {
        (self.changed, self.waits) = (now, false);
    }

    pub(super) fn decided(&mut self, now: u64, wakes: u64, waits: bool) {
        (self.decided, self.wakes, self.waits) = (now, wakes, waits);
    }

    /// Whether nothing can be decided at `now`. What recovers has done so by the last decision.
    fn lasts(&self, now: u64) -> bool {
        let since = self.decided.saturating_sub(self.changed);
        self.waits && since >= RECOVERED && now < self.wakes && now - self.decided < ASKED
    }
}

impl<M: Mind> Agent<M> {
    /// Whether this turn can be left out, in which there was that news.
    pub(super) fn rests(&mut self, guest: &Guest, news: News, moment: Moment) -> bool {
        let now = guest.world.now;
        if news == News::Nothing && self.mind.rests() && self.rest.lasts(now) {
            self.rest.missed = Some(moment);
            return true;
        }
        self.catch_up(guest);
        if news == News::Words {
            self.rest.changed = now;
        }
        false
    }

    /// Tells the engine what it has missed.
    pub(super) fn catch_up(&mut self, guest: &Guest) {
        if let Some(then) = self.rest.missed.take() {
            self.mind.tell_before(guest, &mut self.engine, then);
        }
    }
}
