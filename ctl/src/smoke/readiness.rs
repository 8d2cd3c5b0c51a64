//! What the agent in the guest says of itself.

use std::time::Duration;

use hyper::StatusCode;
use tokio::time::timeout;
use url::Url;

use crate::client::{self, Failure, Layer, Trust};

/// It answers from memory.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was asked, and what came of it.
#[derive(Debug)]
pub(super) struct Readiness {
    pub(super) url: Url,
    pub(super) said: Result<Said, Failure>,
}

/// What it said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Ready,
    /// Why not.
    NotReady(String),
}

impl Readiness {
    pub(super) async fn ask(url: Url, trust: &Trust) -> Self {
        let said = timeout(PATIENCE, say(&url, trust)).await.unwrap_or_else(|_| {
            let message = format!("{url}: no answer within {} s", PATIENCE.as_secs());
            Err(Failure::new(Layer::TimedOut, message))
        });
        Self { url, said }
    }

    /// Whether it says the same as what a client found; `None` where it said nothing.
    pub(super) fn agrees(&self, served: bool) -> Option<bool> {
        Some((*self.said.as_ref().ok()? == Said::Ready) == served)
    }
}

async fn say(url: &Url, trust: &Trust) -> Result<Said, Failure> {
    let answer = client::ask(url, None, trust).await?;
    if answer.status == StatusCode::SERVICE_UNAVAILABLE {
        let text = answer.first_line();
        return Ok(Said::NotReady(text.trim_start_matches("not ready: ").to_owned()));
    }
    answer.ok().map(|_| Said::Ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_neither_agrees_nor_contradicts() {
        let url = Url::parse("http://a:7244/readyz").unwrap();
        let of = |said| Readiness { url: url.clone(), said };
        assert_eq!(of(Ok(Said::Ready)).agrees(true), Some(true));
        assert_eq!(of(Ok(Said::Ready)).agrees(false), Some(false));
        assert_eq!(of(Ok(Said::NotReady(String::new()))).agrees(true), Some(false));
        assert_eq!(of(Ok(Said::NotReady(String::new()))).agrees(false), Some(true));
        assert_eq!(of(Err(Failure::new(Layer::Refused, ""))).agrees(true), None);
    }
}
