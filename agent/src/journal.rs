//! Log events to the journal, in its native protocol
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>), from a thread of their own: a journald that
//! is stopped, or that waits for its disk, lets its socket fill up, and whoever writes hangs.

use std::fmt::{self, Write as _};
use std::io;
use std::os::unix::net::UnixDatagram;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::outlet::Outlet;

const SOCKET: &str = "/run/systemd/journal/socket";

/// Entries that may wait: some minutes of a guest that flaps.
const ROOM: usize = 256;

/// Bytes of one field that are kept. A datagram of more than a socket buffer (about 200 KiB)
/// could not be sent at all.
const FIELD_MAX: usize = 8 << 10;

/// The layer that hands each event over as a journal entry.
#[derive(Debug)]
pub struct Journal {
    outlet: Outlet<Vec<u8>>,
}

impl Journal {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where no socket can be had.
    pub fn start() -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        let mut missed = 0_u64;
        let send = move |entry: Vec<u8>| {
            // By name each time: a journald that was started anew has a new socket there.
            if socket.send_to(&entry, SOCKET).is_err() {
                missed += 1;
            } else if missed > 0 {
                let text = format!("{missed} messages are missing: there was no journal");
                let note = entry_of(Level::WARN, &text, &[]);
                if socket.send_to(&note, SOCKET).is_ok() {
                    missed = 0;
                }
            }
        };
        Ok(Self { outlet: Outlet::start("journal", ROOM, send) })
    }

    /// The way into the thread, to flush it and to ask what it lost.
    #[must_use]
    pub fn outlet(&self) -> Outlet<Vec<u8>> {
        self.outlet.clone()
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.outlet.put(entry_of(*event.metadata().level(), &fields.message, &fields.others));
    }
}

/// The fields of one event as text.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn take(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else {
            self.others.push((field.name(), value));
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }
}

/// One entry. The message holds the fields too, for whoever reads lines; each is a field of its
/// own, `F_NAME`, for whoever searches.
fn entry_of(level: Level, message: &str, fields: &[(&str, String)]) -> Vec<u8> {
    // syslog(3): 3 is an error, 4 a warning, 5 a notice, 7 is for debugging.
    let priority = match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "5",
        _ => "7",
    };
    let mut text = message.to_owned();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        // Writing to a string cannot fail.
        let _ = write!(text, " {name}={value}");
    }
    let mut entry = Vec::with_capacity(256);
    append(&mut entry, "MESSAGE", &text);
    append(&mut entry, "PRIORITY", priority);
    append(&mut entry, "SYSLOG_IDENTIFIER", "saigak-agent");
    for (name, value) in fields {
        append(&mut entry, &format!("F_{}", name.to_uppercase()), value);
    }
    entry
}

/// A field with its length, so that its value may hold any byte.
fn append(entry: &mut Vec<u8>, name: &str, value: &str) {
    let mut end = value.len().min(FIELD_MAX);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let value = &value.as_bytes()[..end];
    entry.extend_from_slice(name.as_bytes());
    entry.push(b'\n');
    entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    entry.extend_from_slice(value);
    entry.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields of an entry, read as journald does.
    fn read(mut entry: &[u8]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        while let Some(end) = entry.iter().position(|byte| *byte == b'\n') {
            let (name, rest) = entry.split_at(end);
            let (length, rest) = rest[1..].split_at(8);
            let length = usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            fields.push((text(name), text(&rest[..length])));
            assert_eq!(rest[length], b'\n');
            entry = &rest[length + 1..];
        }
        fields
    }

    #[test]
    fn an_entry_holds_its_fields_in_the_message_and_apart() {
        let fields = [("remedy", "a/B".to_owned()), ("said", "two\nlines".into())];
        let read = read(&entry_of(Level::INFO, "repair ended", &fields));
        let field = |name: &str| read.iter().find(|(n, _)| n == name).unwrap().1.clone();
        assert_eq!(field("MESSAGE"), "repair ended remedy=a/B said=two\nlines");
        assert_eq!(field("PRIORITY"), "5");
        assert_eq!(field("SYSLOG_IDENTIFIER"), "saigak-agent");
        assert_eq!(field("F_SAID"), "two\nlines");
    }

    #[test]
    fn a_long_field_is_cut_between_characters() {
        let entry = entry_of(Level::WARN, &"\u{e9}".repeat(FIELD_MAX), &[]);
        assert_eq!(read(&entry)[0].1, "\u{e9}".repeat(FIELD_MAX / 2));
        let odd = format!("x{}", "\u{e9}".repeat(FIELD_MAX));
        assert_eq!(read(&entry_of(Level::WARN, &odd, &[]))[0].1.len(), FIELD_MAX - 1);
    }
}
