//! The machine that the lab runs on: what it must have, and what a run makes on it.

pub mod cgroup;
pub mod inside;
pub mod packages;
pub mod privilege;
pub mod scratch;
pub mod supervise;
