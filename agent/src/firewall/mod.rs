//! Whether a firewall of the guest drops what clients send to the server.
//!
//! The agent's own connections go over the loopback link, also those to the guest's own address:
//! a rule for the serving link is not felt from inside. So a helper that may read the rules, and
//! nothing else, follows a client's packet through them. What cannot be told for certain is held
//! for passed: only a smoke test from outside knows.
//!
//! It has no condition of its own. A certain drop is a reason of `EndpointReachable`, or of
//! `OllamaServing` where the agent itself is locked out.

mod chains;
mod matching;
mod ruleset;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::links;
use crate::probe::{self, ReadError};
use crate::question::Question;

pub use matching::Packet;

/// How long the helper is waited for. It reads a few kilobytes from the kernel; on a guest that is
/// short of CPU, to start it takes longer.
const DEADLINE: Duration = Duration::from_secs(5);

/// What becomes of a new connection to the serving port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// No rule drops it.
    Passes,
    /// It is dropped or rejected, and by what.
    Dropped(String),
    /// It hangs on more than is known here, and on what.
    Unjudged(String),
    /// There is no nft to read the rules with.
    Unread,
}

impl Fate {
    fn dropped_by(&self) -> Option<&str> {
        match self {
            Self::Dropped(by) => Some(by),
            Self::Passes | Self::Unjudged(_) | Self::Unread => None,
        }
    }
}

/// What the helper tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// Of a client's connection, on the serving link.
    pub link: Fate,
    /// Of the agent's own, on the loopback link.
    pub loopback: Fate,
}

impl Facts {
    /// Why the agent's own connections get nowhere, if they do not.
    #[must_use]
    pub fn locks_out(&self) -> Option<&str> {
        self.loopback.dropped_by()
    }

    /// Why clients' connections get nowhere, if they do not.
    #[must_use]
    pub fn locks_clients_out(&self) -> Option<&str> {
        self.link.dropped_by()
    }
}

/// The helper, and what it was asked and has not answered yet.
#[derive(Debug, Default)]
pub struct Probe(Question<Facts, ReadError>);

/// Asks the helper, which has one question at a time: a slow guest must not be made slower by more
/// of them. Where it cannot tell, that is no fault of the firewall's.
///
/// # Errors
/// Where the helper cannot be asked, or cannot read the rules.
pub async fn look(probe: &Probe) -> Result<Facts, String> {
    match probe.0.ask(DEADLINE, probe::read(probe::FIREWALL)).await {
        Some(facts) => facts.map_err(|error| error.to_string()),
        None => Err(format!("the rules were not read within {} s", DEADLINE.as_secs())),
    }
}

/// Reads the rules and follows a client's packet through them. For the helper, which may.
///
/// # Errors
/// Where there is no link, or the rules cannot be read.
pub(crate) async fn read(config: &Config) -> Result<Facts, String> {
    let links = links::list().await?;
    let link = links::choose(&links, &config.network)?;
    let Some(rules) = ruleset::read().await? else {
        return Ok(Facts { link: Fate::Unread, loopback: Fate::Unread });
    };
    let port = config.ollama.port;
    let fate = |link: &str| chains::follow(&rules, &Packet { link: link.to_owned(), port });
    Ok(Facts { link: fate(&link.link.name), loopback: fate("lo") })
}
