//! What a guest that expects a GPU must keep to.

use saigak_agent::core::Remedy as _;
use saigak_agent::guest::{Remedy, concern};
use saigak_agent::ollama;

use super::{Verdict, Watch, broken};
use crate::guest::Guest;

/// For so long an answer of the server counts that its model is on the GPU.
const COUNTS: u64 = 60_000;

/// A GPU that is lost is known to be after this: the driver tells of it by itself, and a probe
/// that hung in it is given up by then.
const KNOWN: u64 = 60_000;

impl Watch {
    /// A model on the CPU embeds correctly, and is not what was promised.
    pub(super) fn never_ready_on_the_cpu(guest: &Guest) -> Verdict {
        let world = &guest.world;
        let past = world.now.saturating_sub(world.placed);
        if past > COUNTS && guest.sees(concern::GPU) && guest.sees(concern::OLLAMA) {
            return broken(guest, "never_ready_on_the_cpu", format!("for {past} ms"));
        }
        Ok(())
    }

    /// The server looks for a GPU once, when it starts: it is restarted for that once, and then
    /// not before the GPU has come back from another trouble.
    pub(super) fn one_restart_for_a_gpu(&mut self, guest: &Guest, remedy: Remedy) -> Verdict {
        let of_gpu = |flying: &&super::Flying| flying.condition == "GpuOffloaded";
        let mut own = self.flying.iter().filter(|flying| flying.remedy == remedy);
        if own.find(of_gpu).is_none() {
            return Ok(());
        }
        let last = self.restarted_for_gpu.replace(guest.world.now);
        if last.is_some_and(|last| guest.world.gpu.changed < last) {
            return broken(guest, "one_restart_for_a_gpu", remedy.name());
        }
        Ok(())
    }

    /// A restart mends no GPU, and killing what uses one has frozen some.
    pub(super) fn a_lost_gpu_is_left_alone(guest: &Guest, remedy: Remedy) -> Verdict {
        let gpu = &guest.world.gpu;
        let since = gpu.changed.max(guest.probed_since());
        let known = gpu.lost && guest.world.now.saturating_sub(since) > KNOWN && !gpu.hangs;
        let disturbs = matches!(remedy, Remedy::Ollama(it) if it != ollama::Remedy::Start);
        if gpu.expected && known && disturbs {
            return broken(guest, "a_lost_gpu_is_left_alone", remedy.name());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Flying;

    #[test]
    fn a_second_restart_counts_unless_the_gpu_was_away_in_between() {
        let remedy = Remedy::Ollama(ollama::Remedy::Restart);
        let of = |condition| Flying { remedy, condition, reason: "StartedBeforeDriver" };
        let mut guest = Guest::new(0, 0).expecting_gpu();
        let mut watch = Watch::default();
        guest.advance(10_000);
        watch.flying.push(of("OllamaServing"));
        for _ in 0..2 {
            assert_eq!(watch.one_restart_for_a_gpu(&guest, remedy), Ok(()));
        }
        watch.flying = vec![of("GpuOffloaded")];
        assert_eq!(watch.one_restart_for_a_gpu(&guest, remedy), Ok(()));
        guest.advance(20_000);
        assert!(watch.one_restart_for_a_gpu(&guest, remedy).is_err());
        guest.world.gpu.changed = 20_000;
        assert_eq!(watch.one_restart_for_a_gpu(&guest, remedy), Ok(()));
    }
}
