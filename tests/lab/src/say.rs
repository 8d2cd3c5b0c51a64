//! Words for the person at the terminal. A closed terminal is no reason to stop.

use std::io::{IsTerminal, Write};

/// One line on standard output.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Text on standard output, just as it is.
pub fn raw(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// A step of the preparation: what is being done, before it is done.
pub fn step(text: &str) {
    line(&paint("2", &format!("· {text}")));
}

/// One line on standard error.
pub fn error(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "saigak-lab: {text}");
}

/// Wraps text in an SGR colour code, on a terminal only.
#[must_use]
pub fn paint(code: &str, text: &str) -> String {
    if is_terminal() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Whether standard output is a terminal.
#[must_use]
pub fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}
