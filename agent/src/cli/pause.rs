//! `saigak-agent pause` and `resume`: a person takes over.

use std::process::ExitCode;
use std::time::Duration;

use super::{complain, say, socket};

/// Pauses repairs.
pub(super) fn pause(length: Duration) -> ExitCode {
    order(&format!("/v1/pause?seconds={}", length.as_secs()))
}

/// Ends the pause.
pub(super) fn resume() -> ExitCode {
    order("/v1/resume")
}

fn order(path: &str) -> ExitCode {
    match socket::order(path) {
        Ok(answer) => {
            say(&answer);
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
