//! Where on its ladder a fault stands. An episode lasts from the first remedy until the
//! condition has held for a while; only then is forgotten what did not help.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Rung;
use super::budget::millis;

/// How long a condition must hold for its episode to be over: longer than the pause between
/// two crashes of a server that systemd starts again after three seconds.
pub(super) const RECOVERED_AFTER: Duration = Duration::from_secs(10);

/// How long a ladder rests once its last rung did not help, before it is climbed anew. It
/// doubles up to a day: a fault that only a person can mend is not hammered at, and one that
/// passed unseen is not left for ever.
const REST: Duration = Duration::from_secs(3600);
pub(super) const REST_CAP: Duration = Duration::from_secs(24 * 3600);

/// The place on one ladder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    rung: usize,
    tries: u32,
    not_before: Duration,
    rests: u32,
    exhausted: bool,
    refusals: u32,
    refused: bool,
}

/// What the ladder says next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Do this rung now.
    Do(usize),
    /// Wait for the effect of the last try until this uptime.
    Wait(Duration),
    /// All rungs were tried in vain; the next climb begins at this uptime.
    Rest(Duration),
}

impl Place {
    /// What to do at `uptime` on a ladder whose fault is still there.
    pub(super) fn step<R>(&mut self, ladder: &[Rung<R>], uptime: Duration) -> Step {
        if uptime < self.not_before {
            return if self.exhausted {
                Step::Rest(self.not_before)
            } else {
                Step::Wait(self.not_before)
            };
        }
        self.exhausted = false;
        while let Some(rung) = ladder.get(self.rung) {
            if self.tries < rung.tries {
                return Step::Do(self.rung);
            }
            self.rung += 1;
            self.tries = 0;
        }
        let rest = REST.saturating_mul(1 << self.rests.min(8)).min(REST_CAP);
        *self = Self {
            not_before: uptime + rest,
            rests: self.rests.saturating_add(1),
            exhausted: true,
            ..Self::default()
        };
        Step::Rest(self.not_before)
    }

    /// Counts a try of the current rung, which may take until `deadline`.
    pub(super) fn tried<R>(&mut self, ladder: &[Rung<R>], deadline: Duration) {
        self.tries = self.tries.saturating_add(1);
        self.refused = false;
        self.settle(ladder, deadline, 0.0);
    }

    /// The try was refused: nothing was done, so it does not count. It is made again after a
    /// wait that grows with each refusal.
    pub(super) fn refused<R>(&mut self, ladder: &[Rung<R>], uptime: Duration) {
        self.tries = self.tries.saturating_sub(1);
        self.refusals = self.refusals.saturating_add(1);
        self.refused = true;
        if let Some(rung) = ladder.get(self.rung) {
            self.not_before = uptime + rung.settle_after(self.refusals);
        }
    }

    /// Uptime before which nothing is tried.
    pub(super) fn not_before(&self) -> Duration {
        self.not_before
    }

    /// Whether the last try was refused.
    pub(super) fn was_refused(&self) -> bool {
        self.refused
    }

    /// Whether all rungs were tried in vain.
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Whether anything has been tried.
    fn climbed(&self) -> bool {
        self.rung > 0 || self.tries > 0 || self.rests > 0
    }

    /// The try ended at `uptime`; its effect is waited for from then on. `spread` (0 to 1)
    /// lengthens the wait by up to a quarter, so that many guests that wait for the same
    /// thing do not come at once.
    pub(super) fn settle<R>(&mut self, ladder: &[Rung<R>], uptime: Duration, spread: f64) {
        if let Some(rung) = ladder.get(self.rung) {
            let settle = rung.settle_after(self.tries);
            self.not_before = uptime + settle + settle.mul_f64(spread.clamp(0.0, 1.0) / 4.0);
        }
    }
}

/// The places of all faults of all conditions.
#[derive(Debug, Default)]
pub(super) struct Episodes {
    // A handful: those that are not over.
    places: Vec<(String, String, Place)>,
}

