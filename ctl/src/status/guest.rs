//! What one agent says, read from its readiness probe.

use std::time::Duration;

use hyper::StatusCode;
use serde::Serialize;
use tokio::time::timeout;

use super::target::Target;
use crate::client::{self, Failure, Layer, Trust, printable};

/// One guest at one time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Guest {
    name: String,
    url: String,
    /// Absent where it did not say.
    pub(super) ready: Option<bool>,
    /// Why it is not ready: `Condition/Reason`, or the layer at which asking failed.
    cause: Option<String>,
    message: Option<String>,
    /// What the agent does next, or what a person must.
    next: Option<String>,
    proof_age_seconds: Option<f64>,
    paused_until: Option<String>,
    pull: Option<String>,
}

impl Guest {
    pub(super) async fn ask(target: &Target, within: Duration) -> Self {
        let answer = timeout(within, client::ask(&target.url, None, &Trust::default())).await;
        let read = match answer {
            Ok(Ok(answer)) => Self::read(target, answer.status, &answer.text()),
            Ok(Err(failure)) => Err(failure),
            Err(_) => {
                let message = format!("no answer within {} s", within.as_secs());
                Err(Failure::new(Layer::TimedOut, message))
            }
        };
        read.unwrap_or_else(|failure| Self {
            cause: Some(failure.layer.name().to_owned()),
            message: Some(printable(&failure.message)),
            ..Self::unknown(target)
        })
    }

    fn unknown(target: &Target) -> Self {
        Self {
            name: target.name.clone(),
            url: target.url.to_string(),
            ready: None,
            cause: None,
            message: None,
            next: None,
            proof_age_seconds: None,
            paused_until: None,
            pull: None,
        }
    }

    /// Believes an agent alone: others answer 200 to anything.
    fn read(target: &Target, status: StatusCode, text: &str) -> Result<Self, Failure> {
        let after =
            |prefix: &str| text.lines().find_map(|line| line.strip_prefix(prefix)).map(printable);
        let failed = after("readyz check failed: ");
        let passed = text.lines().any(|line| line == "readyz check passed");
        let ready = match status {
            StatusCode::OK if passed => true,
            StatusCode::SERVICE_UNAVAILABLE if failed.is_some() => false,
            _ => {
                let message = format!("{status}, and no words of an agent");
                return Err(Failure::new(Layer::Body, message));
            }
        };
        let why = failed.unwrap_or_default();
        let (cause, message) = why.split_once(": ").unwrap_or((&why, ""));
        let age = after("last proof ")
            .and_then(|rest| rest.split_once(' ').and_then(|(age, _)| age.parse().ok()));
        Ok(Self {
            ready: Some(ready),
            cause: (!ready).then(|| cause.to_owned()),
            message: (!ready).then(|| message.to_owned()),
            next: after("next: "),
            proof_age_seconds: age,
            paused_until: after("repairs are paused until "),
            pull: after("pull of "),
            ..Self::unknown(target)
        })
    }

    /// What is new about it is worth a line; that time goes by is not.
    pub(super) fn differs(&self, before: &Self) -> bool {
        let timeless = |guest: &Self| Self { proof_age_seconds: None, pull: None, ..guest.clone() };
        timeless(self) != timeless(before)
    }

    /// What its name needs.
    pub(super) fn width(&self) -> usize {
        self.name.chars().count()
    }

    /// A line for people, its name filled to `width`.
    pub(super) fn line(&self, width: usize) -> String {
        let state = match self.ready {
            Some(true) => "Ready",
            Some(false) => "Not ready",
            None => "Unknown",
        };
        let mut parts = Vec::new();
        if let Some(cause) = &self.cause {
            parts.push(format!("{cause}: {}", self.message.as_deref().unwrap_or_default()));
        }
        parts.extend(self.next.as_ref().map(|next| format!("next: {next}")));
        if let Some(age) = self.proof_age_seconds.filter(|_| self.ready == Some(true)) {
            parts.push(format!("proof {age:.0} s ago"));
        }
        parts.extend(self.pull.as_ref().map(|pull| format!("pull of {pull}")));
        let paused = |until: &String| format!("repairs are paused until {until}");
        parts.extend(self.paused_until.as_ref().map(paused));
        let line = format!("{:<width$}  {state:<9}  {}", self.name, parts.join("; "));
        format!("{}\n", line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &str = "[+]NetworkUp LinkUp: enp1s0 is up\nlast proof 3.2 s ago, took 0.041 s\n\
        repairs are paused until 12:00\nreadyz check passed\n";
    const NOT_READY: &str = "[-]NetworkUp MacPinned: wants 52:54\n\
        readyz check failed: NetworkUp/MacPinned: it wants MAC 52:54\nnext: network/MatchByName runs\n";

    fn read(status: StatusCode, text: &str) -> Result<Guest, Failure> {
        Guest::read(&Target::parse("gpu-1").unwrap(), status, text)
    }

    #[test]
    fn a_guest_is_one_line() {
        let ready = read(StatusCode::OK, READY).unwrap();
        let expected = "gpu-1   Ready      proof 3 s ago; repairs are paused until 12:00\n";
        assert_eq!(ready.line(6), expected);
        let not = read(StatusCode::SERVICE_UNAVAILABLE, NOT_READY).unwrap();
        let expected = "gpu-1   Not ready  NetworkUp/MacPinned: it wants MAC 52:54; \
                        next: network/MatchByName runs\n";
        assert_eq!(not.line(6), expected);
    }

    #[test]
    fn nobody_but_an_agent_is_believed() {
        for (status, text) in [
            (StatusCode::OK, "ok\n"),
            (StatusCode::OK, NOT_READY),
            (StatusCode::SERVICE_UNAVAILABLE, READY),
            (StatusCode::SERVICE_UNAVAILABLE, "no backend"),
            (StatusCode::NOT_FOUND, ""),
        ] {
            assert!(read(status, text).is_err(), "{status} {text}");
        }
    }

    #[test]
    fn time_that_goes_by_is_no_news() {
        let ready = read(StatusCode::OK, READY).unwrap();
        let later = read(StatusCode::OK, &READY.replace("3.2", "5.0")).unwrap();
        assert!(!later.differs(&ready));
        assert!(read(StatusCode::OK, &READY.replace("12:00", "13:00")).unwrap().differs(&ready));
    }
}
