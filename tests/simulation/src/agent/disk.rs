//! Where an agent keeps its ledger, and how that gets there.

use saigak_agent::core::Ledger;

use super::Agent;
use crate::guest::Guest;
use crate::mind::Mind;

/// The root disk, as far as the agent keeps its ledger there.
#[derive(Debug, Clone)]
pub struct Disk {
    /// The ledger that was saved last.
    pub ledger: Ledger,
    /// Its file is torn: nobody can read it.
    pub torn: bool,
}

impl Default for Disk {
    fn default() -> Self {
        Self { ledger: Ledger::fresh(), torn: false }
    }
}

impl Disk {
    /// The ledger, as an agent that starts now takes it.
    #[must_use]
    pub fn load(&self, guest: &Guest) -> Ledger {
        let (boot, uptime) = (guest.boot_id(), guest.moment().uptime);
        if self.torn || self.ledger.is_from_the_future(&boot, uptime) {
            return Ledger::closed(&boot, uptime);
        }
        let mut ledger = self.ledger.clone();
        ledger.carry_over(&boot, uptime);
        ledger
    }
}

/// What becomes of saves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Saves {
    /// They take no time.
    #[default]
    Quick,
    /// They take so many milliseconds.
    Slow(u64),
    /// They fail: the root disk is full.
    Fail,
}

/// A ledger on its way to the disk.
pub(super) struct Save {
    pub(super) ends: u64,
    ledger: Ledger,
}

impl<M: Mind> Agent<M> {
    /// Sends the ledger to the disk; says when it will be there.
    pub(super) fn save(&mut self, guest: &Guest, saves: Saves) -> u64 {
        let takes = match saves {
            Saves::Quick => 0,
            Saves::Slow(takes) => takes,
            Saves::Fail => return u64::MAX,
        };
        // One after the other, in their order.
        let before = self.saves.last().map_or(0, |save| save.ends);
        let ends = before.max(guest.world.now) + takes;
        self.saves.push(Save { ends, ledger: self.mind.saved(self.engine.ledger()) });
        ends
    }

    /// How many saves are under way.
    #[must_use]
    pub fn unsaved(&self) -> usize {
        self.saves.len()
    }

    /// The agent is killed, or the power is cut, when `arrived` of its saves have got to the disk.
    /// Each one is written to a file of its own, synced, and takes the place of the one before it
    /// by an exchange of their names: at any instant the old version is there or the new one, and
    /// half of one is only ever in the file that nobody reads.
    pub fn cut_short(&self, arrived: usize, disk: &mut Disk) {
        if let Some(last) = self.saves.iter().take(arrived).next_back() {
            *disk = Disk { ledger: last.ledger.clone(), torn: false };
        }
    }

    pub(super) fn save_what_is_due(&mut self, guest: &Guest, disk: &mut Disk) -> bool {
        let due = self.saves.iter().take_while(|save| save.ends <= guest.world.now).count();
        if let Some(last) = self.saves.drain(..due).next_back() {
            *disk = Disk { ledger: last.ledger, torn: false };
        }
        due > 0
    }
}
