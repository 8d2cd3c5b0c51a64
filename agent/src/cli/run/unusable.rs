//! Settings that cannot be used, from the start. The agent looks at nothing and repairs nothing,
//! since it does not know what was promised; it stays to say so wherever it is asked, and takes
//! the settings once somebody has mended them.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{self, MissedTickBehavior};

use super::reload::Reloads;
use crate::config::{self, Config, ConfigError};
use crate::core::{
    AGENT, Asked, BootClock, Cause, Clock, ConfigurationReport, Engine, Ledger, Outlook, Remedy,
    Report, SETTINGS_UNUSABLE, answered,
};
use crate::serve::Reload;

/// Between two looks at the files. What they say counts once two in a row have read the same:
/// one that is just being written may make sense before its end.
const LOOKS_APART: Duration = Duration::from_secs(2);

/// Between two reports where nothing has changed. A sixth of the unit's `WatchdogSec=`.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Where the probes are answered: where the settings say so is heeded also while they cannot be
/// used for something else, since the usual address is open to everybody.
pub(super) fn address(config: &Result<Config, ConfigError>) -> SocketAddr {
    match config {
        Ok(config) => config.serve.listen,
        Err(_) => {
            config::listen(&config::DIRECTORIES).unwrap_or_else(|| Config::default().serve.listen)
        }
    }
}

/// Waits until the settings that `look` reads can be used, and has `tell` say until then why they
/// cannot. A pause counts at once, so that nothing is repaired under the hands of who mends them.
pub(super) async fn mended<R: Remedy, S>(
    error: ConfigError,
    look: impl AsyncFnMut() -> Result<Config, ConfigError>,
    engine: &mut Engine<R>,
    reloads: &mut Reloads,
    orders: &mut mpsc::Receiver<Asked>,
    save: impl Fn(Ledger) -> S,
    mut tell: impl FnMut(Report),
) -> Config
where
    S: Future<Output = Result<(), String>> + Send + 'static,
{
    tracing::error!(%error, "the settings cannot be used: nothing is done until they can");
    let (found, mut errors) = watch::channel(error);
    // Beside the reports: a disk may hang.
    let mut mended = pin!(read(look, found, reloads));
    let mut beats = time::interval(HEARTBEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let error = errors.borrow_and_update().clone();
        tell(report(engine, &error));
        tokio::select! {
            config = &mut mended => {
                tracing::info!("the settings can be used");
                return config;
            }
            Ok(()) = errors.changed() => {}
            Some(asked) = orders.recv() => {
                let done = engine.obey(BootClock.now(), asked.order);
                let saved = answered(asked.answer, done, save(engine.ledger().clone()));
                // Beside the reports too.
                tokio::spawn(async move {
                    if let Err(error) = saved.await {
                        tracing::warn!(%error, "the ledger was not saved");
                    }
                });
            }
            _ = beats.tick() => {}
        }
    }
}

/// Reads the settings until they can be used. `found` is told what is wrong with them.
async fn read(
    mut look: impl AsyncFnMut() -> Result<Config, ConfigError>,
    found: watch::Sender<ConfigError>,
    reloads: &mut Reloads,
) -> Config {
    let mut looks = time::interval(LOOKS_APART);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = None;
    loop {
        let asked = tokio::select! {
            Some(reload) = reloads.next() => Some(reload),
            _ = looks.tick() => None,
        };
        let config = look().await;
        // Who asks for it says that all is written.
        let counts = asked.is_some() || before.as_ref() == config.as_ref().ok();
        if let Some(Reload { answer: Some(answer) }) = asked {
            let said = config.as_ref().map(|_| "the configuration was read".to_owned());
            let _ = answer.send(said.map_err(ToString::to_string));
        }
        match config {
            Ok(config) if counts => return config,
            Ok(config) => before = Some(config),
            Err(error) => {
                before = None;
                if *found.borrow() != error {
                    tracing::error!(%error, "the settings cannot be used");
                    found.send_replace(error);
                }
            }
        }
    }
}

/// What is told meanwhile: what an earlier agent has left, and this one cause.
fn report<R: Remedy>(engine: &mut Engine<R>, error: &ConfigError) -> Report {
    engine.configured(Some(ConfigurationReport {
        error: Some(error.to_string()),
        ..ConfigurationReport::default()
    }));
    Report {
        cause: Some(Cause {
            condition: AGENT.into(),
            reason: SETTINGS_UNUSABLE.name.into(),
            message: error.to_string(),
        }),
        next: format!("needs a human: mend {}, which is then read by itself", error.place()),
        outlook: Outlook::Settled,
        ..engine.report(BootClock.now(), None, None)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::path::Path;

    use tokio::sync::oneshot;

    use super::super::reload;
    use super::*;
    use crate::core::{AgentReport, Order};
    use crate::guest::{self, CONDITIONS};

    fn at_port(port: u16) -> Config {
        let mut config = Config::default();
        config.ollama.port = port;
        config
    }

    #[tokio::test(start_paused = true)]
    async fn settings_count_once_they_read_the_same_twice() {
        let wrong = |why: &str| ConfigError::unread(Path::new("/etc/x"), &why);
        let mut files = VecDeque::from([
            Err(wrong("one")),
            Err(wrong("two")),
            // Half written, whole, and once more.
            Ok(at_port(1)),
            Ok(at_port(2)),
            Err(wrong("three")),
            Ok(at_port(2)),
            Ok(at_port(2)),
            Ok(at_port(3)),
        ]);
        let now = BootClock.now();
        let engine =
            Engine::<guest::Remedy>::new(CONDITIONS, AgentReport::default(), Ledger::fresh(), now);
        let (_hangup, mut reloads) = reload::listen().unwrap();
        let (order, mut orders) = mpsc::channel(1);
        let (answer, mut answers) = oneshot::channel();
        order.try_send(Asked { order: Order::Pause(Duration::from_secs(60)), answer }).unwrap();
        let (disk, mut saved) = mpsc::unbounded_channel();
        let save = |ledger| std::future::ready(disk.send(ledger).map_err(|e| e.to_string()));
        let mut told: Vec<String> = Vec::new();
        let mut sequence = 0;
        let tell = |report: Report| {
            assert!(!report.ready && report.sequence >= sequence);
            sequence = report.sequence;
            let cause = report.cause.unwrap();
            assert_eq!((&*cause.condition, &*cause.reason), ("Agent", "SettingsUnusable"));
            assert!(report.next.contains("mend /etc/x,"), "{}", report.next);
            told.push(cause.message);
        };
        let look = async || files.pop_front().unwrap();
        let mut engine = engine.unwrap();
        let (reloads, orders) = (&mut reloads, &mut orders);
        let config = mended(wrong("one"), look, &mut engine, reloads, orders, save, tell).await;
        assert_eq!(config, at_port(2));
        assert_eq!(files.len(), 1);
        told.dedup();
        assert_eq!(told, ["/etc/x: one", "/etc/x: two", "/etc/x: three"]);
        // It counts, and is on the disk, before the settings do.
        assert!(answers.try_recv().unwrap().unwrap().starts_with("repairs are paused until "));
        assert!(saved.try_recv().unwrap().paused.is_some());
        assert!(engine.report(BootClock.now(), None, None).paused_until.is_some());
    }
}
