//! Wall-clock times as the API prints them: RFC 3339, UTC, nanoseconds.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// "For ever" is the longest duration that Go can hold: 292 years, so it ends in 2319.
pub(crate) const FOREVER: Duration = Duration::from_nanos(i64::MAX.cast_unsigned());

/// Now, plus a duration.
pub(crate) fn after(duration: Duration) -> String {
    Timestamp::now().checked_add(duration).unwrap_or(Timestamp::MAX).to_string()
}

/// A file's time.
pub(crate) fn at(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or_default()
}
