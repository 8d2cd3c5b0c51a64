//! From the facts of the GPUs to their conditions. Pure.

use std::time::Duration;

use super::attached::{self, GPU_ATTACHED, NOT_EXPECTED};
use super::facts::Facts;
use super::offloaded::{self, GPU_OFFLOADED};
use crate::config;
use crate::core::{Condition, Judgement};
use crate::guest::{Declared, Remedy};

/// The conditions, and all that can be said of each.
pub static REASONS: &[Declared] =
    &[(&GPU_ATTACHED, attached::REASONS), (&GPU_OFFLOADED, offloaded::REASONS)];

static CONDITIONS: [&Condition; 2] = [&GPU_ATTACHED, &GPU_OFFLOADED];

/// Judges the GPUs. `facts` is what was seen of them, if anything, `server` the id of the start of
/// the server that answers at `uptime`.
#[must_use]
pub fn check(
    facts: Option<&Facts>,
    config: &config::Gpu,
    server: Option<u128>,
    uptime: Duration,
) -> Vec<Judgement<Remedy>> {
    if config.expected == 0 {
        let message = "the configuration expects no GPU";
        return CONDITIONS.map(|it| Judgement::new(it, &NOT_EXPECTED, message)).into();
    }
    let Some(facts) = facts else { return Vec::new() };
    vec![attached::judge(facts, config), offloaded::judge(&facts.placed, server, uptime)]
}
