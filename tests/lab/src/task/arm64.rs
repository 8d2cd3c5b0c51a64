//! `cargo lab arm64`: the agent and its package for arm64, built by Debian's compilers on another
//! machine; its unit tests, each instruction of them emulated.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::build::cross::{Built, Cross};
use crate::say;

/// Tests that say nothing of arm64, since QEMU does not pass on what they look at.
const LEFT_OUT: [(&str, &str); 4] = [
    ("a_command_is_quoted_and_one_that_is_missing_is_named", MISSING),
    ("those_that_hang_are_counted_and_end_once_nobody_listens", MISSING),
    ("a_listener_of_this_machine_is_found_and_is_not_the_server_s", "the kernel's socket tables"),
    ("a_group_is_found_by_its_id", "file handles"),
];

/// A parent is told of it by memory that it shares with its child, as no emulated two do.
const MISSING: &str = "a program that cannot be started";

/// Builds, tells the sizes, and tests.
pub async fn run(cross: &Cross<'_>) -> Result<ExitCode> {
    let Built { program, package, depends } = cross.agent().await?;
    for (what, file) in [("program", &program), ("package", &package)] {
        let size = file.metadata().with_context(|| format!("no {}", file.display()))?.len();
        say::line(&format!("arm64 {what}: {size} bytes, {}", file.display()));
    }
    say::line(&format!("it depends on {depends}"));
    say::step("running the agent's unit tests, emulated");
    for (test, why) in LEFT_OUT {
        say::line(&format!("left out: {test}: QEMU does not pass on {why}"));
    }
    cross.test(&LEFT_OUT.map(|(test, _)| test)).await?;
    Ok(ExitCode::SUCCESS)
}
