//! Options of `saigakctl smoke`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use url::Url;

/// Options of `saigakctl smoke`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Where clients reach the server: http://HOST:PORT
    pub(super) url: Url,
    /// The model that clients ask for, or its alias
    #[arg(long)]
    pub(super) model: String,
    /// How many numbers an embedding must have
    #[arg(long, value_name = "NUMBERS")]
    pub(super) dimension: Option<usize>,
    /// Then another page, which must answer 200; again for more
    #[arg(long, value_name = "URL")]
    also_get: Vec<Url>,
    /// Then one that is sent JSON, and must answer 200; again for more
    #[arg(long, num_args = 2, value_names = ["URL", "BODY"])]
    also_post: Vec<String>,
    /// Hold against it what the agent says of itself [default: /readyz at port 7244 of URL's host]
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true,
          default_missing_value = "", value_parser = Agent::parse)]
    ready: Option<Agent>,
    /// For https: believe the authorities of this PEM file, and not those of the system
    #[arg(long, value_name = "FILE")]
    pub(super) cacert: Option<PathBuf>,
    /// For how long to try again until all is well, in seconds; 0 tries once
    #[arg(long, value_name = "SECONDS", default_value_t = 30, conflicts_with = "listen",
          value_parser = clap::value_parser!(u64).range(..=3600))]
    pub(super) within: u64,
    /// How to print what came of it
    #[arg(long, value_enum, default_value_t = Format::People, conflicts_with = "listen")]
    pub(super) format: Format,
    /// Go on for good, and tell Prometheus at ADDRESS:PORT
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<SocketAddr>,
    /// Between the starts of two passes, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, requires = "listen",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) every: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// A line for each step
    People,
    /// One object, of a versioned shape
    Json,
    /// A test suite, a case for each step
    Junit,
}

/// A page on a client's way that is not the server's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) url: Url,
    /// What is posted; nothing is for a page that is only read.
    pub(super) body: Option<String>,
}

/// Where the agent tells whether the guest is ready.
#[derive(Debug, Clone)]
enum Agent {
    /// At its own port of the server's host.
    Beside,
    At(Url),
}

impl Agent {
    fn parse(text: &str) -> Result<Self, url::ParseError> {
        if text.is_empty() { Ok(Self::Beside) } else { Url::parse(text).map(Self::At) }
    }
}

/// Of the agent's probes.
const AGENT_PORT: u16 = 7244;

impl Options {
    /// The other pages: first those that are read.
    pub(super) fn routes(&self) -> Result<Vec<Route>, String> {
        let read = self.also_get.iter().map(|url| Route { url: url.clone(), body: None });
        let mut routes: Vec<_> = read.collect();
        let (pairs, _) = self.also_post.as_chunks::<2>();
        for [url, body] in pairs {
            let url = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
            let json = serde_json::from_str::<serde::de::IgnoredAny>(body);
            json.map_err(|error| format!("what is posted to {url} is no JSON: {error}"))?;
            routes.push(Route { url, body: Some(body.clone()) });
        }
        Ok(routes)
    }

    /// Where the agent tells whether the guest is ready, if it is to be asked.
    pub(super) fn readiness(&self) -> Option<Url> {
        let mut url = match self.ready.as_ref()? {
            Agent::At(url) => return Some(url.clone()),
            Agent::Beside => self.url.clone(),
        };
        // The agent speaks no TLS. Neither can fail where the URL has a host.
        let _ = url.set_scheme("http");
        let _ = url.set_port(Some(AGENT_PORT));
        url.set_path("/readyz");
        url.set_query(None);
        Some(url)
    }
}
