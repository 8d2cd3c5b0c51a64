//! The program as a person or a script runs it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "all of this is tests, the helpers too"
)]

mod allow;
mod embedded;
mod hostile;
mod incident;
mod output;
mod rules;
mod run;
mod server;
mod smoke;
