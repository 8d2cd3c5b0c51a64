//! Log events to the journal, by a thread of their own: a journald that is stopped, or that waits
//! for its disk, lets its socket fill up, and whoever writes hangs.
//!
//! The layer takes an event down as text and hands it over; the thread says it again, to a
//! subscriber of its own that writes to the journal.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Level, Subscriber, dispatcher};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::outlet::Outlet;

/// Entries that may wait: some minutes of a guest that flaps.
const ROOM: usize = 256;

/// Bytes of one value that are kept: nobody reads more of one line.
const VALUE_MAX: usize = 8 << 10;

/// One event as text.
#[derive(Debug)]
pub struct Entry {
    level: Level,
    /// With the fields in it, for whoever reads lines.
    message: String,
    fields: Vec<(&'static str, String)>,
}

/// The layer that hands each event over.
#[derive(Debug)]
pub struct Journal {
    outlet: Outlet<Entry>,
}

impl Journal {
    /// Starts the thread.
    #[must_use]
    pub fn start() -> Self {
        let mut journal = None;
        let write = move |entry: Entry| {
            // It cannot be had before journald is there.
            if journal.is_none() {
                journal = connect();
            }
            if let Some(journal) = &journal {
                dispatcher::with_default(journal, || repeat(&entry));
            }
            journal.is_some()
        };
        Self { outlet: Outlet::start_counted("journal", ROOM, write) }
    }

    /// The way into the thread, to flush it and to ask what it lost.
    #[must_use]
    pub fn outlet(&self) -> Outlet<Entry> {
        self.outlet.clone()
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.outlet.put(Entry::of(event));
    }
}

fn connect() -> Option<Dispatch> {
    let layer = tracing_journald::layer().ok()?.with_syslog_identifier("saigak-agent".into());
    Some(Dispatch::new(tracing_subscriber::registry().with(layer)))
}

/// Says an event again. What people search for is a field of its own, `F_NAME`; a field that is
/// not named here stands in the message only.
fn repeat(entry: &Entry) {
    macro_rules! say {
        ($level:expr) => {
            tracing::event!(
                target: "saigak_agent",
                $level,
                remedy = entry.field("remedy"),
                condition = entry.field("condition"),
                reason = entry.field("reason"),
                result = entry.field("result"),
                concern = entry.field("concern"),
                model = entry.field("model"),
                error = entry.field("error"),
                "{}",
                entry.message
            )
        };
    }
    match entry.level {
        Level::ERROR => say!(Level::ERROR),
        Level::WARN => say!(Level::WARN),
        Level::INFO => say!(Level::INFO),
        _ => say!(Level::DEBUG),
    }
}

impl Entry {
    fn of(event: &Event<'_>) -> Self {
        let level = *event.metadata().level();
        let mut entry = Self { level, message: String::new(), fields: Vec::new() };
        event.record(&mut entry);
        for (name, value) in entry.fields.iter().filter(|(_, value)| !value.is_empty()) {
            // Writing to a string cannot fail.
            let _ = write!(entry.message, " {name}={value}");
        }
        entry
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    fn take(&mut self, field: &Field, mut value: String) {
        value.truncate(value.floor_char_boundary(VALUE_MAX));
        if field.name() == "message" {
            self.message = value;
        } else {
            self.fields.push((field.name(), value));
        }
    }
}

impl Visit for Entry {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Keeps what it is told.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<Entry>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(Entry::of(event));
        }
    }

    fn kept(say: impl FnOnce()) -> Entry {
        let kept = Kept::default();
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(kept.clone()));
        dispatcher::with_default(&dispatch, say);
        kept.0.lock().unwrap().pop().unwrap()
    }

    #[test]
    fn an_event_is_said_again_with_its_fields() {
        let first = kept(|| tracing::warn!(remedy = "a/B", took = 3, "repair ended"));
        assert_eq!(first.message, "repair ended remedy=a/B took=3");
        let again = kept(|| repeat(&first));
        assert_eq!(again.level, Level::WARN);
        assert!(again.message.starts_with("repair ended remedy=a/B took=3"), "{}", again.message);
        assert_eq!((again.field("remedy"), again.field("error")), (Some("a/B"), None));
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let long = format!("x{}", "\u{e9}".repeat(VALUE_MAX));
        let entry = kept(|| tracing::info!("{long}"));
        assert_eq!(entry.message.len(), VALUE_MAX - 1);
    }
}
