//! Questions to the server, and at which layer they failed.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use reqwest::{Client, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::{TcpStream, lookup_host};

use super::{Failure, Layer};

/// The longest answer that is read, in bytes. An embedding of 4,096 numbers has a hundredth.
const ANSWER_LIMIT: usize = 8 << 20;
/// How much of an unexpected answer is shown, in characters.
const SHOWN: usize = 200;

/// Host and port as they are connected to.
fn target(url: &Url) -> (&str, u16) {
    // In a URL, an IPv6 address stands in brackets.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    (host, url.port_or_known_default().unwrap_or(80))
}

async fn addresses(url: &Url) -> Result<Vec<SocketAddr>, Failure> {
    let (host, _) = target(url);
    let fail = |message| Failure { layer: Layer::Name, message };
    let found = lookup_host(target(url)).await.map_err(|e| fail(format!("{host}: {e}")))?;
    let found: Vec<_> = found.collect();
    if found.is_empty() { Err(fail(format!("{host} has no address"))) } else { Ok(found) }
}

/// The addresses of the host.
pub(super) async fn resolve(url: &Url) -> Result<String, Failure> {
    let addresses = addresses(url).await?;
    let texts: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
    Ok(texts.join(", "))
}

/// The address that accepted a connection.
pub(super) async fn connect(url: &Url) -> Result<String, Failure> {
    let addresses = addresses(url).await?;
    let stream = TcpStream::connect(addresses.as_slice()).await;
    let peer = stream.and_then(|stream| stream.peer_addr());
    peer.map(|peer| peer.to_string()).map_err(|error| {
        let (host, port) = target(url);
        Failure { layer: layer(&error), message: format!("{host} port {port}: {error}") }
    })
}

/// Where a connection failed.
fn layer(error: &io::Error) -> Layer {
    match error.kind() {
        ErrorKind::ConnectionRefused => Layer::Refused,
        ErrorKind::TimedOut => Layer::TimedOut,
        // The last two: this host has no address for that way, or may not use it.
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::AddrNotAvailable
        | ErrorKind::PermissionDenied => Layer::Route,
        _ => Layer::Http,
    }
}

/// Asks for JSON at a path below the URL; with a question, by POST.
pub(super) async fn ask<T: DeserializeOwned>(
    url: &Url,
    path: &str,
    question: Option<Value>,
) -> Result<T, Failure> {
    let address = format!("{}{path}", url.as_str().trim_end_matches('/'));
    let http = |error: reqwest::Error| Failure {
        layer: if error.is_timeout() { Layer::TimedOut } else { Layer::Http },
        message: format!("{address}: {}", innermost(&error)),
    };
    // A proxy would be another way than the one that is asked about.
    let client = Client::builder().no_proxy().build().map_err(http)?;
    let request = match question {
        Some(question) => client.post(&address).json(&question),
        None => client.get(&address),
    };
    let mut response = request.send().await.map_err(http)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(http)? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_LIMIT {
            let message = format!("{address}: an answer of more than {ANSWER_LIMIT} bytes");
            return Err(Failure { layer: Layer::Body, message });
        }
    }
    if !status.is_success() {
        let message = format!("{address}: {status}: {}", shown(&body));
        return Err(Failure { layer: Layer::Http, message });
    }
    serde_json::from_slice(&body).map_err(|error| {
        let message = format!("{address}: {error}: {}", shown(&body));
        Failure { layer: Layer::Body, message }
    })
}

/// The start of an answer, on one line and without what a terminal would obey.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The cause at the bottom: what is above it repeats the address.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
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
            assert_eq!(layer(&kind.into()), expected, "{kind}");
        }
    }

    #[test]
    fn brackets_are_no_part_of_an_address() {
        let url = Url::parse("http://[::1]:11434").unwrap();
        assert_eq!(target(&url), ("::1", 11434));
    }
}
