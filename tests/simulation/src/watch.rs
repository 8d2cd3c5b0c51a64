//! What must never happen, whatever does: each rule a function, called at every step.

mod acts;
mod chosen;
mod gpu;
mod ladders;

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

use saigak_agent::core::{Condition, Ledger, Reason, Status};
use saigak_agent::guest::{CONDITIONS, Remedy, concern, declared};

use self::ladders::Try;
use crate::agent::Deed;
use crate::guest::Guest;
use crate::world::PARTS;

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Milliseconds since the history began.
    pub at: u64,
    /// The rule's name.
    pub rule: &'static str,
    /// How it was broken.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} is broken at {:.3} s: {}", self.rule, seconds(self.at), self.what)
    }
}

/// Milliseconds as seconds, for people.
#[must_use]
pub fn seconds(millis: u64) -> f64 {
    std::time::Duration::from_millis(millis).as_secs_f64()
}

/// One condition, as the facts alone have it.
#[derive(Debug, Clone, Copy)]
struct Judged {
    status: Status,
    reason: &'static str,
    /// Since when it has had this reason without a break.
    since: u64,
    /// When the look began that it rests on.
    seen: u64,
    /// Since when it has been `True` without a break.
    held: Option<u64>,
}

/// A repair that was chosen and is not over.
#[derive(Debug, Clone, Copy)]
struct Flying {
    remedy: Remedy,
    condition: &'static str,
    reason: &'static str,
}

const UNSEEN: Judged =
    Judged { status: Status::Unknown, reason: "", since: 0, seen: 0, held: None };

/// Where the needs of each condition stand.
static NEEDS: LazyLock<Vec<Vec<usize>>> = LazyLock::new(|| {
    let needs = |of: &&Condition| of.needs.iter().filter_map(|need| place(need)).collect();
    CONDITIONS.iter().map(needs).collect()
});

/// A condition that has held for so long has recovered.
pub(crate) const RECOVERED: u64 = 10_000;

/// Follows a history and holds it against the rules.
#[derive(Debug, Clone)]
pub struct Watch {
    judged: Vec<Judged>,
    /// Every run of a remedy that began.
    runs: Vec<(u64, Remedy)>,
    flying: Vec<Flying>,
    /// Repairs that have acted for a condition that has not recovered since.
    tries: Vec<Try>,
    /// For each condition whether it has recovered since the last repair for it.
    recovered: Vec<bool>,
    /// Whether the last agent took with it what it had not saved.
    unsaved: bool,
    /// How many milliseconds the guest has slept that its agent does not know of.
    naps: u64,
    /// When the server was last restarted for its GPU's sake.
    restarted_for_gpu: Option<u64>,
    /// Until when a person wants no repairs.
    paused_until: u64,
    /// Each state that the conditions were in as one number, the reasons hashed, and as another
    /// together with the state of the world.
    pub states: Vec<(u64, u64)>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            judged: vec![UNSEEN; CONDITIONS.len()],
            runs: Vec::new(),
            flying: Vec::new(),
            tries: Vec::new(),
            recovered: vec![true; CONDITIONS.len()],
            unsaved: false,
            naps: 0,
            restarted_for_gpu: None,
            paused_until: 0,
            states: Vec::new(),
        }
    }
}

type Verdict = Result<(), Violation>;

fn broken(guest: &Guest, rule: &'static str, what: impl Into<String>) -> Verdict {
    Err(Violation { at: guest.world.now, rule, what: what.into() })
}

/// The reason of that name, as its concern declares it.
#[must_use]
pub fn stated(condition: &str, reason: &str) -> Option<&'static Reason<Remedy>> {
    let (_, reasons) = declared().find(|(of, _)| of.name == condition)?;
    reasons.iter().copied().find(|it| it.name == reason)
}

/// Whether two names are the same: most are where the other is, and need no comparison.
fn same(one: &'static str, other: &'static str) -> bool {
    std::ptr::eq(one, other) || one == other
}

fn place(name: &str) -> Option<usize> {
    CONDITIONS.iter().position(|condition| condition.name == name)
}

impl Watch {
    /// Another agent, which takes over this ledger: what the one before it was about to do is
    /// not its own, and a pause counts as far as it was saved.
    pub fn agent_began(&mut self, guest: &Guest, ledger: &Ledger) {
        self.flying.clear();
        self.naps = 0;
        // Another boot may have mended anything.
        let booted = guest.world.booted;
        self.tries.retain(|it| it.began() > booted);
        self.forget_ends(guest, ledger);
        if self.unsaved {
            self.forget_recoveries(ledger);
        }
        for judged in &mut self.judged {
            *judged = UNSEEN;
        }
        if ledger.pause_at(&guest.boot_id(), guest.moment().uptime).is_none() {
            self.paused_until = 0;
        }
    }

    /// The agent is gone, and has `saved` all that it knew.
    pub fn agent_died(&mut self, saved: bool) {
        self.unsaved = !saved;
    }

    /// A person wants no repairs until then.
    pub fn paused(&mut self, until: u64) {
        self.paused_until = until;
    }

