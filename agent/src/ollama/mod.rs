//! The server: its unit, and whether it answers where clients ask.
//!
//! | condition | holds when |
//! |---|---|
//! | `ModelsOnDataDisk` | the unit tells the server to keep its models on the data disk |
//! | `OllamaRunning` | the unit is active, and lasts |
//! | `OllamaServing` | `GET /` answers 200 somewhere on this guest. A TCP connection proves nothing: the port is bound long before the first answer |
//! | `EndpointReachable` | it does so at the guest's own primary address, the one that masquerade sends clients to |

mod api;
pub mod beside;
mod check;
mod computing;
mod diagnosis;
mod environment;
mod facts;
mod filter;
mod listener;
mod patience;
mod program;
mod progress;
mod repair;
mod running;
mod serving;
mod starts;
mod store;
mod unit;

pub use api::{Api, ApiError};
pub use check::{
    ENDPOINT_REACHABLE, MODELS_ON_DATA_DISK, OLLAMA_RUNNING, OLLAMA_SERVING, REASONS, check,
};
pub use computing::Computing;
pub use environment::{Setting, Settings};
pub use facts::{Answer, Facts, Ways, look};
pub use filter::filter;
pub use listener::Holder;
pub(crate) use listener::listening;
pub use patience::{APART, PATIENCE, Patience};
pub use program::Program;
pub use progress::{Own, Progress};
pub use repair::{Remedy, apply, held};
pub(crate) use running::is_active;
pub use starts::Starts;
pub use unit::{Environment, Unit};
