//! `saigak-agent config check` and `reload`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{complain, say, socket};
use crate::config::{self, ConfigError};

/// Says everything that is wrong with the drop-in files of `directories`, or of those that the
/// agent reads. Ends with 0 if they can be used, with 78 if not.
pub(super) fn check(directories: &[PathBuf]) -> ExitCode {
    let errors = if directories.is_empty() {
        config::check(&config::DIRECTORIES)
    } else {
        config::check(directories)
    };
    if errors.is_empty() {
        say("the configuration can be used\n");
        return ExitCode::SUCCESS;
    }
    for error in &errors {
        say(&format!("{error}\n"));
    }
    ExitCode::from(ConfigError::EXIT_STATUS)
}

/// The status with which the daemon refuses a configuration: `422 Unprocessable Content`.
const UNUSABLE: u16 = 422;

/// Has the daemon read its configuration anew, and waits for what comes of it.
pub(super) fn reload() -> ExitCode {
    match socket::order("/v1/reload") {
        Ok(answer) => {
            say(&answer);
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error.to_string());
            match error {
                socket::AskError::Refused { status: UNUSABLE, .. } => {
                    ExitCode::from(ConfigError::EXIT_STATUS)
                }
                _ => ExitCode::FAILURE,
            }
        }
    }
}
