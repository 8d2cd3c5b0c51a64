//! A new configuration for the running daemon, by SIGHUP or over the control socket.

use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::config::{self, Config, ConfigError};
use crate::guest::RealGuest;
use crate::serve::Reload;

/// Requests that may wait.
const ROOM: usize = 4;

/// Listens for SIGHUP from now on, and hands out the way to ask for a reload. Nothing is reloaded
/// before [`Reloads::serve`] runs, and nothing that was asked for before is lost.
pub(super) fn listen() -> Result<(mpsc::Sender<Reload>, Reloads), String> {
    let mut hangups = signal(SignalKind::hangup()).map_err(|error| format!("signals: {error}"))?;
    let (sender, asked) = mpsc::channel(ROOM);
    let by_signal = sender.clone();
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            // Full: one that waits will read what is there then.
            let _ = by_signal.try_send(Reload { answer: None });
        }
    });
    Ok((sender, Reloads { asked }))
}

/// What was asked for.
pub(super) struct Reloads {
    asked: mpsc::Receiver<Reload>,
}

impl Reloads {
    /// The next one that is asked for.
    pub(super) async fn next(&mut self) -> Option<Reload> {
        self.asked.recv().await
    }

    /// Carries reloads out, one after the other, until nobody can ask any more.
    pub(super) async fn serve(mut self, guest: RealGuest) {
        while let Some(Reload { answer }) = self.next().await {
            let outcome = match &guest.reconfigure(read().await) {
                Ok(later) if later.is_empty() => Ok("the configuration was read anew".to_owned()),
                Ok(later) => {
                    Ok(format!("read anew; {} counts after a restart", later.join(" and ")))
                }
                Err(error) => Err(error.clone()),
            };
            match &outcome {
                Ok(done) => tracing::info!("{done}"),
                Err(error) => tracing::error!(%error, "the old configuration is kept"),
            }
            if let Some(answer) = answer {
                // Whoever asked may be gone.
                let _ = answer.send(outcome);
            }
        }
    }
}

/// Reads it beside the loop: a disk may hang.
pub(super) async fn read() -> Result<Config, ConfigError> {
    let read = tokio::task::spawn_blocking(|| config::load(&config::DIRECTORIES)).await;
    read.unwrap_or_else(|error| Err(ConfigError::unread(Path::new(config::DIRECTORIES[1]), &error)))
}
