//! The lab: real Debian guests, booted in a second, that are broken on purpose and watched
//! while they heal.
//!
//! ```text
//!  cargo lab test                 your terminal, your user
//!    │  build the stand-in and the .deb
//!    ▼
//!  supervise                      root; owns the run's lock, cgroup and scratch directory
//!    │  setpriv: no clock, no modules, dies with its parent
//!    │  unshare: own mounts, own process ids
//!    ▼
//!  inside                         process 1 of the run: its end is the end of everything below
//!    ├─ gateway of guest A        network namespace: DHCP, DNS, registry, clients
//!    │     ┆ veth
//!    ├─ guest A                   systemd-nspawn: overlay of root + package, data disk, enp1s0
//!    └─ gateway and guest B …     the same addresses again, unseen by A
//! ```
//!
//! `cargo lab vm test` puts QEMU in nspawn's place, for what takes a kernel, a firmware and a
//! cloud-init of one's own: the same gateway at the other end of a tap device, the same words for
//! what is done and expected, many times the patience where QEMU has to emulate.
//! With `--arm64`, all that is in the guest is built for arm64, in a root with Debian's cross
//! compilers, and QEMU emulates each instruction.
//!
//! Nothing of a run outlives it: processes, mounts, network namespaces and loop devices hang on
//! process 1 of the run and go with it, however it ends. Only the cgroup and the scratch
//! directory stay behind a killed supervisor, and the next run sweeps them.

pub mod architecture;
pub mod build;
pub mod cli;
pub mod guest;
pub mod hash;
pub mod host;
pub mod net;
pub mod paths;
pub mod plan;
pub mod process;
pub mod root;
pub mod say;
pub mod scenario;
pub mod task;

use std::process::ExitCode;

use clap::Parser;

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say::error(&format!("cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    // One thread runs everything: `PR_SET_PDEATHSIG` counts the death of the *thread* that
    // forked, and this one lives as long as the process.
    let local = tokio::task::LocalSet::new();
    match local.block_on(&runtime, cli::run(cli)) {
        Ok(code) => code,
        Err(error) => {
            say::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
