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

/// One condition, and by their positions those that it hangs on.
#[derive(Debug)]
struct Node {
    condition: &'static Condition,
    needs: Vec<usize>,
    explained_by: Vec<usize>,
}

/// All conditions, each after those that it needs.
#[derive(Debug)]
pub(super) struct Graph {
    nodes: Vec<Node>,
}

impl Graph {
    /// The graph of `conditions`.
    ///
    /// # Errors
    /// The first of them that stands before one of its needs, or names one that is not there.
    pub(super) fn of(conditions: &[&'static Condition]) -> Result<Self, String> {
        let place = |name: &str| conditions.iter().position(|other| other.name == name);
        let node = |(index, condition): (usize, &&'static Condition)| {
            let name = condition.name;
            let need = |need: &&str| {
                let before = place(need).filter(|at| *at < index);
                before.ok_or_else(|| format!("{name} needs {need}, which must stand before it"))
            };
            let cause = |cause: &&str| {
                place(cause)
                    .ok_or_else(|| format!("{name} is explained by {cause}, which is not there"))
            };
            Ok(Node {
                condition,
                needs: condition.needs.iter().map(need).collect::<Result<_, String>>()?,
                explained_by: condition.explained_by.iter().map(cause).collect::<Result<_, _>>()?,
            })
        };
        let nodes: Result<_, String> = conditions.iter().enumerate().map(node).collect();
        Ok(Self { nodes: nodes? })
    }

    /// What blocks the condition at `index`. `before` tells the status that each before it was
    /// judged to have, and what blocks that: one that is blocked blocks in turn.
    pub(super) fn block(
        &self,
        index: usize,
        before: impl Fn(usize) -> (Status, Option<Block>),
    ) -> Option<Block> {
        let found = self.nodes.get(index)?.needs.iter().filter_map(|at| {
            let need = self.nodes.get(*at)?.condition.name;
            match before(*at) {
                (_, Some(above)) => Some(Block { need, ..above }),
                (Status::True, None) => None,
                (status, None) => Some(Block { need, by_fault: status == Status::False }),
            }
        });
        // A fault says more than what is merely not known.
        found.reduce(|first, other| if first.by_fault { first } else { other })
    }

    /// The position of the condition to name when the guest is not ready: the first required
    /// one that is `False`, or what explains it; else the first that is `Unknown` by itself;
    /// else any that does not hold.
    pub(super) fn root_cause(&self, seen: impl Fn(usize) -> Seen) -> Option<usize> {
        let required = || {
            let nodes = self.nodes.iter().enumerate();
            let required = nodes.filter(|(_, node)| node.condition.role.is_required());
            required.map(|(index, _)| (index, seen(index))).filter(|(_, seen)| !seen.holds)
        };
        let first_false = required().find(|(_, seen)| seen.status == Status::False);
        if let Some((mut index, _)) = first_false {
            // To the root; no longer than there are conditions, should they explain each other.
            for _ in &self.nodes {
                match self.explanation(index, &seen) {
                    Some(cause) => index = cause,
                    None => break,
                }
            }
            return Some(index);
        }
        let by_itself = required().find(|(_, seen)| !seen.blocked);
        by_itself.or_else(|| required().next()).map(|(index, _)| index)
    }

    /// The position of the `False` condition that explains the one at `index`, if it is mendable.
    pub(super) fn explanation(&self, index: usize, seen: impl Fn(usize) -> Seen) -> Option<usize> {
        self.nodes.get(index)?.explained_by.iter().copied().find(|cause| {
            let seen = seen(*cause);
            seen.status == Status::False && seen.mendable
        })
    }
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

    fn chain() -> Graph {
        Graph::of(&CHAIN).unwrap()
    }

    fn seen(status: Status, blocked: bool) -> Seen {
        Seen { status, blocked, holds: status == Status::True, mendable: true }
    }

    #[test]
    fn blocking_reaches_through_the_chain() {
        for (status, by_fault) in [(Status::False, true), (Status::Unknown, false)] {
            let told = |index| if index == 1 { status } else { Status::True };
            let mut blocks: Vec<Option<Block>> = Vec::new();
            for index in 0..CHAIN.len() {
                blocks.push(chain().block(index, |before| (told(before), blocks[before])));
            }
            let needs = ["A", "B"].map(|need| Some(Block { need, by_fault }));
            assert_eq!(blocks, [None, None, needs[0], needs[1]]);
        }
    }

    #[test]
    fn the_cause_is_the_first_false_and_what_explains_it() {
        let blocked = seen(Status::Unknown, true);
        let states = [seen(Status::True, false), seen(Status::False, false), blocked, blocked];
        assert_eq!(chain().root_cause(|index| states[index]), Some(1));
        let states = [seen(Status::False, false), seen(Status::False, false), blocked, blocked];
        assert_eq!(chain().root_cause(|index| states[index]), Some(0));
    }

    #[test]
    fn what_nothing_is_done_about_explains_nothing() {
        let blocked = seen(Status::Unknown, true);
        let owner = Seen { mendable: false, ..seen(Status::False, false) };
        let states = [owner, seen(Status::False, false), blocked, blocked];
        assert_eq!(chain().root_cause(|index| states[index]), Some(1));
    }

    #[test]
    fn a_gate_alone_is_no_cause() {
        let good = seen(Status::True, false);
        let states = [seen(Status::False, false), good, good, good];
        assert_eq!(chain().root_cause(|index| states[index]), None);
    }

    #[test]
    fn order_is_checked() {
        static WRONG: [&Condition; 1] = [&condition("B", Role::Required, &["A"], &[])];
        static LOST: [&Condition; 1] = [&condition("B", Role::Required, &[], &["A"])];
        assert!(Graph::of(&CHAIN).is_ok());
        assert!(Graph::of(&WRONG).is_err_and(|why| why.contains("B needs A")));
        assert!(Graph::of(&LOST).is_err_and(|why| why.contains("B is explained by A")));
    }
}
