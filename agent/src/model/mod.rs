//! The model: present, under its alias, and proven.
//!
//! | condition | holds when |
//! |---|---|
//! | `ModelPresent` | the server lists the source model, and can read it |
//! | `ModelFilesIntact` | no file of theirs is known to be damaged. They are read where the guest has ended without a shutdown, or the server cannot compute with them |
//! | `AliasPresent` | it lists the alias, with the declared template and parameters. Weights other than the source's are told, and left as they are |
//! | `EmbeddingCorrect` | a real embedding through the alias, at the address that clients use, was right: its dimension, finite, of unit length, and like the one that the same weights gave when they were proven first |
//!
//! A pull is a job beside the loop: the remedy only begins it. It asks the sources of the model in
//! their order: registries, and files that are handed to the server. A proof is a look of its own,
//! at most one at a time, and is never cut short: a client that leaves while the model loads
//! makes the server give the load up.

mod alias;
pub(crate) mod aside;
mod ask;
mod check;
mod facts;
#[cfg(test)]
mod fake;
mod files;
mod ladders;
pub(crate) mod names;
mod proof;
mod pull;
mod quoted;
mod reference;
mod repair;
mod show;
mod vector;
mod warm;

pub use alias::{Alias, Recorded};
pub use check::{ALIAS_PRESENT, EMBEDDING_CORRECT, MODEL_PRESENT, REASONS, check, check_proof};
pub use facts::{Facts, Source, look};
pub use files::{FileCheck, Files, MODEL_FILES_INTACT, check_files};
pub use proof::{Attempt, Log, Proofs, Server, prove};
pub use pull::{Failure, Kind, Pull, PullState, Space};
pub use reference::References;
pub use repair::{Remedy, apply};
pub use vector::Flaw;
pub use warm::{owes_pin, pin};
