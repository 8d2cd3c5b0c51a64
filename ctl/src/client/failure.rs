//! What went wrong on the way.

use std::io::{self, ErrorKind};

/// Where a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// The name has no address.
    Name,
    /// No way leads to the address.
    Route,
    /// Nothing listens there, or a firewall says so.
    Refused,
    /// No answer came in time.
    TimedOut,
    /// What answers is not believed, or speaks no TLS.
    Tls,
    /// It is no HTTP, or not the status that it should be.
    Http,
    /// The answer says something else.
    Body,
}

impl Layer {
    pub(crate) const ALL: [Self; 7] =
        [Self::Name, Self::Route, Self::Refused, Self::TimedOut, Self::Tls, Self::Http, Self::Body];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Route => "route",
            Self::Refused => "refused",
            Self::TimedOut => "timed out",
            Self::Tls => "TLS",
            Self::Http => "HTTP",
            Self::Body => "body",
        }
    }

    /// Whether the server was reached at all.
    pub(crate) fn reached(self) -> bool {
        matches!(self, Self::Tls | Self::Http | Self::Body)
    }

    /// Where a connection failed.
    pub(super) fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut => Self::TimedOut,
            // The last two: this host has no address for that way, or may not use it.
            ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable
            | ErrorKind::PermissionDenied => Self::Route,
            _ => Self::Http,
        }
    }
}

/// What went wrong, and at which layer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) layer: Layer,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(layer: Layer, message: impl Into<String>) -> Self {
        Self { layer, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_fail_has_its_layer() {
        for (kind, expected) in [
            (ErrorKind::ConnectionRefused, Layer::Refused),
            (ErrorKind::TimedOut, Layer::TimedOut),
            (ErrorKind::HostUnreachable, Layer::Route),
            (ErrorKind::NetworkUnreachable, Layer::Route),
        ] {
            assert_eq!(Layer::of(&kind.into()), expected, "{kind}");
        }
    }
}
