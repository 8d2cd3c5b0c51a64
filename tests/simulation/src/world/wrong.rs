//! Physics that are no guest's. They prove that the courses which booted guests took can tell a
//! simulated guest from a real one.

use super::World;

/// What goes otherwise than in reality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// A tree changes its owner in spite of entries that are immutable.
    ImmutableIsGiven,
    /// A tree does not change its owner at all.
    NothingIsGiven,
    /// Whoever deletes a model deletes its alias.
    AliasGoesWithModel,
    /// A pull brings the alias too.
    AliasComesWithModel,
    /// A pull never comes to its end.
    PullsStandStill,
    /// A server whose disk is full ends.
    FullDiskEndsServer,
    /// A server whose directory is closed lists its models.
    ClosedIsOpen,
}

impl World {
    /// Whether that goes wrong here.
    #[must_use]
    pub fn is_wrong(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }
}
