//! What the agent concludes from what it knows. Most looks bring what the look before them
//! brought: of what is judged by nothing but what was seen, a judgement is made once.

use std::time::Duration;

use saigak_agent::core::{Condition, Judgement, Status};
use saigak_agent::guest::{Facts, JUDGED, Known, Remedy, Seen, concern};
use saigak_agent::model::PullState;
use saigak_agent::ollama;

use super::looks::CONCERNS;
use super::{Guest, Memory};

/// What was seen this long ago is judged anew: it may be too old to count, as it is after 90 s.
const RECENT: Duration = Duration::from_secs(85);

/// How what is said differs from what was said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// In nothing but when it was seen, and in what holds for long anyway, for longer.
    Nothing,
    /// In nothing but until when it holds.
    Expiry,
    /// In what it says.
    Words,
}

/// What holds for at least so long is that of which nobody asks when it will end.
const LONG: Duration = Duration::from_mins(40);

/// What was concluded last.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// By concern.
    judged: [Vec<Judgement<Remedy>>; CONCERNS],
    /// What was concluded before, where it was concluded anew.
    before: [Option<Vec<Judgement<Remedy>>>; CONCERNS],
    /// What it was concluded from, of those concerns that are judged by nothing else.
    from: Facts,
    /// When the look at the server began that the judgements at hand rest on.
    served: Option<Duration>,
    /// When what is said of GPUs was said last, where none is expected.
    none_expected: Duration,
}

impl Told {
    /// When the look began that brought the same of `concern` as the judgements at hand rest on.
    /// `None`: they are to be made anew.
    fn same(
        &mut self,
        concern: usize,
        Known { config, facts, pull, .. }: Known<'_>,
        uptime: Duration,
    ) -> Option<Duration> {
        match concern {
            concern::OLLAMA => return self.same_server(facts, uptime),
            concern::GPU if config.gpu.expected == 0 => {
                return self.same_without_gpu(facts, uptime);
            }
            _ => {}
        }
        let from = &mut self.from;
        match concern {
            concern::BOOTSTRAP => same(&mut from.bootstrap, facts.bootstrap.as_ref(), uptime),
            concern::NETWORK => same(&mut from.network, facts.network.as_ref(), uptime),
            concern::STORAGE => same(&mut from.storage, facts.storage.as_ref(), uptime),
            concern::NAMES => same(&mut from.names, facts.names.as_ref(), uptime),
            concern::SYSTEM => same(&mut from.system, facts.system.as_ref(), uptime),
            concern::MODEL if *pull == PullState::Idle => {
                same(&mut from.model, facts.model.as_ref(), uptime)
            }
            // They are judged by the time, or by one another.
            _ => None,
        }
    }
}

impl Told {
    /// The same of the server: it runs and answers, and who looked at it since has seen the same,
    /// but for what it has worked meanwhile. Time alone changes nothing of what is said of such a
    /// one, and the firewall's looks have brought what they did.
    fn same_server(&mut self, facts: &Facts, uptime: Duration) -> Option<Duration> {
        let seen = facts.ollama.as_ref().filter(|seen| is_recent(seen, uptime));
        let firewall = same(&mut self.from.firewall, facts.firewall.as_ref(), uptime).is_some();
        let holds = |of: &Condition| {
            let told = self.judged[concern::OLLAMA].iter().find(|it| it.condition == of.name);
            told.is_some_and(|it| it.reason.status == Status::True)
        };
        let good = holds(&ollama::OLLAMA_RUNNING) && holds(&ollama::OLLAMA_SERVING);
        let looked = std::mem::replace(&mut self.served, seen.map(|seen| seen.at)) != self.served;
        let same = match (&mut self.from.ollama, seen) {
            (Some(before), Some(now)) if looked => serves_alike(&mut before.value, &now.value),
            (_, now) => now.is_some() && !looked,
        };
        if good && same && firewall {
            return self.served;
        }
        // What is said of any other is judged anew anyway.
        self.from.ollama = seen.filter(|_| good).cloned();
        None
    }

    /// The same where no GPU is expected, and so nobody looks for one: it holds for longer.
    fn same_without_gpu(&mut self, facts: &Facts, uptime: Duration) -> Option<Duration> {
        // Another boot begins anew.
        let past = uptime.checked_sub(std::mem::replace(&mut self.none_expected, uptime))?;
        let judged = &mut self.judged[concern::GPU];
        judged.iter_mut().filter_map(|it| it.expires.as_mut()).for_each(|it| *it += past);
        (!judged.is_empty() && facts.gpu.is_none()).then_some(uptime)
    }
}

/// Whether two looks at a server have seen the same, but for what it has worked between them,
/// which `before` takes over.
fn serves_alike(before: &mut ollama::Facts, now: &ollama::Facts) -> bool {
    before.progress = now.progress;
    if let (Ok(before), Ok(now)) = (&mut before.unit, &now.unit) {
        before.cpu = now.cpu;
    }
    before == now
}

fn is_recent<T>(seen: &Seen<T>, uptime: Duration) -> bool {
    uptime.saturating_sub(seen.at) < RECENT
}

fn same<T: Clone + PartialEq>(
    before: &mut Option<Seen<T>>,
    now: Option<&Seen<T>>,
    uptime: Duration,
) -> Option<Duration> {
    let now = now.filter(|now| is_recent(now, uptime));
    match (&before, now) {
        (Some(before), Some(now)) if before.value == now.value => return Some(now.at),
        _ => *before = now.cloned(),
    }
    None
}

/// How `now` differs from `before`, at `uptime`.
fn news(before: &[Judgement<Remedy>], now: &[Judgement<Remedy>], uptime: Duration) -> News {
    let says = |(before, now): (&Judgement<Remedy>, &Judgement<Remedy>)| {
        before.condition == now.condition
            && std::ptr::eq(before.reason, now.reason)
            && before.message == now.message
    };
    let is_long = |until: Option<Duration>| until.is_some_and(|until| until > uptime + LONG);
    let holds = |(before, now): (&Judgement<Remedy>, &Judgement<Remedy>)| {
        before.expires == now.expires || (is_long(before.expires) && is_long(now.expires))
    };
    let pairs = || before.iter().zip(now);
    if before.len() != now.len() || !pairs().all(says) {
        News::Words
    } else if pairs().all(holds) {
        News::Nothing
    } else {
        News::Expiry
    }
}

impl Guest {
    /// Judges what is known now; says how that differs from what was known before.
    pub fn judge(&mut self) -> News {
        let mut all = News::Nothing;
        let uptime = self.moment().uptime;
        let Memory { facts, log, pull, told, .. } = &mut self.memory;
        let known = Known { config: &self.config, facts, pull, proofs: log };
        for concern in JUDGED {
            let same = told.same(concern, known, uptime);
            let judged = &mut told.judged[concern];
            told.before[concern] = None;
            if same.is_some() {
                // Some rest on no look.
                let seen = judged.iter_mut().filter(|judgement| judgement.seen_at.is_some());
                seen.for_each(|judgement| judgement.seen_at = same);
            } else {
                let before = std::mem::replace(judged, known.judge_concern(concern, uptime));
                all = all.max(news(&before, judged, uptime));
                told.before[concern] = Some(before);
            }
        }
        all
    }

    /// What was judged before that.
    pub fn told_before(&self) -> impl Iterator<Item = &Judgement<Remedy>> {
        let Told { judged, before, .. } = &self.memory.told;
        JUDGED.iter().flat_map(|concern| before[*concern].as_ref().unwrap_or(&judged[*concern]))
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
