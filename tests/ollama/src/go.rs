//! Error texts and durations in Go's words, because clients of Ollama see those.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;

use crate::clock::FOREVER;

/// A failed operation on a file, printed as Go prints it: `open /x: permission denied`.
#[derive(Debug, thiserror::Error)]
#[error("{op} {}: {}", path.display(), io_text(source))]
pub(crate) struct PathError {
    op: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl PathError {
    pub(crate) fn not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// Names the operation and the path of a failure.
pub(crate) fn on<'a>(
    op: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> PathError + use<'a> {
    move |source| PathError { op, path: path.to_owned(), source }
}

/// The text of an operating system error. Go starts it in lower case and has two words of its own.
pub(crate) fn io_text(error: &io::Error) -> String {
    let Some(number) = error.raw_os_error() else { return error.to_string() };
    match Errno::from_raw(number) {
        Errno::EADDRNOTAVAIL => "cannot assign requested address".to_owned(),
        Errno::EROFS => "read-only file system".to_owned(),
        errno => {
            let mut text = errno.desc().to_owned();
            if let Some(first) = text.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            text
        }
    }
}

/// The text that Go's JSON decoder has for input that serde refused.
pub(crate) fn json_text(input: &[u8], error: &serde_json::Error) -> String {
    let start = input.iter().position(|byte| !byte.is_ascii_whitespace());
    let Some(rest) = start.map(|at| &input[at..]) else { return "EOF".to_owned() };
    if error.is_eof() {
        return "unexpected EOF".to_owned();
    }
    for literal in ["null", "true", "false"] {
        if rest[0] == literal.as_bytes()[0] {
            return literal_text(rest, literal);
        }
    }
    if b"{[\"-0123456789".contains(&rest[0]) {
        return error.to_string();
    }
    format!("invalid character {:?} looking for beginning of value", char::from(rest[0]))
}

fn literal_text(rest: &[u8], literal: &str) -> String {
    for (seen, want) in rest.iter().zip(literal.bytes()) {
        if *seen != want {
            return format!(
                "invalid character {:?} in literal {literal} (expecting {:?})",
                char::from(*seen),
                char::from(want)
            );
        }
    }
    "unexpected EOF".to_owned()
}

/// Go's `time.ParseDuration` for what people write: `5m`, `1h30m`, `2s`, `300ms`, `-1s`.
/// Negative durations, and `0` with a sign, follow the caller's rule for them: here, for ever.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let value: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        if rest.is_empty() {
            return Err(format!("time: missing unit in duration {text:?}"));
        }
        let (unit, length) = if rest.starts_with("ms") {
            (0.001, 2)
        } else {
            match rest.as_bytes()[0] {
                b's' => (1.0, 1),
                b'm' => (60.0, 1),
                b'h' => (3600.0, 1),
                _ => return Err(invalid()),
            }
        };
        total += value * unit;
        rest = &rest[length..];
    }
    if text.is_empty() {
        return Err(invalid());
    }
    if negative {
        return Ok(FOREVER);
    }
    Ok(Duration::try_from_secs_f64(total).unwrap_or(FOREVER))
}

/// `keep_alive`, as a number of seconds or a duration in words. Negative means for ever.
pub(crate) fn keep_alive(value: &serde_json::Value) -> Result<Option<Duration>, String> {
    match value {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(text) => duration(text).map(Some),
        serde_json::Value::Number(seconds) => {
            let seconds = seconds.as_f64().unwrap_or(-1.0);
            Ok(Some(Duration::try_from_secs_f64(seconds).unwrap_or(FOREVER)))
        }
        other => Err(format!("Unsupported type {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_in_gos_words() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_mins(90)));
        assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(duration("-1s"), Ok(FOREVER));
        assert_eq!(duration("soon"), Err("time: invalid duration \"soon\"".to_owned()));
        assert_eq!(duration("10"), Err("time: missing unit in duration \"10\"".to_owned()));
        assert_eq!(keep_alive(&serde_json::json!(-1)), Ok(Some(FOREVER)));
    }

    #[test]
    fn json_errors_in_gos_words() {
        let text = |input: &str| {
            let error = serde_json::from_str::<serde_json::Value>(input).unwrap_err();
            json_text(input.as_bytes(), &error)
        };
        assert_eq!(text(""), "EOF");
        assert_eq!(text("{\"model\":"), "unexpected EOF");
        assert_eq!(text("not json"), "invalid character 'o' in literal null (expecting 'u')");
        assert_eq!(text("<html>"), "invalid character '<' looking for beginning of value");
    }
}
