//! Scenarios in virtual machines: what takes a kernel, a firmware and a cloud-init of one's own.

mod first_boot;
pub(crate) mod incident;
pub(crate) mod told;

use std::time::Duration;

use super::Scenario;

/// All scenarios for virtual machines.
pub(crate) const ALL: &[Scenario] = &[first_boot::SCENARIO, incident::SCENARIO];

/// How long a machine may take from power-on to its first Ready, unless it is emulated: then
/// many times that, see [`crate::guest::Guest::pace`].
const READY: Duration = Duration::from_mins(5);
