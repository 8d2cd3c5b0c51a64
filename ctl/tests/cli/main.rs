//! The program as a person or a script runs it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "all of this is tests, the helpers too"
)]

mod allow;
mod embedded;
mod fix;
mod hostile;
mod image;
mod incident;
mod kustomization;
mod manual;
mod options;
mod output;
mod render;
mod revision;
mod rules;
mod run;
mod server;
mod severity;
mod smoke;
mod status;
