//! `saigakctl smoke`: whether clients are served, seen from where they are.
//!
//! A VM that runs and cannot be reached is told apart from one that answers wrongly: each failure
//! names the layer at which it happened.

mod client;
mod report;
mod steps;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use reqwest::Url;
use tokio::time::{Instant, sleep, timeout_at};

use crate::report::complain;
use steps::Step;

/// Options of `saigakctl smoke`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where clients reach the server: http://HOST:PORT
    url: Url,
    /// The model that clients ask for, or its alias
    #[arg(long)]
    model: String,
    /// How many numbers an embedding must have
    #[arg(long, value_name = "NUMBERS")]
    dimension: Option<usize>,
    /// For how long to try again until all is well, in seconds; 0 tries once
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(..=3600))]
    within: u64,
    /// How to print what came of it
    #[arg(long, value_enum, default_value_t = Format::People)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A line for each step
    People,
    /// One object, of a versioned shape
    Json,
    /// A test suite, a case for each step
    Junit,
}

/// Where a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// The name has no address.
    Name,
    /// No way leads to the address.
    Route,
    /// Nothing listens there, or a firewall says so.
    Refused,
    /// No answer came in time.
    TimedOut,
    /// It is no HTTP, or not the status that it should be.
    Http,
    /// The answer says something else.
    Body,
}

impl Layer {
    fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Route => "route",
            Self::Refused => "refused",
            Self::TimedOut => "timed out",
            Self::Http => "HTTP",
            Self::Body => "body",
        }
    }

    /// Whether the server was reached at all.
    fn reached(self) -> bool {
        matches!(self, Self::Http | Self::Body)
    }
}

/// What went wrong, and at which layer.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) layer: Layer,
    pub(crate) message: String,
}

/// One pass over all steps, up to the first that failed.
#[derive(Debug)]
pub(crate) struct Pass {
    /// What each step that worked found, and how long it took.
    done: Vec<(Step, String, Duration)>,
    failed: Option<(Step, Failure)>,
}

/// All is well.
const WELL: u8 = 0;
/// The server is reached, and wrong.
const WRONG: u8 = 1;
/// The server is not reached.
const UNREACHABLE: u8 = 2;
/// Wrong usage: `EX_USAGE` of sysexits(3).
const USAGE: u8 = 64;
/// Between two passes.
const PAUSE: Duration = Duration::from_secs(1);

/// Tries until all is well or the time is over, and prints the last pass.
pub(crate) fn smoke(options: &Options) -> ExitCode {
    if options.url.scheme() != "http" || options.url.host_str().is_none() {
        complain(&format!("{}: only http://HOST:PORT can be asked", options.url));
        return ExitCode::from(USAGE);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("no event loop: {error}"));
            return ExitCode::from(UNREACHABLE);
        }
    };
    let (pass, passes) = runtime.block_on(try_until_well(options));
    match options.format {
        Format::People => report::people(options, &pass, passes),
        Format::Json => report::json(options, &pass, passes),
        Format::Junit => report::junit(options, &pass),
    }
    ExitCode::from(match &pass.failed {
        None => WELL,
        Some((_, failure)) if failure.layer.reached() => WRONG,
        Some(_) => UNREACHABLE,
    })
}

/// The last pass, and how many there were.
async fn try_until_well(options: &Options) -> (Pass, usize) {
    let within = Duration::from_secs(options.within);
    let deadline = (within > Duration::ZERO).then(|| Instant::now() + within);
    let mut passes = 0;
    loop {
        passes += 1;
        let pass = one_pass(options, deadline).await;
        if pass.failed.is_none() || deadline.is_none_or(|end| Instant::now() + PAUSE >= end) {
            return (pass, passes);
        }
        sleep(PAUSE).await;
    }
}

async fn one_pass(options: &Options, deadline: Option<Instant>) -> Pass {
    let mut pass = Pass { done: Vec::new(), failed: None };
    for step in Step::ALL {
        let start = Instant::now();
        // A step that hangs leaves time for another pass.
        let end = start + step.patience();
        let end = deadline.map_or(end, |deadline| deadline.min(end));
        let outcome = timeout_at(end, step.take(options)).await.unwrap_or_else(|_| {
            let waited = start.elapsed().as_secs_f64();
            let message = format!("no answer within {waited:.0} s");
            Err(Failure { layer: Layer::TimedOut, message })
        });
        match outcome {
            Ok(found) => pass.done.push((step, found, start.elapsed())),
            Err(failure) => {
                pass.failed = Some((step, failure));
                break;
            }
        }
    }
    pass
}
