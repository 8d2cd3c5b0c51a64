//! What hangs on what: a condition whose needs are not met is `Blocked`, so that one cause
//! makes one line.

use super::{Condition, Status};

/// The reason of a condition that waits for another.
pub(super) const BLOCKED: &str = "Blocked";

/// What blocks a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// The need that is not met.
    pub(super) need: &'static str,
    /// Whether the condition at the root of it is `False`, not merely `Unknown`.
    pub(super) by_fault: bool,
}

/// For each condition what blocks it, if anything. `conditions` stand in an order in which
/// needs come first (see [`check_order`]); a condition that is blocked blocks in turn.
pub(super) fn blocked_by(
    conditions: &[&Condition],
    status_of: impl Fn(&str) -> Status,
) -> Vec<Option<Block>> {
    let mut blocks: Vec<Option<Block>> = Vec::with_capacity(conditions.len());
    for condition in conditions {
        let found = condition.needs.iter().copied().filter_map(|need| {
            let above = conditions
                .iter()
                .zip(&blocks)
                .find_map(|(other, block)| block.filter(|_| other.name == need));
            match (above, status_of(need)) {
                (Some(above), _) => Some(Block { need, by_fault: above.by_fault }),
                (None, Status::True) => None,
                (None, status) => Some(Block { need, by_fault: status == Status::False }),
            }
        });
        // A fault says more than what is merely not known.
        let block = found.reduce(|first, other| if first.by_fault { first } else { other });
        blocks.push(block);
    }
    blocks
}

/// The position of the condition to name when the guest is not ready: the first required one
/// that is `False`, or what explains it; else the first that is `Unknown` by itself; else any
/// that does not hold.
pub(super) fn root_cause(conditions: &[&Condition], states: &[Seen]) -> Option<usize> {
    let required = || {
        conditions
            .iter()
            .zip(states)
            .enumerate()
            .filter(|(_, (condition, seen))| condition.role.is_required() && !seen.holds)
    };
    let first_false = required().find(|(_, (_, seen))| seen.status == Status::False);
    if let Some((mut index, _)) = first_false {
        // To the root; no longer than there are conditions, should they explain each other.
        for _ in conditions {
            let explained = conditions.get(index).and_then(|c| explanation(conditions, states, c));
            match explained {
                Some(cause) => index = cause,
                None => break,
            }
        }
        return Some(index);
    }
    required()
        .find(|(_, (_, seen))| !seen.blocked)
        .or_else(|| required().next())
        .map(|(index, _)| index)
}

/// What the root cause is found by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// The status after blocking.
    pub(super) status: Status,
    /// Whether it is blocked.
    pub(super) blocked: bool,
    /// Whether it counts as holding: `True`, or `Unknown` within its grace.
    pub(super) holds: bool,
    /// Whether something is or will be done about it, or it passes by itself, or nothing can be
    /// done before it has ended. What nothing is done about explains nothing otherwise: the rest
    /// must be mended in spite of it.
    pub(super) mendable: bool,
}

/// The position of the `False` condition that explains `condition`, if it is mendable.
pub(super) fn explanation(
    conditions: &[&Condition],
    states: &[Seen],
    condition: &Condition,
) -> Option<usize> {
    condition.explained_by.iter().find_map(|name| {
        let index = conditions.iter().position(|other| other.name == *name)?;
        states
            .get(index)
            .is_some_and(|seen| seen.status == Status::False && seen.mendable)
            .then_some(index)
    })
}

/// The first condition that stands before one of its needs, or names one that is not there.
pub(super) fn check_order(conditions: &[&Condition]) -> Result<(), String> {
    for (index, condition) in conditions.iter().enumerate() {
        for need in condition.needs {
            if !conditions.iter().take(index).any(|other| other.name == *need) {
                return Err(format!("{} needs {need}, which must stand before it", condition.name));
            }
        }
        for cause in condition.explained_by {
            if !conditions.iter().any(|other| other.name == *cause) {
                return Err(format!(
                    "{} is explained by {cause}, which is not there",
                    condition.name
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Role;
    use super::*;

    const fn condition(
        name: &'static str,
        role: Role,
        needs: &'static [&'static str],
        explained_by: &'static [&'static str],
    ) -> Condition {
        Condition { name, concern: "c", role, needs, explained_by, grace: Duration::ZERO }
    }

    static CHAIN: [&Condition; 4] = [
        &condition("Owner", Role::Gate, &[], &[]),
        &condition("A", Role::Required, &[], &["Owner"]),
        &condition("B", Role::Required, &["A"], &[]),
        &condition("C", Role::Required, &["B"], &[]),
    ];

    fn seen(status: Status, blocked: bool) -> Seen {
        Seen { status, blocked, holds: status == Status::True, mendable: true }
    }

    #[test]
    fn blocking_reaches_through_the_chain() {
        for (status, by_fault) in [(Status::False, true), (Status::Unknown, false)] {
            let blocks = blocked_by(&CHAIN, |name| if name == "A" { status } else { Status::True });
            let needs = ["A", "B"].map(|need| Some(Block { need, by_fault }));
            assert_eq!(blocks, [None, None, needs[0], needs[1]]);
        }
    }

    #[test]
    fn the_cause_is_the_first_false_and_what_explains_it() {
        let blocked = seen(Status::Unknown, true);
        let states = [seen(Status::True, false), seen(Status::False, false), blocked, blocked];
        assert_eq!(root_cause(&CHAIN, &states), Some(1));
        let states = [seen(Status::False, false), seen(Status::False, false), blocked, blocked];
        assert_eq!(root_cause(&CHAIN, &states), Some(0));
    }

    #[test]
    fn what_nothing_is_done_about_explains_nothing() {
        let blocked = seen(Status::Unknown, true);
        let owner = Seen { mendable: false, ..seen(Status::False, false) };
        let states = [owner, seen(Status::False, false), blocked, blocked];
        assert_eq!(root_cause(&CHAIN, &states), Some(1));
    }

    #[test]
    fn a_gate_alone_is_no_cause() {
        let good = seen(Status::True, false);
        assert_eq!(root_cause(&CHAIN, &[seen(Status::False, false), good, good, good]), None);
    }

    #[test]
    fn order_is_checked() {
        assert_eq!(check_order(&CHAIN), Ok(()));
        let wrong = [&condition("B", Role::Required, &["A"], &[])];
        assert!(check_order(&wrong).is_err());
    }
}
