//! A server beside the guest that a scenario can take away and bring back.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// A child process that is started and stopped by name.
pub struct Service {
    name: &'static str,
    make: Box<dyn Fn() -> Command>,
    child: Mutex<Option<Child>>,
}

impl Service {
    /// A service that is not running yet.
    pub fn new(name: &'static str, make: impl Fn() -> Command + 'static) -> Self {
        Self { name, make: Box::new(make), child: Mutex::new(None) }
    }

    /// Starts it, if it is not running.
    pub async fn start(&self) -> Result<()> {
        let mut child = self.child.lock().await;
        if child.is_none() {
            let mut command = (self.make)();
            command.stdin(std::process::Stdio::null()).kill_on_drop(true);
            *child =
                Some(command.spawn().with_context(|| format!("cannot start the {}", self.name))?);
        }
        Ok(())
    }

    /// Ends it, if it is running, and waits until it is gone.
    pub async fn stop(&self) -> Result<()> {
        let Some(mut child) = self.child.lock().await.take() else { return Ok(()) };
        timeout(Duration::from_secs(5), child.kill())
            .await
            .with_context(|| format!("the {} does not end", self.name))?
            .with_context(|| format!("cannot end the {}", self.name))
    }

    /// The exit status, if it ended by itself.
    pub async fn ended(&self) -> Option<std::process::ExitStatus> {
        self.child.lock().await.as_mut()?.try_wait().ok()?
    }
}
