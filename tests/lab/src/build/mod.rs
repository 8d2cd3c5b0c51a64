//! What is built before anything boots, as the user who called.

pub mod equipment;
pub mod nvidia;
pub mod package;
pub mod tools;