    /// The agent has turned: what the facts say now.
    ///
    /// # Panics
    /// Where judgements do not come in the order of the conditions.
    pub fn look(&mut self, guest: &Guest) {
        let now = guest.world.now;
        let mut told = guest.told().peekable();
        let mut any = false;
        for (at, condition) in CONDITIONS.iter().enumerate() {
            // They come in the order of the conditions; of some there is none.
            let told = told.next_if(|told| same(told.condition, condition.name));
            let (status, reason) =
                told.map_or((Status::Unknown, ""), |told| (told.reason.status, told.reason.name));
            let before = self.judged[at];
            let changed = status != before.status || !same(reason, before.reason);
            any |= changed;
            let since = if changed { now } else { before.since };
            let seen = told.and_then(|told| told.seen_at).map_or(now, |at| {
                guest.world.booted + u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
            });
            self.judged[at] = Judged { status, reason, since, seen, held: before.held };
            // Needs stand before what needs them.
            let needs = NEEDS[at].iter().all(|need| self.judged[*need].held.is_some());
            let holds = status == Status::True && needs;
            let held = holds.then(|| before.held.unwrap_or(now));
            self.judged[at].held = held;
            if held.is_some_and(|held| now - held >= RECOVERED) && !self.recovered[at] {
                self.recovered[at] = true;
                self.forget(condition.name);
            }
        }
        assert!(told.next().is_none(), "judgements in another order than the conditions");
        if any {
            let mut hasher = DefaultHasher::new();
            self.judged.iter().for_each(|judged| judged.reason.hash(&mut hasher));
            let reasons = hasher.finish();
            guest.world.hash_state(&mut hasher);
            self.states.push((reasons, hasher.finish()));
        }
    }

    /// Ready is never a lie: of a guest that is said to be ready, clients could be served no
    /// longer ago than a proof counts for a server that works, G. (S would be the bound of one
    /// that does not; but a proof is work too, and looks cannot always tell it from a client's.)
    /// A proof is asked for from inside: what a client needs besides is seen apart.
    pub fn ready_is_no_lie(guest: &Guest, ready: bool) -> Verdict {
        if !ready {
            return Ok(());
        }
        Self::never_ready_on_the_cpu(guest)?;
        let world = &guest.world;
        let counts = guest.config().proof.grace.as_millis();
        let parts = PARTS.iter().map(|(part, _)| *part).zip(world.last_so);
        // What clients meet on their way is not felt from inside: whoever was lied to of it, or
        // does not see the firewall, may be wrong.
        let blind = !guest.sees(concern::NETWORK) || !guest.sees(concern::FIREWALL);
        let parts = parts.filter(|(part, _)| *part == "embed" || !blind);
        for (part, last) in parts {
            let Some(last) = last else {
                return broken(guest, "ready_is_no_lie", format!("it never could {part}"));
            };
            let past = world.now.saturating_sub(last);
            if u128::from(past) > counts {
                let what = format!("it could last {part} {:.1} s ago", seconds(past));
                return broken(guest, "ready_is_no_lie", what);
            }
        }
        Ok(())
    }

    /// Something was done.
    pub fn deed(&mut self, guest: &Guest, deed: &Deed) -> Verdict {
        match deed {
            Deed::Chosen(remedy, condition, reason) => {
                self.only_what_is_false_is_repaired(guest, *remedy, condition, reason)?;
                self.patience_is_kept(guest, *remedy, condition, reason)?;
                self.one_at_a_time(guest, *remedy)?;
                self.nothing_while_paused(guest, *remedy)?;
                self.grudges_are_forgotten(guest, *remedy, condition, reason)?;
                self.only_what_was_seen_lately_is_repaired(guest, *remedy, condition)?;
                self.effects_are_waited_for(guest, *remedy, condition, reason)?;
                self.ladders_end(guest, *remedy, condition, reason)?;
                Self::no_pull_before_there_is_room(guest, *remedy)?;
                self.flying.push(Flying { remedy: *remedy, condition, reason });
            }
            Deed::Acts(act) => {
                self.tried(guest, act.remedy);
                if !act.touches {
                    return Ok(());
                }
                self.runs.push((guest.world.now, act.remedy));
                self.budgets_hold(guest, act.remedy)?;
                Self::cloud_init_is_waited_for(guest, act.remedy)?;
                Self::no_restart_during_a_pull(guest, act.remedy)?;
                Self::what_serves_is_not_disturbed(guest, act)?;
                Self::no_restart_into_the_start_limit(guest, act)?;
                self.one_restart_for_a_gpu(guest, act.remedy)?;
                Self::a_lost_gpu_is_left_alone(guest, act.remedy)?;
                Self::nothing_without_the_disk(guest, act.remedy)?;
                Self::a_server_that_waits_for_its_disk_is_left_alone(guest, act.remedy)?;
                Self::no_room_is_made_during_a_pull(guest, act.remedy)?;
                Self::nothing_is_pulled_in_vain(guest, act.remedy)?;
            }
            Deed::Over(remedy, outcome) => {
                if let Some(at) = self.flying.iter().position(|it| it.remedy == *remedy) {
                    self.flying.remove(at);
                }
                self.over(guest, *remedy, outcome);
            }
        }
        Ok(())
    }

    /// The first at the root of what the condition at `at` needs that does not hold.
    fn blocked_by(&self, at: usize) -> Option<&'static str> {
        NEEDS[at].iter().find_map(|need| {
            let holds = self.judged[*need].status == Status::True;
            if holds { self.blocked_by(*need) } else { Some(CONDITIONS[*need].name) }
        })
    }
}
