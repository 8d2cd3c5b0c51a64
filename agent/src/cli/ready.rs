//! `saigak-agent ready`: for exec probes, through the launcher pod and the guest agent.

use std::process::ExitCode;

use super::{say, socket};

/// Prints one line; ends with 0 if the guest is ready, with 1 if it is not or nobody says so.
pub(super) fn ready() -> ExitCode {
    let answer = socket::report().map_err(|error| error.to_string());
    let verdict = answer.and_then(|(_, report)| match (report.ready, report.cause) {
        (true, _) => Ok(()),
        (false, Some(cause)) => {
            Err(format!("{}/{}: {}", cause.condition, cause.reason, cause.message))
        }
        (false, None) => Err("the agent has just started".into()),
    });
    match verdict {
        Ok(()) => {
            say("ready\n");
            ExitCode::SUCCESS
        }
        Err(why) => {
            say(&format!("not ready: {why}\n"));
            ExitCode::FAILURE
        }
    }
}
