//! The GPU: there, driven, healthy, and really used.
//!
//! | condition | holds when |
//! |---|---|
//! | `GpuAttached` | as many GPUs of the configured vendor are on PCI as are expected |
//! | `GpuOffloaded` | the server says that the model lies in a GPU's memory as a whole |
//!
//! Where none is expected all of them hold, and nothing is looked at. A model on the CPU embeds
//! correctly and slowly; where a GPU is promised that is not what was promised, so the guest is
//! not ready.

mod attached;
mod check;
mod facts;
mod offloaded;
mod pci;
mod placed;

pub use attached::GPU_ATTACHED;
pub use check::{REASONS, check};
pub use facts::{Facts, look};
pub use offloaded::GPU_OFFLOADED;
pub use pci::Device;
pub use placed::{Placed, Size};
