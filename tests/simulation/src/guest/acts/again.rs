//! What is looked at once more before a repair does anything.

use saigak_agent::guest::{Remedy, concern};

use super::super::Guest;

/// What is looked at once more before `remedy` is carried out, in that order.
fn looked_at_before(remedy: Remedy) -> &'static [usize] {
    use concern::{BOOTSTRAP, FIREWALL, OLLAMA, STORAGE};
    match remedy {
        Remedy::Ollama(_) => &[BOOTSTRAP, STORAGE, FIREWALL, OLLAMA],
        Remedy::Model(_) => &[BOOTSTRAP, STORAGE, OLLAMA],
        _ => &[BOOTSTRAP],
    }
}

impl Guest {
    /// Whether one of the looks that are taken before anything is done does not end: then nothing
    /// is, until the repair is given up.
    pub(super) fn waits_for_look(&self, remedy: Remedy) -> bool {
        looked_at_before(remedy).iter().any(|at| self.world.now < self.senses.hang_until[*at])
    }

    /// What is looked at once more before anything is done. Why nothing is to be done any more.
    pub(super) fn looks_again(&mut self, remedy: Remedy) -> Option<String> {
        for concern in looked_at_before(remedy) {
            self.look_now(*concern);
        }
        let asks = matches!(remedy, Remedy::Ollama(_) | Remedy::Model(_));
        let wanted = || self.known().wants(remedy, self.moment().uptime);
        (asks && !wanted()).then(|| "what it would mend is not seen any more".into())
    }
}
