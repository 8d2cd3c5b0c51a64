//! The probe as the daemon's own child: in a pod, nobody else starts one.

use std::process::Stdio;

use tokio::process::{Child, ChildStdout, Command};

/// How many may be there at once. Each that hangs keeps its memory, and the container has little.
const AT_ONCE: usize = 2;

/// The children that are not known to have ended. None is ever killed: one that hangs in the
/// kernel cannot be, and one that has the GPU open must not be. Each ends by itself when nobody
/// reads what it says.
#[derive(Debug, Default)]
pub(super) struct Children(Vec<Child>);

/// Why there is none more.
#[derive(Debug)]
pub(super) enum Refused {
    /// As many as there may be have not ended.
    Full,
    /// It could not be started.
    Failed(String),
}

/// This very program, as the probe of a pod.
pub(super) fn probe() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(["gpu-probe", "--sidecar"]);
    command
}

impl Children {
    /// Starts one more, and gives what it says.
    ///
    /// # Errors
    /// There are too many, or it cannot be started.
    pub(super) fn start(&mut self, mut command: Command) -> Result<ChildStdout, Refused> {
        self.0.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        if self.0.len() >= AT_ONCE {
            return Err(Refused::Full);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child =
            child.map_err(|error| Refused::Failed(format!("cannot start the probe: {error}")))?;
        let output = child.stdout.take();
        self.0.push(child);
        output.ok_or_else(|| Refused::Failed("the probe has no output".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_that_hang_are_counted_and_end_once_nobody_listens() {
        let mut children = Children::default();
        let none = children.start(Command::new("/nonexistent/probe"));
        assert!(matches!(none, Err(Refused::Failed(_))));
        // It waits for ever for somebody who reads what it says.
        let start = |children: &mut Children| children.start(Command::new("yes"));
        let said: Vec<_> = (0..AT_ONCE).map(|_| start(&mut children).unwrap()).collect();
        assert!(matches!(start(&mut children), Err(Refused::Full)));
        drop(said);
        for child in &mut children.0 {
            child.wait().await.unwrap();
        }
        start(&mut children).unwrap();
        assert_eq!(children.0.len(), 1);
    }
}
