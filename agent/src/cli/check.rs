//! `saigak-agent check`: one pass without the daemon. It looks and judges as the daemon does, and
//! with `--repair` it repairs as the daemon does: the same ladders, the same ledger, the same
//! helpers, and as the same user.
//!
//! | status | means |
//! |---|---|
//! | 0 | ready |
//! | 1 | not ready |
//! | 2 | it could not be told, or another agent acts |
//! | 64 | wrong usage |
//! | 78 | the configuration cannot be used |

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::{mpsc, watch};
use tokio::time::{self, Instant};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::arguments::CheckOptions;
use super::status::{Paint, render};
use super::{actor, complain, say, user};
use crate::bus::Bus;
use crate::config::Config;
use crate::core::reconcile::{self, Inbox, Waker};
use crate::core::{BootClock, Clock, Engine, Outlook, Report, Status, rfc3339};
use crate::guest::{CONDITIONS, RealGuest};
use crate::history::{Chronicle, HistoryFile};
use crate::ledger_file::LedgerFile;
use crate::model::References;
use crate::{serve, wake};

/// How long a look around takes at most, unless the caller says: a model that is not loaded yet
/// takes its time to embed.
const LOOK: Duration = Duration::from_secs(60);

/// The same with repairs: some rungs of a ladder, and a download of a small model.
const REPAIR: Duration = Duration::from_secs(600);

/// For so long nothing must have changed before the guest counts as settled: all is looked at
/// anew every two seconds meanwhile.
const QUIET: Duration = Duration::from_secs(3);

const NOT_READY: u8 = 1;
const UNKNOWN: u8 = 2;

/// Looks, repairs if asked to, prints the report.
pub(super) fn check(config: Config, options: CheckOptions) -> ExitCode {
    let level = tracing_subscriber::filter::LevelFilter::INFO;
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).without_time();
    let lines = lines.with_target(false).with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry().with(level).with(lines).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let pass = async || {
        user::become_the_agent(&actor::state_directory())?;
        pass(config, options).await
    };
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(pass());
            // What hangs is left to its thread.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(format!("runtime: {error}")),
    };
    let report = match outcome {
        Ok(report) => report,
        Err(error) => {
            complain(&error);
            return ExitCode::from(UNKNOWN);
        }
    };
    if options.json {
        // A report is plain data; it always has a JSON form.
        say(&(serde_json::to_string(&*report).unwrap_or_default() + "\n"));
    } else {
        let now = BootClock.now().wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        say(&render(&report, now, Paint::on_terminal()));
    }
    ExitCode::from(status(&report))
}

/// The exit status for a report.
fn status(report: &Report) -> u8 {
    match (report.ready, cause_is_seen(report)) {
        (true, _) => 0,
        (false, true) => NOT_READY,
        (false, false) => UNKNOWN,
    }
}

/// Whether the root cause was seen, not merely missed.
fn cause_is_seen(report: &Report) -> bool {
    report.cause.as_ref().is_some_and(|cause| {
        let is_it = |condition: &&crate::core::ConditionReport| condition.r#type == cause.condition;
        report.conditions.iter().find(is_it).is_some_and(|c| c.status == Status::False)
    })
}

