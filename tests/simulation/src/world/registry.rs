//! Where models come from, and how that may answer otherwise from one moment to the next.

use super::World;
use super::disk::MODEL;

/// The registry.
#[derive(Debug, Clone)]
pub struct Registry {
    /// It does not answer, or with an error: a pull ends at once.
    pub away: bool,
    /// It answers and sends nothing more: a pull stands still.
    pub silent: bool,
    /// It gives other bytes than it promises.
    pub garbles: bool,
    /// The same until then, and no longer.
    garbles_until: u64,
    /// It refuses whoever asks until then.
    refuses_until: u64,
    /// How long a whole pull takes.
    pub takes: u64,
    /// How many bytes the model has there.
    pub bytes: u64,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            away: false,
            silent: false,
            garbles: false,
            garbles_until: 0,
            refuses_until: 0,
            takes: 20_000,
            bytes: MODEL,
        }
    }
}

/// How it answers otherwise, while a pull may be on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The tag means another model by now, and the weights that it meant are gone: who pulls them
    /// is told so, and what has come of them is of no use.
    TagMoves,
    /// It gives other bytes than it promises: their digest is refused.
    Garbles,
    /// It refuses whoever asks, and whoever is being served: 401, 429 or 500.
    Refuses,
}

impl World {
    /// The registry turns, for `time` milliseconds; a tag that has moved stays where it is.
    pub fn registry_turns(&mut self, turn: Turn, time: u64) {
        let until = self.now + time;
        match turn {
            Turn::TagMoves => {
                self.pull = None;
                self.models.part = 0;
            }
            Turn::Garbles => self.registry.garbles_until = until,
            Turn::Refuses => {
                self.registry.refuses_until = until;
                self.cut_pull();
            }
        }
    }

    /// It answers again as it has always done.
    pub fn registry_turns_back(&mut self) {
        self.registry.garbles_until = self.now;
        self.registry.refuses_until = self.now;
    }

    /// Whether it gives anybody anything.
    pub(super) fn registry_serves(&self) -> bool {
        !self.registry.away && !self.dns_dead && self.now >= self.registry.refuses_until
    }

    /// Whether it gives other bytes than it promises.
    pub(super) fn registry_garbles(&self) -> bool {
        self.registry.garbles || self.now < self.registry.garbles_until
    }
}
