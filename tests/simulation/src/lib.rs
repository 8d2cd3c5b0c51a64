//! The agent's core against a simulated guest: a world with a state and physics of its own, the
//! real conditions, ladders, checks and engine in between, and rules that hold at every step.
//!
//! ```text
//!  History ──► World ──► Guest: looks ──► Known::judge ──► Engine ──► Guest: acts ──► World
//!                 │                                           │
//!                 └──────────────► Watch: the rules ◄─────────┘
//! ```

pub mod agent;
pub mod course;
pub mod decisions;
pub mod fault;
pub mod guest;
pub mod history;
pub mod mind;
pub mod mutant;
pub mod play;
pub mod recorded;
pub mod seen;
pub mod shrink;
pub mod story;
pub mod twin;
pub mod watch;
pub mod world;
