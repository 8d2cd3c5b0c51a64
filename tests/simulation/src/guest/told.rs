//! What the agent concludes from what it knows. Most looks bring what the look before them
//! brought: of what is judged by nothing but what was seen, a judgement is made once.

use std::time::Duration;

use saigak_agent::core::Judgement;
use saigak_agent::guest::{Facts, JUDGED, Known, Remedy, Seen, concern};

use super::looks::CONCERNS;
use super::{Guest, Memory};

/// What was seen this long ago is judged anew: it may be too old to count.
const RECENT: Duration = Duration::from_secs(60);

/// What was concluded last.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// By concern.
    judged: [Vec<Judgement<Remedy>>; CONCERNS],
    /// What it was concluded from, of those concerns that are judged by nothing else.
    from: Facts,
}

impl Told {
    /// When the look began that brought the same of `concern` as the judgements at hand rest on.
    /// `None`: they are to be made anew.
    fn same(&mut self, concern: usize, facts: &Facts, uptime: Duration) -> Option<Duration> {
        let from = &mut self.from;
        match concern {
            concern::BOOTSTRAP => same(&mut from.bootstrap, facts.bootstrap.as_ref(), uptime),
            concern::NETWORK => same(&mut from.network, facts.network.as_ref(), uptime),
            concern::STORAGE => same(&mut from.storage, facts.storage.as_ref(), uptime),
            concern::NAMES => same(&mut from.names, facts.names.as_ref(), uptime),
            concern::SYSTEM => same(&mut from.system, facts.system.as_ref(), uptime),
            // They are judged by the time, or by one another.
            _ => None,
        }
    }
}

fn same<T: Clone + PartialEq>(
    before: &mut Option<Seen<T>>,
    now: Option<&Seen<T>>,
    uptime: Duration,
) -> Option<Duration> {
    let now = now.filter(|now| uptime.saturating_sub(now.at) < RECENT);
    match (&before, now) {
        (Some(before), Some(now)) if before.value == now.value => return Some(now.at),
        _ => *before = now.cloned(),
    }
    None
}

impl Guest {
    /// Judges what is known now.
    pub fn judge(&mut self) {
        let uptime = self.moment().uptime;
        let Memory { facts, log, pull, told, .. } = &mut self.memory;
        let known = Known { config: &self.config, facts, pull, proofs: log };
        for concern in JUDGED {
            let same = told.same(concern, facts, uptime);
            let judged = &mut told.judged[concern];
            match same {
                Some(_) => judged.iter_mut().for_each(|judgement| judgement.seen_at = same),
                None => *judged = known.judge_concern(concern, uptime),
            }
        }
    }

    /// What was judged last.
    pub fn told(&self) -> impl Iterator<Item = &Judgement<Remedy>> {
        JUDGED.iter().flat_map(|concern| &self.memory.told.judged[*concern])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    /// What was kept, and what would be said anew, are the same.
    #[test]
    fn what_is_kept_is_what_would_be_said_anew() {
        for seed in 0..60 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut guest = Guest::new(seed, 80);
            let mut kept = 0;
            for _ in 0..200 {
                // At times for so long that what was seen does not count any more.
                let pause = if rng.u32(..40) == 0 { 120_000 } else { 3000 };
                guest.advance(guest.world.now + rng.u64(..pause));
                if rng.u32(..20) == 0 {
                    Fault::ALL[rng.usize(..Fault::ALL.len())].strike(&mut guest.world);
                }
                let look = guest.begin_look(rng.usize(..CONCERNS));
                guest.advance(look.ends);
                guest.end_look(&look);
                guest.judge();
                let uptime = guest.moment().uptime;
                let anew = guest.known().judge(uptime);
                let told: Vec<_> = guest.told().collect();
                assert_eq!(format!("{told:?}"), format!("{anew:?}"), "seed {seed}");
                kept += usize::from(!anew.is_empty());
            }
            assert!(kept > 100);
        }
    }
}
