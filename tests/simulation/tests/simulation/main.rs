//! The simulated guest, and the agent's core in it: one program, so that the tests of all its parts
//! run beside each other. Random histories have a program of their own.

mod decisions;
mod faults;
mod found;
mod gpu;
mod mutants;
mod peers;
mod power;
mod pulls;
mod reconcile;
mod recorded;
mod twins;
