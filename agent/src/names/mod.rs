//! Whether the name of the model registry resolves.
//!
//! Facts: the answer of the guest's own resolver, asked as any program asks it, and whether the
//! server goes through a proxy, which then resolves names in its place. An answer that was good
//! counts for a minute, unless a pull is wanted.
//!
//! | condition | holds when |
//! |---|---|
//! | `NamesResolve` | the host that the model is pulled from has an address, or the model comes from files alone |
//!
//! A guest that cannot resolve names serves as before, so only pulls wait for it.

mod check;
mod facts;
mod resolver;

pub use check::{NAMES_RESOLVE, REASONS, check};
pub use facts::{Facts, look};
pub use resolver::{Answer, Resolver};
