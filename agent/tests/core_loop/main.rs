//! The loop of the core, on a guest of two concerns and under a clock that only moves when
//! all wait: hours pass in milliseconds, and always in the same order.

#![expect(clippy::unwrap_used, reason = "all of this is tests, the helpers too")]

mod guest;
mod hand;
mod looks;
mod orders;
mod repairs;
mod turns;
