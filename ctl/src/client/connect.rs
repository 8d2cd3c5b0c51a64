//! From a name to a connection.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use url::Url;

use super::{Failure, Layer};

/// For a connection. A lost first packet is sent again after one second and after three.
const PATIENCE: Duration = Duration::from_secs(5);

/// Host and port as they are connected to.
pub(super) fn target(url: &Url) -> (&str, u16) {
    // In a URL, an IPv6 address stands in brackets.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    (host, url.port_or_known_default().unwrap_or(80))
}

async fn addresses(url: &Url) -> Result<Vec<SocketAddr>, Failure> {
    let (host, _) = target(url);
    let fail = |message| Failure::new(Layer::Name, message);
    let found = lookup_host(target(url)).await.map_err(|e| fail(format!("{host}: {e}")))?;
    let found: Vec<_> = found.collect();
    if found.is_empty() { Err(fail(format!("{host} has no address"))) } else { Ok(found) }
}

/// The addresses of the host.
pub(crate) async fn resolve(url: &Url) -> Result<String, Failure> {
    let addresses = addresses(url).await?;
    let texts: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
    Ok(texts.join(", "))
}

/// A connection to the first address that accepts one.
pub(crate) async fn connect(url: &Url) -> Result<TcpStream, Failure> {
    let addresses = addresses(url).await?;
    let (host, port) = target(url);
    let fail = |layer, why: &dyn std::fmt::Display| {
        Failure::new(layer, format!("{host} port {port}: {why}"))
    };
    let stream = timeout(PATIENCE, TcpStream::connect(addresses.as_slice())).await;
    stream.map_or_else(
        |_| {
            let why = format!("no connection within {} s", PATIENCE.as_secs());
            Err(fail(Layer::TimedOut, &why))
        },
        |stream| stream.map_err(|error| fail(Layer::of(&error), &error)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_no_part_of_an_address() {
        let url = Url::parse("http://[::1]:11434").unwrap();
        assert_eq!(target(&url), ("::1", 11434));
        assert_eq!(target(&Url::parse("https://a").unwrap()), ("a", 443));
    }
}
