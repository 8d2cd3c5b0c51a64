//! What a repair that acts must keep to.

use std::time::{Duration, UNIX_EPOCH};

use saigak_agent::core::Remedy as _;
use saigak_agent::guest::{Remedy, concern};
use saigak_agent::model::PullState;
use saigak_agent::{model, network, ollama, storage};

use super::{Verdict, Watch, broken};
use crate::guest::{Act, Guest};
use crate::world::{Active, INTERVAL, Store};

/// A guest that has served for longer than this must have been seen to: every concern was
/// looked at by then, and a knock was answered.
const SEEN_TO_SERVE: u64 = 20_000;

/// 2026-01-01, in seconds since 1970: before, this program was not made.
const POSSIBLE: u64 = 1_767_225_600;

/// Whether it restarts the server.
fn restarts(remedy: ollama::Remedy) -> bool {
    !remedy.spares_server() && remedy != ollama::Remedy::ResetFailed
}

/// Whether it leaves a link with an address as it is.
fn leaves_addresses(remedy: network::Remedy) -> bool {
    matches!(remedy, network::Remedy::MatchByName | network::Remedy::RepeatLease)
}

/// Whether it ends what is being computed.
fn ends_requests(remedy: ollama::Remedy) -> bool {
    restarts(remedy) || remedy == ollama::Remedy::StopRunner
}

impl Watch {
    /// No remedy runs more often than its budget allows, in any window, whatever restarts. A run
    /// is counted when it is chosen; it begins up to ten seconds later, when that is saved.
    pub(super) fn budgets_hold(&mut self, guest: &Guest, remedy: Remedy) -> Verdict {
        let budget = remedy.budget();
        let window = u64::try_from(budget.window.as_millis()).unwrap_or(u64::MAX) - 10_000;
        let now = guest.world.now;
        self.runs.retain(|(at, _)| now - at < 3_600_000);
        let counted = self.runs.iter().filter(|(at, of)| *of == remedy && now - at < window);
        let count = counted.count();
        if count > budget.limit {
            let what = format!("{} ran {count} times in {window} ms", remedy.name());
            return broken(guest, "budgets_hold", what);
        }
        Ok(())
    }

    /// What cloud-init is about to set up is left to it.
    pub(super) fn cloud_init_is_waited_for(guest: &Guest, remedy: Remedy) -> Verdict {
        let world = &guest.world;
        let hold = u64::try_from(guest.config().bootstrap.hold.as_millis()).unwrap_or(u64::MAX);
        let waits = match remedy {
            Remedy::Network(_) => world.cloud_init.owes_network(),
            _ => world.cloud_init.runs(),
        };
        if waits && world.uptime() < hold {
            return broken(guest, "cloud_init_is_waited_for", remedy.name());
        }
        Ok(())
    }

    /// A restart throws away what a pull is loading.
    pub(super) fn no_restart_during_a_pull(guest: &Guest, remedy: Remedy) -> Verdict {
        let restarts = matches!(remedy, Remedy::Ollama(remedy) if restarts(remedy));
        if restarts && matches!(guest.memory.pull, PullState::Running(_)) {
            return broken(guest, "no_restart_during_a_pull", remedy.name());
        }
        Ok(())
    }

    /// Never worse than doing nothing: whoever serves, busy or not, is left alone.
    pub(super) fn what_serves_is_not_disturbed(guest: &Guest, act: &Act) -> Verdict {
        let disturbs = match act.remedy {
            Remedy::Network(remedy) => !leaves_addresses(remedy),
            Remedy::Ollama(remedy) => ends_requests(remedy),
            Remedy::Storage(_) | Remedy::Model(_) | Remedy::Further(_) | Remedy::Gpu(_) => false,
        };
        // Who was lied to may be wrong. Who saw nothing has to know that he did not.
        let lied_to = [concern::NETWORK, concern::OLLAMA, concern::FIREWALL]
            .iter()
            .any(|concern| !guest.sees(*concern));
        let misled = lied_to || guest.senses.knocks_until + SEEN_TO_SERVE > guest.world.now;
        if disturbs && !misled && act.served > SEEN_TO_SERVE {
            let what = format!("{} after {} ms of service", act.remedy.name(), act.served);
            return broken(guest, "what_serves_is_not_disturbed", what);
        }
        Ok(())
    }

    /// A restart that systemd would refuse loses a server that runs. Of starts that no event told
    /// of, looks see that there were some, and not how many.
    pub(super) fn no_restart_into_the_start_limit(guest: &Guest, act: &Act) -> Verdict {
        let deaf = guest.senses.deaf_until.max(guest.senses.late_until);
        let told = deaf == 0 || deaf + INTERVAL <= guest.world.now;
        let restarts = matches!(act.remedy, Remedy::Ollama(remedy) if restarts(remedy));
        if restarts && act.limited && told {
            return broken(guest, "no_restart_into_the_start_limit", act.remedy.name());
        }
        Ok(())
    }

    /// Nothing is written, and no server started, where the disk should be and is not.
    pub(super) fn nothing_without_the_disk(guest: &Guest, remedy: Remedy) -> Verdict {
        let writes = !matches!(remedy, Remedy::Network(_) | Remedy::Gpu(_));
        if writes && !guest.world.disk.mounted {
            return broken(guest, "nothing_without_the_disk", remedy.name());
        }
        Ok(())
    }
    /// A server that waits for a disk that hangs, or whose directory is closed, would find none of
    /// its models when it started anew.
    pub(super) fn a_server_that_waits_for_its_disk_is_left_alone(
        guest: &Guest,
        remedy: Remedy,
    ) -> Verdict {
        let disk = &guest.world.disk;
        let waits = disk.hangs || disk.writes_hang || disk.closed;
        let restarts = matches!(remedy, Remedy::Ollama(remedy) if restarts(remedy));
        let known = guest.sees(concern::STORAGE) && guest.is_told(concern::STORAGE);
        if restarts && waits && disk.mounted && known {
            return broken(guest, "a_server_that_waits_for_its_disk_is_left_alone", remedy.name());
        }
        Ok(())
    }

    /// What a pull has loaded so far looks like what was given up.
    pub(super) fn no_room_is_made_during_a_pull(guest: &Guest, remedy: Remedy) -> Verdict {
        let makes_room = remedy == Remedy::Storage(storage::Remedy::MakeRoom);
        if makes_room && matches!(guest.memory.pull, PullState::Running(_)) {
            return broken(guest, "no_room_is_made_during_a_pull", remedy.name());
        }
        Ok(())
    }

    /// Nothing is pulled to another disk than the models', to one without room for it, or at a
    /// time at which no certificate is valid.
    pub(super) fn nothing_is_pulled_in_vain(guest: &Guest, remedy: Remedy) -> Verdict {
        if remedy != Remedy::Model(model::Remedy::Pull) {
            return Ok(());
        }
        let world = &guest.world;
        let least = guest.config().storage.minimum_free_bytes;
        // One that is about to end pulls nothing.
        let elsewhere =
            world.server.keeps() != Store::Inside && world.unit.active == Active::Active;
        let why = if elsewhere && guest.sees(concern::OLLAMA) {
            "to another disk"
        } else if world.disk.free < least && guest.sees(concern::STORAGE) {
            "to a disk without room"
        } else if guest.moment().wall < UNIX_EPOCH + Duration::from_secs(POSSIBLE) {
            "by an impossible clock"
        } else {
            return Ok(());
        };
        broken(guest, "nothing_is_pulled_in_vain", why)
    }
}
