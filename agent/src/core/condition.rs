//! Conditions, their reasons, and judgements about them. Kubernetes' API conventions:
//! positive polarity, `Unknown` until observed, one CamelCase reason.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Rung;
use super::foreign::tame;

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// It holds.
    True,
    /// It was seen not to hold.
    False,
    /// It could not be observed. Never starts a repair.
    Unknown,
}

impl Status {
    /// The word that Kubernetes uses.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What a condition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The guest is ready only while it holds.
    Required,
    /// The guest is not ready while it is `False`. That it is not known keeps nothing from being
    /// ready.
    Veto,
    /// Repairs wait for it, readiness does not.
    Gate,
    /// For people only.
    Advisory,
}

impl Role {
    /// Whether readiness hangs on it.
    #[must_use]
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Required | Self::Veto)
    }

    /// The role's word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Veto => "veto",
            Self::Gate => "gate",
            Self::Advisory => "advisory",
        }
    }
}

/// A condition as a concern declares it.
#[derive(Debug)]
pub struct Condition {
    /// CamelCase type.
    pub name: &'static str,
    /// The concern that judges it.
    pub concern: &'static str,
    /// What it is for.
    pub role: Role,
    /// Conditions that must be `True` for this one to be observable. Otherwise it is
    /// `Unknown` with reason `Blocked`.
    pub needs: &'static [&'static str],
    /// Conditions that, while `False`, are the cause of this one being `False`: they are
    /// named instead of it, and repaired first.
    pub explained_by: &'static [&'static str],
    /// How long it may be `Unknown` before a ready guest stops being ready for it.
    pub grace: Duration,
}

/// Why a condition has its status, and what follows.
#[derive(Debug)]
pub struct Reason<R: 'static> {
    /// CamelCase.
    pub name: &'static str,
    /// The status that it stands for.
    pub status: Status,
    /// How long it must have lasted before the first remedy, and be seen again after that:
    /// what heals by itself within that time needs none. Zero: seen once is enough.
    pub patience: Duration,
    /// The remedies, smallest first. Empty: a person must act, or nothing has to be done.
    pub ladder: &'static [Rung<R>],
    /// What a person can do once the ladder is at its end. Printable ASCII.
    pub advice: &'static str,
    /// It passes by itself: something is under way.
    pub passes: bool,
    /// What it explains cannot be mended before it is: it is the cause, and nothing else is
    /// tried, also where only a person can mend it.
    pub decisive: bool,
}

impl<R> Reason<R> {
    /// The condition holds.
    #[must_use]
    pub const fn good(name: &'static str) -> Self {
        Self::plain(name, Status::True, "")
    }

    /// The condition could not be observed.
    #[must_use]
    pub const fn unknown(name: &'static str, advice: &'static str) -> Self {
        Self::plain(name, Status::Unknown, advice)
    }

    /// The condition does not hold and no remedy exists: a person must act.
    #[must_use]
    pub const fn fault(name: &'static str, advice: &'static str) -> Self {
        Self::plain(name, Status::False, advice)
    }

    /// The condition does not hold yet: something is under way, and is waited for.
    #[must_use]
    pub const fn passing(name: &'static str, what: &'static str) -> Self {
        Self { passes: true, ..Self::plain(name, Status::False, what) }
    }

    const fn plain(name: &'static str, status: Status, advice: &'static str) -> Self {
        let patience = Duration::ZERO;
        Self { name, status, patience, ladder: &[], advice, passes: false, decisive: false }
    }

    /// The same fault, without whose end nothing that it explains can be mended.
    #[must_use]
    pub const fn decisive(self) -> Self {
        Self { decisive: true, ..self }
    }

    /// The same fault with remedies, the first of them after `patience_ms` milliseconds.
    #[must_use]
    pub const fn mended_by(self, patience_ms: u64, ladder: &'static [Rung<R>]) -> Self {
        Self { patience: Duration::from_millis(patience_ms), ladder, ..self }
    }
}

/// What one look says about one condition.
#[derive(Debug, Clone)]
pub struct Judgement<R: 'static> {
    /// The condition's name.
    pub condition: &'static str,
    /// Why.
    pub reason: &'static Reason<R>,
    /// The particulars, for a person.
    pub message: String,
    /// Uptime until which a `True` counts without being judged anew. `None`: until then.
    pub expires: Option<Duration>,
    /// Uptime at which the look began that it rests on. `None`: now.
    pub seen_at: Option<Duration>,
}

impl<R> Judgement<R> {
    /// A judgement that holds until the next one. The message may be anybody's words.
    pub fn new(
        condition: &'static Condition,
        reason: &'static Reason<R>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            condition: condition.name,
            reason,
            message: tame(message),
            expires: None,
            seen_at: None,
        }
    }

    /// The same, resting on a look that began at `uptime`.
    #[must_use]
    pub fn seen(self, uptime: Duration) -> Self {
        Self { seen_at: Some(uptime), ..self }
    }

    /// The same, valid only until `uptime`.
    #[must_use]
    pub fn until(self, uptime: Duration) -> Self {
        Self { expires: Some(uptime), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_on_its_line_and_is_no_longer_than_is_read() {
        const CONDITION: Condition = Condition {
            name: "X",
            concern: "x",
            role: Role::Required,
            needs: &[],
            explained_by: &[],
            grace: Duration::ZERO,
        };
        const REASON: Reason<u8> = Reason::fault("Y", "z");
        let message = |said: String| Judgement::new(&CONDITION, &REASON, said).message;
        assert_eq!(message("no\n\u{1b}[2Jwhere".into()), "no  [2Jwhere");
        assert_eq!(message("x".repeat(15 << 20)), "x".repeat(500));
    }
}
