//! The state machine of the core, by its public face: judgements in, repairs and reports out.
//! No runtime, no clock; each test says itself what time it is.

#![expect(clippy::unwrap_used, reason = "all of this is tests, the helpers too")]

mod checks;
mod guest;
mod histories;
mod history;
mod ladders;
mod ledger;
mod order;
mod pauses;
mod readiness;
mod reports;
