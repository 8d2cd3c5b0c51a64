//! A stand-in for NVIDIA's management library, `libnvidia-ml.so.1`.
//!
//! It has NVML's C interface, with the struct layouts of `nvml-wrapper-sys`, and answers for the
//! GPUs that [`saigak_lab_gpu::State`] imagines. The state is read anew at each call, so that a
//! scenario changes it under whoever has the library open.
//!
//! | module | its part of the interface |
//! |---|---|
//! | `system` | connect to the driver, versions, what there is |
//! | `device` | what a GPU is and how it fares |
//! | `memory` | its memory: use, errors, remapped rows, processes |
//! | `event` | what is told as it happens |
//! | `call` | the frame of each call: connected? does the driver answer? |
//! | `answer` | the pointers that a caller gives |
//! | `tally` | how often each function was called |
//!
//! Its conduct is the documented one, where that is inconvenient too. A process keeps the
//! library that it has loaded, so that a version mismatch is only seen by the next one. Where a
//! GPU has fallen off the bus, a wait for events ends at once, each time. Where a driver hangs,
//! the caller waits in the kernel, and no signal reaches him.

mod answer;
mod call;
mod device;
mod event;
mod memory;
mod system;
mod tally;
