//! The server: its unit, and whether it answers where clients ask.
//!
//! | condition | holds when |
//! |---|---|
//! | `OllamaRunning` | the unit is active |
//! | `OllamaServing` | `GET /` answers 200 somewhere on this guest. A TCP connection proves nothing: the port is bound long before the first answer |
//! | `EndpointReachable` | it does so at the guest's own primary address, the one that masquerade sends clients to |

mod api;
mod check;
mod facts;
mod repair;
mod starts;
mod unit;

pub use api::{Api, ApiError};
pub use check::{ENDPOINT_REACHABLE, OLLAMA_RUNNING, OLLAMA_SERVING, REASONS, check};
pub use facts::{Answer, Facts, Progress, look};
pub use repair::{Remedy, apply, held};
pub use starts::Starts;
pub use unit::Unit;
