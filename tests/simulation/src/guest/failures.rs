//! Looks that fail, and looks that bring what is old.

use saigak_agent::guest::{Seen, concern};
use saigak_agent::{bootstrap, storage, system};
use std::time::Duration;

use super::{Guest, Look, Memory};

fn stamp<T>(seen: &mut Option<Seen<T>>, at: Duration) {
    if let Some(seen) = seen {
        seen.at = at;
    }
}

impl Memory {
    /// A look at `concern` brings what the last one has brought.
    pub(super) fn repeat(&mut self, concern: usize, at: Duration) {
        let facts = &mut self.facts;
        match concern {
            concern::BOOTSTRAP => stamp(&mut facts.bootstrap, at),
            concern::NETWORK => stamp(&mut facts.network, at),
            concern::STORAGE => stamp(&mut facts.storage, at),
            concern::OLLAMA => stamp(&mut facts.ollama, at),
            concern::MODEL => stamp(&mut facts.model, at),
            concern::NAMES => stamp(&mut facts.names, at),
            concern::FIREWALL => stamp(&mut facts.firewall, at),
            concern::SYSTEM => stamp(&mut facts.system, at),
            concern::GPU => stamp(&mut facts.gpu, at),
            _ => {}
        }
    }
}

impl Guest {
    /// A look fails: it says so, and nothing else.
    pub(super) fn fail(&mut self, look: &Look, at: Duration) {
        let why = || "no answer".to_owned();
        let wall = self.moment().wall;
        let facts = &mut self.memory.facts;
        match look.concern {
            concern::BOOTSTRAP => {
                let value = bootstrap::Facts::Unreadable { why: why(), ended: false };
                facts.bootstrap = Some(Seen { at, value });
            }
            concern::NETWORK => facts.network = Some(Seen { at, value: Err(why()) }),
            // Half of it: the mount table is read, and the helper has failed.
            concern::STORAGE => {
                let probe = Some(Err(storage::ProbeError::Failed(why())));
                let seen = crate::seen::storage(&self.world);
                let probe = seen.mount.as_ref().and(probe);
                let value = Ok(storage::Facts { probe, write: None, ..seen });
                facts.storage = Some(Seen { at, value });
            }
            concern::OLLAMA => self.see_server(look, false),
            concern::MODEL => facts.model = Some(Seen { at, value: Err(why()) }),
            // One that failed takes nothing from an answer that is not too old yet.
            concern::FIREWALL => {
                let good = facts.firewall.as_ref().filter(|seen| seen.value.is_ok());
                if good.is_none_or(|seen| at.saturating_sub(seen.at) >= STALE) {
                    facts.firewall = Some(Seen { at, value: Err(why()) });
                }
            }
            concern::SYSTEM => {
                let known = crate::seen::system(wall);
                let value = system::Facts { memory: None, root_free: None, ..known };
                facts.system = Some(Seen { at, value });
            }
            concern::PROOF => self.see_proof(look),
            _ => {}
        }
    }
}

/// After so long what was seen says nothing any more.
const STALE: Duration = Duration::from_secs(90);