async fn pass(config: Config, options: CheckOptions) -> Result<Arc<Report>, String> {
    let started = BootClock.now();
    let agent = actor::identity(started)?;
    let state = actor::state_directory();
    let first = serve::first_report(agent.clone(), rfc3339(started.wall));
    let (publish, reports) = watch::channel(Arc::new(first));
    let file = LedgerFile::in_directory(&state);
    // The lock is held until the end.
    let (engine, file, _lock) = if options.repair {
        let lock = actor::lock(&state).map_err(|error| {
            format!("{error}; it repairs by itself (systemctl stop saigak-agent to do it here)")
        })?;
        (actor::engine(CONDITIONS, agent, &file, started).await?, file, Some(lock))
    } else {
        let (ledger, _) = file.load(&agent.boot_id, started.uptime);
        let engine = Engine::new(CONDITIONS, agent, ledger, started)?;
        let engine = engine.after_sleep(BootClock.asleep()).without_repairs();
        (engine, file.read_only(), None)
    };
    let waker = Arc::new(Waker::default());
    let bus = Arc::new(Bus::default());
    wake::start(&waker, &bus, &config.ollama.unit);
    let references = References::in_directory(&state, file.is_read_only());
    let guest = RealGuest::new(config, bus, Arc::clone(&waker), Arc::default(), file, references)?;

    let history = options.repair.then(|| HistoryFile::in_directory(&state));
    let mut chronicle = Chronicle::default();
    let beat = |report: &Arc<Report>| {
        if let Some(history) = &history {
            let wall = BootClock.now().wall.duration_since(UNIX_EPOCH).unwrap_or_default();
            history.add(chronicle.follow(report, wall.as_secs()));
        }
    };
    let limit = options.timeout.unwrap_or(if options.repair { REPAIR } else { LOOK });
    let stop = settled(reports.clone(), options.repair, limit);
    // Nobody gives orders here.
    let (_, orders) = mpsc::channel(1);
    let inbox = Inbox { waker, orders };
    reconcile::run(engine, &guest, &BootClock, inbox, &publish, beat, stop).await;
    if let Some(history) = &history {
        history.flush();
    }
    let report = Arc::clone(&reports.borrow());
    Ok(report)
}

/// Completes when there is nothing more to be told, or after `limit`.
async fn settled(mut reports: serve::Reports, repair: bool, limit: Duration) {
    let deadline = Instant::now() + limit;
    let mut changed = (0, Instant::now());
    loop {
        let report = Arc::clone(&reports.borrow_and_update());
        if report.sequence != changed.0 {
            changed = (report.sequence, Instant::now());
        }
        // Without repairs, whether something is under way changes nothing.
        let over = cause_is_seen(&report) && (!repair || report.outlook == Outlook::Settled);
        let quiet = changed.1 + QUIET;
        if report.ready || (over && Instant::now() >= quiet) || Instant::now() >= deadline {
            return;
        }
        let until = if over { quiet.min(deadline) } else { deadline };
        if let Ok(Err(_)) = time::timeout_at(until, reports.changed()).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{AgentReport, Cause, ConditionReport, Role};

    fn report(status: Status, outlook: Outlook) -> Report {
        let cause = Cause { condition: "A".into(), reason: "R".into(), message: String::new() };
        let condition = ConditionReport {
            r#type: "A".into(),
            concern: "a".into(),
            role: Role::Required,
            status,
            reason: "R".into(),
            message: String::new(),
            last_transition_time: String::new(),
            since: Duration::ZERO,
        };
        let ready = status == Status::True;
        Report {
            ready,
            cause: (!ready).then_some(cause),
            conditions: vec![condition],
            outlook,
            sequence: 3,
            ..serve::first_report(AgentReport::default(), String::new())
        }
    }

    /// How long `settled` waits for such a guest.
    async fn waits(report: Report, repair: bool) -> Duration {
        let (publish, reports) = watch::channel(Arc::new(report));
        let begun = Instant::now();
        settled(reports, repair, LOOK).await;
        drop(publish);
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_there_is_nothing_more_to_be_told() {
        let under_way = Outlook::UnderWay;
        assert_eq!(waits(report(Status::True, under_way), true).await, Duration::ZERO);
        assert_eq!(waits(report(Status::False, under_way), false).await, QUIET);
        assert_eq!(waits(report(Status::False, under_way), true).await, LOOK);
        assert_eq!(waits(report(Status::False, Outlook::Settled), true).await, QUIET);
        assert_eq!(waits(report(Status::Unknown, Outlook::Settled), false).await, LOOK);
    }

    #[test]
    fn the_exit_status_tells_what_is_known() {
        let told = |status_of| status(&report(status_of, Outlook::Settled));
        assert_eq!([Status::True, Status::False, Status::Unknown].map(told), [0, 1, 2]);
        let first = serve::first_report(AgentReport::default(), String::new());
        assert_eq!(status(&first), UNKNOWN);
    }
}
