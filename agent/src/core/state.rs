//! One condition as the engine follows it from judgement to judgement.

use std::time::Duration;

use super::episode::Episodes;
use super::graph::{BLOCKED, Block, Seen};
use super::{Condition, ConditionReport, Judgement, Moment, Reason, Role, Status, rfc3339};

/// The reason of a condition that no look has judged yet.
const NOT_OBSERVED: &str = "NotObserved";
/// What is said of it.
const UNTOLD: &str = "the next look will tell";

/// One condition as it is followed.
#[derive(Debug)]
pub(super) struct State<R: 'static> {
    pub(super) condition: &'static Condition,
    pub(super) status: Status,
    pub(super) reason: &'static str,
    pub(super) fault: Option<&'static Reason<R>>,
    pub(super) message: String,
    pub(super) since: Moment,
    pub(super) reason_since: Duration,
    /// When the look began that the reason rests on.
    pub(super) seen_at: Duration,
    pub(super) expires: Option<Duration>,
    /// The status that it was last judged to have, whatever blocks it.
    pub(super) judged: Status,
    pub(super) block: Option<Block>,
    /// While `Unknown` after `True`: until when it still counts as holding.
    pub(super) holds_until: Option<Duration>,
}

impl<R> State<R> {
    /// A condition that nobody has looked at yet.
    pub(super) fn new(condition: &'static Condition, now: Moment) -> Self {
        Self {
            condition,
            status: Status::Unknown,
            reason: NOT_OBSERVED,
            fault: None,
            message: String::new(),
            since: now,
            reason_since: now.uptime,
            seen_at: now.uptime,
            expires: None,
            judged: Status::Unknown,
            block: None,
            holds_until: None,
        }
    }

    /// Whether it counts as holding at `uptime`.
    pub(super) fn holds(&self, uptime: Duration) -> bool {
        match self.status {
            Status::True => self.expires.is_none_or(|expires| uptime < expires),
            Status::False => false,
            Status::Unknown if self.condition.role == Role::Veto => true,
            Status::Unknown => self.holds_until.is_some_and(|until| uptime < until),
        }
    }

    /// What the root cause is found by.
    pub(super) fn seen(&self, uptime: Duration, episodes: &Episodes) -> Seen {
        let mendable = self.fault.is_some_and(|fault| {
            let ends = episodes.is_exhausted(self.condition.name, fault.name);
            fault.passes || fault.decisive || (!fault.ladder.is_empty() && !ends)
        });
        Seen {
            status: self.status,
            blocked: self.block.is_some(),
            holds: self.holds(uptime),
            mendable,
        }
    }

    /// Until when it holds without being seen anew.
    pub(super) fn lasts(&self) -> Option<Duration> {
        match self.status {
            Status::True => self.expires,
            Status::Unknown if self.condition.role == Role::Veto => None,
            _ => self.holds_until,
        }
    }

    /// Follows a judgement; says whether anything that people see has changed.
    pub(super) fn follow(
        &mut self,
        judgement: Option<&Judgement<R>>,
        block: Option<Block>,
        now: Moment,
    ) -> bool {
        let seen_at = judgement.and_then(|judgement| judgement.seen_at);
        let judged = judgement.map_or(Status::Unknown, |judgement| judgement.reason.status);
        let (status, reason, fault, expires) = match (block, judgement) {
            (Some(_), _) => (Status::Unknown, BLOCKED, None, None),
            (None, Some(Judgement { reason, expires, .. })) => {
                (reason.status, reason.name, Some(*reason), *expires)
            }
            (None, None) => (Status::Unknown, NOT_OBSERVED, None, None),
        };
        let said_anew = match (block, judgement) {
            (Some(Block { need, .. }), _) => {
                let same = self.block.is_some_and(|before| before.need == need);
                (!same).then(|| format!("waits for {need}"))
            }
            (None, Some(Judgement { message, .. })) => {
                (*message != self.message).then(|| message.clone())
            }
            (None, None) => (self.message != UNTOLD).then(|| UNTOLD.into()),
        };
        let was_true = self.status == Status::True;
        let graced = now.uptime + self.condition.grace;
        let changed = status != self.status || reason != self.reason || said_anew.is_some();
        self.holds_until = match (status, block) {
            // Blocked, but what was seen of it in spite of that is bad: nothing holds.
            (Status::Unknown, Some(block)) if !block.by_fault && judged != Status::False => {
                was_true.then(|| self.expires.unwrap_or(graced)).or(self.holds_until)
            }
            // What can be looked at and is not known: a proof, say, that a new server still owes.
            (Status::Unknown, None) if !self.condition.grace.is_zero() => {
                let bounded = self.expires.map_or(graced, |expires| expires.min(graced));
                // While it was blocked it may have held for longer than its grace.
                let unknown_since = self.since.uptime + self.condition.grace;
                let held = self.holds_until.map(|until| until.min(unknown_since));
                if was_true { Some(bounded) } else { held }
            }
            _ => None,
        };
        if status != self.status {
            self.since = now;
        }
        if reason != self.reason || status != self.status {
            self.reason_since = now.uptime;
        }
        self.seen_at = seen_at.unwrap_or(now.uptime);
        self.status = status;
        self.reason = reason;
        self.fault = fault;
        if let Some(message) = said_anew {
            self.message = message;
        }
        self.expires = expires;
        self.judged = judged;
        self.block = block;
        changed
    }

    /// As it stands in the report.
    pub(super) fn report(&self) -> ConditionReport {
        ConditionReport {
            r#type: self.condition.name.into(),
            concern: self.condition.concern.into(),
            role: self.condition.role,
            status: self.status,
            reason: self.reason.into(),
            message: self.message.clone(),
            last_transition_time: rfc3339(self.since.wall),
            since: self.since.uptime,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    static VETO: Condition = Condition {
        name: "Veto",
        concern: "test",
        role: Role::Veto,
        needs: &["Need"],
        explained_by: &[],
        grace: Duration::ZERO,
    };
    static GOOD: Reason<()> = Reason::good("Good");

    #[test]
    fn what_is_not_known_of_a_veto_holds_without_an_end() {
        let at = |seconds| Moment { uptime: Duration::from_secs(seconds), wall: UNIX_EPOCH };
        let mut state: State<()> = State::new(&VETO, at(0));
        state.follow(Some(&Judgement::new(&VETO, &GOOD, "")), None, at(1));
        let block = Block { need: "Need", by_fault: false };
        state.follow(None, Some(block), at(2));
        assert_eq!(state.status, Status::Unknown);
        assert!(state.holds(Duration::from_secs(1000)));
        assert_eq!(state.lasts(), None, "a report that rests on it would be stale at once");
    }
}
