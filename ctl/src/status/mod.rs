//! `saigakctl status`: a fleet, a line for each guest, as their agents see themselves.

mod guest;
mod options;
mod target;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::report::complain;
use guest::Guest;
pub(crate) use options::Options;

/// Of the JSON's shape. It changes when a field changes its meaning or is taken away.
const VERSION: u64 = 1;
/// Guests asked at once: well below the number of files that a process may have open.
const AT_ONCE: usize = 128;
/// Home, and clear to the end of the screen.
const CLEAR: &str = "\u{1b}[H\u{1b}[J";

/// All are ready.
const READY: u8 = 0;
/// Some are not.
const NOT_READY: u8 = 1;
/// Some do not answer.
const UNKNOWN: u8 = 2;

/// Asks all guests, once or for good.
pub(crate) fn status(options: Options) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("no event loop: {error}"));
            return ExitCode::from(UNKNOWN);
        }
    };
    let options = Arc::new(options);
    if options.watch {
        // Where standard output is closed, nobody watches any more.
        let _ = runtime.block_on(watch(&options));
        runtime.shutdown_background();
        return ExitCode::from(READY);
    }
    let guests = runtime.block_on(ask(&options));
    // A name that nobody answers for is still being looked up: nobody waits for that.
    runtime.shutdown_background();
    let text = if options.json { object(&guests) } else { table(&guests) };
    let _ = put(&text);
    ExitCode::from(if guests.iter().any(|guest| guest.ready.is_none()) {
        UNKNOWN
    } else if guests.iter().any(|guest| guest.ready == Some(false)) {
        NOT_READY
    } else {
        READY
    })
}

/// All guests side by side, in the order in which they were given.
async fn ask(options: &Arc<Options>) -> Vec<Guest> {
    let within = Duration::from_secs(options.within);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut asked = JoinSet::new();
    for index in 0..options.targets.len() {
        let (options, places) = (Arc::clone(options), Arc::clone(&places));
        asked.spawn(async move {
            // Never closed.
            let _place = places.acquire().await;
            (index, Guest::ask(&options.targets[index], within).await)
        });
    }
    let mut guests = asked.join_all().await;
    guests.sort_unstable_by_key(|(index, _)| *index);
    guests.into_iter().map(|(_, guest)| guest).collect()
}

async fn watch(options: &Arc<Options>) -> io::Result<()> {
    let screen = io::stdout().is_terminal() && !options.json;
    let mut before: Vec<Guest> = Vec::new();
    let mut looks = interval(Duration::from_secs(options.every));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let guests = ask(options).await;
        if screen {
            put(&format!("{CLEAR}{}", table(&guests)))?;
            continue;
        }
        for (index, guest) in guests.iter().enumerate() {
            if before.get(index).is_none_or(|before| guest.differs(before)) {
                let line = || format!("{}\n", json!(guest));
                put(&if options.json { line() } else { guest.line(0) })?;
            }
        }
        before = guests;
    }
}

fn table(guests: &[Guest]) -> String {
    let width = guests.iter().map(Guest::width).max().unwrap_or(0);
    guests.iter().map(|guest| guest.line(width)).collect()
}

fn object(guests: &[Guest]) -> String {
    format!("{:#}\n", json!({ "version": VERSION, "guests": guests }))
}

fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}
