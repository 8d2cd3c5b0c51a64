//! The models that are served besides that of `[model]`: each with an alias, a pull and proofs of
//! its own.
//!
//! | condition | holds when |
//! |---|---|
//! | `FurtherModelsServed` | each of them that is required is there under its alias, as declared, and was proven |
//! | `OptionalModelsServed` | the same of the others. Nobody is unready for them |
//!
//! They are kept apart from the first, so that none of them can keep it from being repaired, or
//! spend what its repairs may cost. A condition says what is wrong with the one that has waited
//! longest for a repair, and the repair is of that one: so one that nothing helps does not keep the
//! others waiting. No repair of theirs restarts the server, which serves the others well.
//!
//! However many there are, their proofs cost half as much as those of the first. One that is not
//! pinned is proven when the server has started, and then once an hour: each proof would keep it in
//! memory, or take the room of another.

mod check;
mod entry;
mod repair;

pub use check::{FURTHER_MODELS_SERVED, Given, OPTIONAL_MODELS_SERVED, REASONS, Verdict, check};
pub use entry::{Entry, Further};
pub use repair::{Remedy, apply};
