//! The GPU: there, driven, healthy, and really used.
//!
//! | condition | holds when |
//! |---|---|
//! | `GpuAttached` | as many GPUs of the configured vendor are on PCI as are expected |
//! | `GpuDriverLoaded` | NVIDIA's driver answers through NVML; another vendor's is bound |
//! | `GpuHealthy` | none is lost, wants a reset, or has bad memory. Warnings have names too |
//! | `GpuOffloaded` | the server says that the model lies in a GPU's memory, most of it at least |
//!
//! Where none is expected all of them hold, and nothing is looked at. A model on the CPU embeds
//! correctly and slowly; where a GPU is promised that is not what was promised, so the guest is
//! not ready. What the driver or NVML are worth shows in where the model lies: a driver in
//! trouble under a model that is on the GPU is named, and takes nothing out of service.
//!
//! Facts: PCI's tables and the server's own words, which cannot hang on a GPU; and the lines of
//! a probe, a process apart that asks the driver and is given up where that does not answer.

mod attached;
mod check;
mod child;
mod driven;
mod facts;
mod follow;
mod healthy;
mod offloaded;
mod pci;
mod placed;
pub mod probe;
mod repair;
mod seen;

pub use attached::GPU_ATTACHED;
pub use check::{REASONS, Start, check, forbids_restart};
pub use driven::GPU_DRIVER_LOADED;
pub use facts::{Facts, look};
pub use follow::Probe;
pub use healthy::GPU_HEALTHY;
pub use offloaded::GPU_OFFLOADED;
pub use pci::Device;
pub use placed::{Placed, Size};
pub use repair::{Remedy, apply};
pub use seen::{Driver, Seen};
