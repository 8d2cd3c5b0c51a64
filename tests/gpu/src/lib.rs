//! The GPUs that a guest of the lab imagines to have.
//!
//! They are one file of JSON, [`State`], which a scenario changes while the guest runs. Whoever
//! would reach the driver reads it instead, each time anew:
//!
//! | who | imitates |
//! |---|---|
//! | `libnvidia-ml.so.1` of `saigak-lab-nvml` | NVIDIA's management library, in the agent's probe |
//! | `nvidia-smi` | NVIDIA's program of that name |
//! | the stand-in for Ollama | where a model is put, and what becomes of it on a lost GPU |
//!
//! What a client has on a GPU is a file of its own, see [`client`].

pub mod client;
pub mod smi;
pub mod state;

pub use state::{Ecc, Event, Gpu, State, directory};
