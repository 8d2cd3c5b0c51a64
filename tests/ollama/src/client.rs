//! A small HTTP client whose errors read as Go's do.
//!
//! It follows no redirect and reuses no connection. `https` trusts what the system trusts.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use crate::go;

/// A request that got no answer: `Get "https://…": dial tcp …: connect: connection refused`.
#[derive(Debug, thiserror::Error)]
#[error("{method} \"{uri}\": {cause}")]
pub(crate) struct RequestError {
    method: &'static str,
    uri: Uri,
    cause: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("{0}")]
    Address(&'static str),
    #[error("dial tcp: lookup {host}{server}: {text}")]
    Lookup { host: String, server: String, text: &'static str },
    #[error("dial tcp {address}: connect: {}", go::io_text(.error))]
    Connect { address: String, error: io::Error },
    /// A proxy that answers is not imitated.
    #[error("proxyconnect tcp: {0}")]
    Proxy(Box<Cause>),
    #[error("tls: {0}")]
    Config(rustls::Error),
    #[error("{}", tls_text(.0))]
    Tls(io::Error),
    /// The connection ended before an answer came.
    #[error("EOF")]
    Ended,
}

/// Sends one request and waits for the head of the answer, for as long as it takes.
pub(crate) async fn send(
    method: Method,
    uri: &Uri,
    headers: &[(&str, String)],
    body: Bytes,
) -> Result<Response<Incoming>, RequestError> {
    // Go prints its methods so: Get, Head, Post.
    let shown = match method {
        Method::HEAD => "Head",
        Method::POST => "Post",
        _ => "Get",
    };
    let failed = |cause| RequestError { method: shown, uri: uri.clone(), cause };
    let host = uri.host().ok_or_else(|| failed(Cause::Address("no Host in request URL")))?;
    let secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });

    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map_or(host, |authority| authority.as_str());
    let mut request = Request::builder().method(method).uri(path).header(HOST, authority);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request
        .body(Full::new(body))
        .map_err(|_| failed(Cause::Address("invalid URL or header")))?;

    if let Some((host, port)) = proxy().filter(|_| secure) {
        let cause = connect(&host, port).await.err().unwrap_or(Cause::Ended);
        return Err(failed(Cause::Proxy(Box::new(cause))));
    }
    let stream = connect(host, port).await.map_err(failed)?;
    if secure {
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(|_| failed(Cause::Address("invalid host name")))?;
        let connector = TlsConnector::from(Arc::new(trust().map_err(failed)?));
        let stream =
            connector.connect(name, stream).await.map_err(|error| failed(Cause::Tls(error)))?;
        exchange(stream, request).await.map_err(failed)
    } else {
        exchange(stream, request).await.map_err(failed)
    }
}

/// The proxy that the environment names for HTTPS.
fn proxy() -> Option<(String, u16)> {
    let named = ["HTTPS_PROXY", "https_proxy"].iter().find_map(|name| std::env::var(name).ok())?;
    let uri: Uri = named.parse().ok()?;
    Some((uri.host()?.to_owned(), uri.port_u16().unwrap_or(80)))
}

/// The whole body, as text. A body that breaks off is cut there.
pub(crate) async fn text(response: Response<Incoming>) -> Vec<u8> {
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            text.extend_from_slice(data);
        }
    }
    text
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, Cause> {
    let addresses = tokio::net::lookup_host((host.trim_matches(['[', ']']), port))
        .await
        .map_err(|error| lookup_failed(host, &error))?;
    let mut failure = lookup_failed(host, &io::Error::other("Name or service not known"));
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Cause::Connect { address: address.to_string(), error },
        }
    }
    Err(failure)
}

/// The C library says in words what went wrong, with no code; Go has other words.
fn lookup_failed(host: &str, error: &io::Error) -> Cause {
    let unknown = ["Name or service not known", "No address associated with hostname"];
    let error = error.to_string();
    let known = unknown.iter().any(|text| error.contains(text));
    let text = if known { "no such host" } else { "server misbehaving" };
    let server = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let server = server
        .lines()
        .find_map(|line| line.strip_prefix("nameserver"))
        .map_or(String::new(), |address| format!(" on {}:53", address.trim()));
    Cause::Lookup { host: host.to_owned(), server, text }
}

/// Read anew for each connection, so that a certificate added meanwhile counts.
fn trust() -> Result<ClientConfig, Cause> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!(%error, "a system certificate cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    // Named, because a default exists only as long as the build has a single provider.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(config.map_err(Cause::Config)?.with_root_certificates(roots).with_no_client_auth())
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Cause>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|_| Cause::Ended)?;
    // Ends with the body; its failure is seen there.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(|_| Cause::Ended)
}

fn tls_text(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidMessage(_)) => {
            "tls: first record does not look like a TLS handshake".to_owned()
        }
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "tls: failed to verify certificate: x509: certificate signed by unknown authority"
                .to_owned()
        }
        Some(other) => format!("tls: {other}"),
        None => go::io_text(error),
    }
}