impl Episodes {
    /// The place on the ladder of `reason` of `condition`.
    pub(super) fn place(&mut self, condition: &str, reason: &str) -> &mut Place {
        let known = self.places.iter().position(|(c, r, _)| c == condition && r == reason);
        let at = known.unwrap_or_else(|| {
            self.places.push((condition.into(), reason.into(), Place::default()));
            self.places.len() - 1
        });
        &mut self.places[at].2
    }

    /// The guest has slept for `time`, in which no effect can have come. A rest goes by all time.
    pub(super) fn slept(&mut self, time: Duration) {
        for (.., place) in self.places.iter_mut().filter(|(.., place)| !place.exhausted) {
            place.not_before += time;
        }
    }

    /// Whether the ladder of `reason` of `condition` is at its end.
    pub(super) fn is_exhausted(&self, condition: &str, reason: &str) -> bool {
        self.places
            .iter()
            .any(|(c, r, place)| c == condition && r == reason && place.is_exhausted())
    }

    /// The condition has recovered: what did not help is forgotten. Says whether anything did
    /// not.
    pub(super) fn forget(&mut self, condition: &str) -> bool {
        let climbed = self.places.iter().any(|(of, _, place)| of == condition && place.climbed());
        self.places.retain(|(of, ..)| of != condition);
        climbed
    }

    /// What a new agent must know of them. `begun` tells when a repair began that is still
    /// under way: nobody will say how it ended, so nothing is waited for.
    pub(super) fn climbs(&self, begun: impl Fn(&str, &str) -> Option<Duration>) -> Vec<Climb> {
        self.places
            .iter()
            .filter(|(.., place)| place.climbed())
            .map(|(condition, reason, place)| {
                let not_before = begun(condition, reason).unwrap_or(place.not_before);
                Climb {
                    condition: condition.clone(),
                    reason: reason.clone(),
                    rung: place.rung,
                    tries: place.tries,
                    rests: place.rests,
                    exhausted: place.exhausted,
                    not_before_ms: millis(not_before),
                }
            })
            .collect()
    }

    /// The episodes that an earlier agent of this boot left, at `uptime`. No wait is longer than
    /// the longest rest, whatever the file says.
    pub(super) fn of(climbs: &[Climb], uptime: Duration) -> Self {
        let place = |climb: &Climb| Place {
            rung: climb.rung,
            tries: climb.tries,
            not_before: Duration::from_millis(climb.not_before_ms).min(uptime + REST_CAP),
            rests: climb.rests,
            exhausted: climb.exhausted,
            ..Place::default()
        };
        let known = |climb: &Climb| (climb.condition.clone(), climb.reason.clone(), place(climb));
        Self { places: climbs.iter().map(known).collect() }
    }
}

/// The ladders that are being climbed, as they outlive the agent: one that is started anew must
/// not begin at the first rung again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Climbs {
    /// The boot that the uptimes are of; another one may have mended anything.
    pub boot_id: String,
    /// The agent whose ladders these are; another one may have others.
    pub version: String,
    /// How long the guest had been suspended by then, in milliseconds: no wait passes meanwhile.
    #[serde(default)]
    pub asleep_ms: u64,
    /// One for each ladder.
    pub climbs: Vec<Climb>,
}

