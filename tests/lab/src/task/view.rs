//! The live view of a guest's status.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::pending;

use tokio::time::Instant;

use crate::guest::Guest;
use crate::say;

/// Shows `saigak-agent status` as the guest itself prints it, anew at each change. Where there
/// is no terminal to redraw, one line for each change of the verdict.
pub struct View {
    start: Instant,
    height: usize,
    last: String,
}

impl View {
    /// A view that has shown nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now(), height: 0, last: String::new() }
    }

    /// Shows the guest while something is done to it.
    pub async fn during<T>(&mut self, guest: &Guest, work: impl Future<Output = T>) -> T {
        let mut changes = guest.timeline.changes();
        // Both at once: a machine's agent hears one of them after the other.
        let watching = async {
            while changes.changed().await.is_ok() {
                self.show(guest).await;
            }
            pending::<Infallible>().await
        };
        let outcome = tokio::select! {
            outcome = work => outcome,
            never = watching => match never {},
        };
        self.show(guest).await;
        if !say::is_terminal() {
            say::raw(&indent(&status(guest).await));
        }
        self.height = 0;
        outcome
    }

    async fn show(&mut self, guest: &Guest) {
        if say::is_terminal() {
            self.redraw(&indent(&status(guest).await));
        } else if let Some(report) = guest.timeline.last() {
            let line = report.to_string();
            if line != self.last {
                let at = self.start.elapsed().as_secs_f64();
                say::line(&format!("  {at:6.1} s  {line}"));
                self.last = line;
            }
        }
    }

    fn redraw(&mut self, text: &str) {
        let mut screen = String::new();
        if self.height > 0 {
            // Writing to a string cannot fail. Up by the old height, and clear from there.
            let _ = write!(screen, "\x1b[{}A\x1b[J", self.height);
        }
        screen.push_str(text);
        self.height = text.lines().count();
        say::raw(&screen);
    }
}

impl Default for View {
    fn default() -> Self {
        Self::new()
    }
}

async fn status(guest: &Guest) -> String {
    // Wide lines would wrap, and the next redraw would miss by as many.
    let script = "saigak-agent status 2>&1 | cut --characters=1-110";
    guest.try_sh(script).await.map_or_else(|error| format!("{error:#}\n"), |done| done.stdout)
}

fn indent(text: &str) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        let bar = say::paint("2", "│");
        let _ = writeln!(all, "  {bar} {line}");
        all
    })
}
