//! The saves of the ledger that nobody waits for.

/// Which of them run and wait. One that hangs must not have others queue up behind it: the
/// next is begun when it has ended, with what the ledger is then.
#[derive(Debug, Default)]
pub(super) struct Saves {
    running: bool,
    waiting: bool,
}

impl Saves {
    /// Whether one is to begin now; else it waits.
    pub(super) fn begins(&mut self) -> bool {
        self.waiting = self.running;
        !std::mem::replace(&mut self.running, true)
    }

    /// One has ended. Whether another waits.
    pub(super) fn ended(&mut self) -> bool {
        self.running = false;
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saves_that_hang_do_not_pile_up() {
        let mut saves = Saves::default();
        assert!(saves.begins());
        // Two more come while it hangs: one is made of them.
        assert!(!saves.begins() && !saves.begins());
        assert!(saves.ended() && saves.begins());
        assert!(!saves.ended());
        assert!(saves.begins());
    }
}
