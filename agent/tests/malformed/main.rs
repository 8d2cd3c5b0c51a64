//! A server that answers nonsense. Whatever it sends, the agent has a reason in words within
//! its deadline: never a panic, never a wait without end, never a proof.

#![expect(clippy::unwrap_used, reason = "all of this is tests, the helpers too")]

mod embeddings;
mod models;
mod pulls;
mod requests;
mod server;
