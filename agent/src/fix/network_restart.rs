//! `network-restart`: restarts systemd-networkd.

use super::Reply;
use super::manager::{Job, Unit};

const UNIT: &str = "systemd-networkd.service";

pub(super) async fn run() -> Reply {
    let restart = async {
        let unit = Unit::connect(UNIT).await?;
        // Masked or absent: somebody has chosen another way to run the network.
        unit.must_be_loaded().await?;
        // Stopped and disabled: NetworkManager or ifupdown may run it, and two would fight.
        unit.must_be_in_use().await?;
        unit.run(Job::Restart).await
    };
    match restart.await {
        Ok(()) => Reply::done(format!("restarted {UNIT}")),
        Err(reply) => reply,
    }
}
