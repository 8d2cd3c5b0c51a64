//! `saigakctl smoke`: whether clients are served, seen from where they are.
//!
//! A VM that runs and cannot be reached is told apart from one that answers wrongly: each failure
//! names the layer at which it happened. What the agent in the guest says of itself can be held
//! against it.

mod listen;
mod metrics;
mod options;
mod pass;
mod readiness;
mod report;
mod steps;

use std::process::ExitCode;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::client::{self, Trust};
use crate::report::complain;
use options::Format;
pub(crate) use options::Options;
use pass::{Pass, Verdict};

/// Wrong usage: `EX_USAGE` of sysexits(3).
const USAGE: u8 = 64;
/// The system gave no event loop or no port: `EX_OSERR`.
const SYSTEM: u8 = 71;
/// Between two passes.
const PAUSE: Duration = Duration::from_secs(1);

impl Verdict {
    fn exit_status(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Wrong => 1,
            Self::Unreachable => 2,
            Self::Contradicted => 3,
        }
    }
}

/// Tries until all is well or the time is over, and prints the last pass; or goes on for good.
pub(crate) fn smoke(options: &Options) -> ExitCode {
    let trust = match usable(options) {
        Ok(trust) => trust,
        Err(message) => {
            complain(&message);
            return ExitCode::from(USAGE);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("no event loop: {error}"));
            return ExitCode::from(SYSTEM);
        }
    };
    if let Some(address) = options.listen {
        let ended = runtime.block_on(listen::listen(options, &trust, address));
        runtime.shutdown_background();
        return match ended {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(&format!("{address}: {error}"));
                ExitCode::from(SYSTEM)
            }
        };
    }
    let (pass, passes) = runtime.block_on(try_until_well(options, &trust));
    // A name that nobody answers for is still being looked up: nobody waits for that.
    runtime.shutdown_background();
    match options.format {
        Format::People => report::people(options, &pass, passes),
        Format::Json => report::json(options, &pass, passes),
        Format::Junit => report::junit(options, &pass),
    }
    ExitCode::from(pass.verdict().exit_status())
}

/// Whether everything that was given can be used; whom to trust.
fn usable(options: &Options) -> Result<Trust, String> {
    let routes = options.routes()?;
    let readiness = options.readiness();
    let urls = [&options.url].into_iter().chain(routes.iter().map(|route| &route.url));
    for url in urls.chain(&readiness) {
        if let Some(flaw) = client::flaw(url) {
            return Err(format!("{url}: {flaw}"));
        }
    }
    Trust::new(options.cacert.as_deref())
}

/// The last pass, and how many there were.
async fn try_until_well(options: &Options, trust: &Trust) -> (Pass, usize) {
    let within = Duration::from_secs(options.within);
    let deadline = (within > Duration::ZERO).then(|| Instant::now() + within);
    let mut passes = 0;
    loop {
        passes += 1;
        let pass = Pass::make(options, trust, deadline).await;
        let well = pass.verdict() == Verdict::Well;
        if well || deadline.is_none_or(|end| Instant::now() + PAUSE >= end) {
            return (pass, passes);
        }
        sleep(PAUSE).await;
    }
}
