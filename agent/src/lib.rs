//! saigak-agent: knows whether this guest can embed text correctly now, repairs what keeps
//! it from doing so, and tells the truth about it.
//!
//! [`core`] decides, [`guest`] is the guest as the core sees it, made of one folder for each
//! concern; [`wake`] asks for looks, [`serve`] publishes, [`fix`] and [`probe`] are the
//! helpers that have the privileges which the daemon has not.

pub mod bootstrap;
pub mod bus;
pub mod cli;
pub mod config;
pub mod core;
pub mod firewall;
pub mod fix;
pub mod further;
pub mod gpu;
pub mod guest;
pub mod history;
pub mod journal;
mod kept_file;
pub mod ledger_file;
pub mod links;
pub mod model;
pub mod names;
pub mod network;
pub mod network_file;
pub mod ollama;
pub mod outlet;
pub mod probe;
mod question;
pub mod serve;
pub mod storage;
pub mod system;
pub mod wake;
