//! When the models' files are read.

use std::sync::Arc;
use std::time::Duration;

use super::current::Current;
use super::real::Shared;
use super::{concern, sidecar};
use crate::core::{BootClock, Clock};
use crate::model::Attempt;

/// How often in a row a server must have failed to embed, for its files to be a reason.
const FAILURES: u32 = 3;

/// How long after the boot the server has loaded its model, or never will.
const LOADED: Duration = Duration::from_secs(600);

impl Shared {
    /// Has the models' files read where there is a reason to, and the server does not need the
    /// disk just now: a boot is when it loads the very same files.
    pub(super) fn check_files(&self, current: &Current) {
        if !sidecar::looks_at(current.config.place, concern::STORAGE) {
            return;
        }
        let log = current.proofs.log();
        if let Some((server, _, Attempt::Failed(_))) = &log.last
            && log.failures >= FAILURES
        {
            self.files.doubt_for(server.invocation);
        }
        let ended = log.last.is_some() && log.running.is_none();
        let there = {
            let facts = current.facts();
            let model = facts.model.as_ref().and_then(|seen| seen.value.as_ref().ok());
            // A tag that has moved, or a source that was deleted, leaves files that are served.
            model.is_some_and(|model| model.source.is_there() || model.alias.serves())
        };
        if there && (ended || BootClock.now().uptime >= LOADED) {
            self.files.begin(Arc::clone(&self.waker), concern::MODEL);
        }
    }
}
