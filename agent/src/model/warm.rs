//! A pinned model stays in memory, whatever its clients ask for.
//!
//! The proof loads it. What keeps it there is the server's own setting, and any client's
//! `keep_alive` takes the place of that: a short one of one client would unload the model under
//! all others. So the pin is asked for anew, right after a proof, when the model is there: it
//! costs no load, and a client that unloads the model with each request is not fought over it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::proof::{Attempt, DEADLINE, Log, Proofs, Server};
use crate::config;
use crate::core::{BootClock, Clock};
use crate::ollama::{Api, ApiError};

/// Between two pins of one start of the server.
const PAUSE: Duration = Duration::from_secs(30);

/// An answer to a request without a text: no embedding.
#[derive(Deserialize)]
struct Loaded {}

impl Log {
    /// Whether the model of `server` is to be pinned at `uptime`: it has just been proven.
    fn owes_pin(&self, server: Server, uptime: Duration) -> bool {
        let proven = matches!(&self.last, Some((of, _, Attempt::Good)) if *of == server);
        let pinned = self.pinned.filter(|(of, _)| *of == server).map(|(_, at)| at);
        proven && pinned.is_none_or(|at| uptime.saturating_sub(at) >= PAUSE)
    }
}

/// Whether the model is to be pinned now.
#[must_use]
pub fn owes_pin(proofs: &Proofs, server: Server, config: &config::Model) -> bool {
    config.pinned && proofs.log().owes_pin(server, BootClock.now().uptime)
}

/// Pins it. That takes milliseconds, but where a client has just unloaded the model: then it is a
/// load, and may take as long as one. Whatever comes of it, the next is not asked for before a
/// pause: who gives up a load and asks anew would never see it end.
pub async fn pin(proofs: &Proofs, api: &Api, server: Server, config: &config::Model) {
    let began = BootClock.now().uptime;
    proofs.change(|log| log.pinned = Some((server, began)));
    let request = json!({ "model": config.alias, "keep_alive": -1 });
    if let Err(error) = api.post::<Loaded>("/api/embed", &request, DEADLINE).await {
        // The next proof tells what is wrong with it, if anything is.
        tracing::debug!(%error, "the model is not pinned");
    }
}

/// Unloads a model, for the next request to load it from its files anew. Who waits for an
/// embedding gets it before.
pub(super) async fn unload(api: &Api, model: &str) -> Result<(), ApiError> {
    let request = json!({ "model": model, "keep_alive": 0 });
    api.post::<Loaded>("/api/embed", &request, DEADLINE).await.map(|Loaded {}| ())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_model_is_pinned_after_a_good_proof_and_every_half_minute() {
        let at = Duration::from_secs;
        let server = Server { address: Ipv4Addr::LOCALHOST, invocation: 7 };
        let mut log = Log::default();
        assert!(!log.owes_pin(server, at(100)));
        log.note(server, at(100), at(101), Attempt::Good);
        assert!(log.owes_pin(server, at(101)));
        log.pinned = Some((server, at(101)));
        assert!(!log.owes_pin(server, at(130)));
        assert!(log.owes_pin(server, at(131)));
        log.note(server, at(161), at(162), Attempt::Busy);
        assert!(!log.owes_pin(server, at(162)));
        let restarted = Server { invocation: 8, ..server };
        assert!(!log.owes_pin(restarted, at(162)));
        log.note(restarted, at(162), at(163), Attempt::Good);
        assert!(log.owes_pin(restarted, at(163)));
    }
}
