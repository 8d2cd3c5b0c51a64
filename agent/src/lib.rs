//! saigak-agent: knows whether this guest can embed text correctly now, repairs what keeps
//! it from doing so, and tells the truth about it.

pub mod config;
pub mod fix;
pub mod network_file;
pub mod probe;
