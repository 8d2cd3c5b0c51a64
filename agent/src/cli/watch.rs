//! `saigak-agent status --watch`: the status as it changes, until it is interrupted.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use reqwest::Method;
use tokio::time::{self, Instant};

use super::complain;
use super::socket::{self, AskError};
use super::status::{Paint, render};
use crate::core::{BootClock, Clock, Report};

/// On a terminal ages count up.
const REDRAWN: Duration = Duration::from_secs(1);

/// Between two attempts to find an agent that answers.
const AGAIN: Duration = Duration::from_secs(1);

/// Home, and clear to the end of the screen.
const CLEAR: &str = "\u{1b}[H\u{1b}[J";

/// A pipe that nobody reads any more: the end, and no error.
struct Closed;

/// Shows the status until nobody reads it any more.
pub(super) fn watch(json: bool) -> ExitCode {
    let look = if json {
        Look::Json
    } else if io::stdout().is_terminal() {
        Look::Screen
    } else {
        Look::Lines
    };
    match socket::block_on(follow(look)) {
        Ok(Closed) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// How it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Drawn anew on a terminal.
    Screen,
    /// A line for each change of the verdict, the cause, or the next step.
    Lines,
    /// The reports themselves, one a line.
    Json,
}

async fn follow(look: Look) -> Closed {
    let mut view = View { look, last: None, said: String::new() };
    loop {
        // One that ends may be upgraded: the next is waited for.
        match stream(&mut view).await {
            Ok(Closed) => return Closed,
            Err(error) => {
                if view.gone(&error).is_err() {
                    return Closed;
                }
            }
        }
        time::sleep(AGAIN).await;
    }
}

/// Shows what one agent says, until it ends.
async fn stream(view: &mut View) -> Result<Closed, AskError> {
    let mut response = socket::ask(Method::GET, "/v1/watch", None).await?;
    let mut pending: Vec<u8> = Vec::new();
    let mut redraw = Instant::now() + REDRAWN;
    loop {
        tokio::select! {
            chunk = response.chunk() => {
                // However it ends: the agent has.
                let Ok(Some(chunk)) = chunk else { return Err(AskError::NoAgent) };
                pending.extend_from_slice(&chunk);
                while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = pending.drain(..=end).collect();
                    let line = String::from_utf8_lossy(&line);
                    if view.show(socket::read(&line)?, &line).is_err() {
                        return Ok(Closed);
                    }
                }
            }
            () = time::sleep_until(redraw) => {
                redraw = Instant::now() + REDRAWN;
                if view.draw().is_err() {
                    return Ok(Closed);
                }
            }
        }
    }
}

struct View {
    look: Look,
    last: Option<Report>,
    said: String,
}

impl View {
    fn show(&mut self, report: Report, line: &str) -> io::Result<()> {
        match self.look {
            Look::Json => put(line),
            Look::Lines => {
                let change = change(&report);
                if change == self.said {
                    return Ok(());
                }
                let text = format!("{} {change}\n", report.at);
                self.said = change;
                put(&text)
            }
            Look::Screen => {
                self.last = Some(report);
                self.draw()
            }
        }
    }

    /// Draws the screen anew.
    fn draw(&self) -> io::Result<()> {
        let Some(report) = self.last.as_ref().filter(|_| self.look == Look::Screen) else {
            return Ok(());
        };
        let now = BootClock.now().wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        put(&format!("{CLEAR}{}", render(report, now, Paint::on_terminal())))
    }

    /// Nobody answers: what was shown before counts no more.
    fn gone(&mut self, error: &AskError) -> io::Result<()> {
        let text = error.to_string();
        self.last = None;
        if text == self.said {
            return Ok(());
        }
        self.said.clone_from(&text);
        match self.look {
            Look::Screen => put(&format!("{CLEAR}{text}\n")),
            Look::Lines => put(&format!("{text}\n")),
            Look::Json => {
                complain(&text);
                Ok(())
            }
        }
    }
}

/// What a change is, in one line.
fn change(report: &Report) -> String {
    let verdict = match &report.cause {
        Some(cause) => format!("NotReady {}/{}", cause.condition, cause.reason),
        None => report.verdict.word().into(),
    };
    // Ten lines for a whole pull.
    let pull = report
        .pull
        .as_ref()
        .map_or_else(String::new, |pull| format!(" pull={}:{}0%", pull.model, pull.percent() / 10));
    format!("{verdict} next={}{pull}", report.next)
}

fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}