/// How far one ladder has been climbed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Climb {
    /// The condition.
    pub condition: String,
    /// Its reason, whose ladder it is.
    pub reason: String,
    /// The rung, from 0.
    pub rung: usize,
    /// Tries of that rung so far.
    pub tries: u32,
    /// How often the ladder was climbed in vain.
    pub rests: u32,
    /// Whether it rests now.
    pub exhausted: bool,
    /// Uptime before which nothing is tried, in milliseconds.
    pub not_before_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LADDER: &[Rung<u8>] = &[Rung::new(1, 2, 10), Rung::new(2, 1, 5)];

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn rungs_are_climbed_in_order_with_growing_waits_and_then_rest() {
        let mut place = Place::default();
        assert_eq!(place.step(LADDER, at(0)), Step::Do(0));
        place.tried(LADDER, at(0));
        assert_eq!(place.step(LADDER, at(9)), Step::Wait(at(10)));
        assert_eq!(place.step(LADDER, at(10)), Step::Do(0));
        place.tried(LADDER, at(10));
        assert_eq!(place.step(LADDER, at(29)), Step::Wait(at(30)));
        assert_eq!(place.step(LADDER, at(30)), Step::Do(1));
        place.tried(LADDER, at(30));
        assert_eq!(place.step(LADDER, at(35)), Step::Rest(at(35 + 3600)));
        assert_eq!(place.step(LADDER, at(36)), Step::Rest(at(35 + 3600)));
        assert_eq!(place.step(LADDER, at(35 + 3600)), Step::Do(0));
    }

    #[test]
    fn rests_double_up_to_a_day() {
        let mut place = Place::default();
        let mut now = at(0);
        let mut rests = Vec::new();
        while rests.len() < 8 {
            match place.step(LADDER, now) {
                Step::Do(_) => place.tried(LADDER, now),
                Step::Wait(until) => now = until,
                Step::Rest(until) => {
                    rests.push(until.saturating_sub(now).as_secs() / 3600);
                    now = until;
                }
            }
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 24, 24, 24]);
    }

    #[test]
    fn a_rung_without_end_backs_off_to_its_cap() {
        const FOREVER: &[Rung<u8>] = &[Rung::forever(1, 5, 300)];
        let mut place = Place::default();
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..10 {
            assert_eq!(place.step(FOREVER, now), Step::Do(0));
            place.tried(FOREVER, now);
            let Step::Wait(until) = place.step(FOREVER, now) else { panic!("no wait") };
            waits.push(until.saturating_sub(now).as_secs());
            now = until;
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300, 300]);
    }

    #[test]
    fn a_refusal_costs_no_try_and_is_not_repeated_at_once() {
        let mut place = Place::default();
        for refusal in 0..20_u32 {
            let now = at(1000 * u64::from(refusal));
            assert_eq!(place.step(LADDER, now), Step::Do(0));
            place.tried(LADDER, now);
            place.refused(LADDER, now);
            let wait = 10 << refusal.min(3);
            assert_eq!(place.step(LADDER, now), Step::Wait(now + at(wait)));
        }
    }

    #[test]
    fn recovery_forgets_one_condition_only() {
        let mut episodes = Episodes::default();
        episodes.place("A", "x").tried(LADDER, at(0));
        episodes.place("B", "x").tried(LADDER, at(0));
        assert!(episodes.forget("A"));
        assert!(!episodes.forget("A"));
        assert_eq!(*episodes.place("A", "x"), Place::default());
        assert_ne!(*episodes.place("B", "x"), Place::default());
    }

    #[test]
    fn a_new_agent_goes_on_where_the_old_one_was() {
        let mut episodes = Episodes::default();
        episodes.place("A", "x").tried(LADDER, at(40));
        episodes.place("B", "x").tried(LADDER, at(40));
        let flying = |condition: &str, _: &str| (condition == "B").then_some(at(7));
        let mut known = Episodes::of(&episodes.climbs(flying), at(8));
        assert_eq!(known.place("A", "x").step(LADDER, at(8)), Step::Wait(at(50)));
        // Its repair was cut off: it is tried again at once, but the try counts.
        assert_eq!(known.place("B", "x").step(LADDER, at(8)), Step::Do(0));
        known.place("B", "x").tried(LADDER, at(8));
        assert_eq!(known.place("B", "x").step(LADDER, at(100)), Step::Do(1));
        assert!(Episodes::default().climbs(|_, _| None).is_empty());
        let mut absurd = episodes.climbs(|_, _| None);
        for climb in &mut absurd {
            climb.not_before_ms = u64::MAX;
        }
        let place = *Episodes::of(&absurd, at(8)).place("A", "x");
        assert_eq!(place.not_before, at(8) + REST_CAP);
    }
}
