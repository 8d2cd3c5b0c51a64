//! A server that answers each request with what it was told.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rcgen::{CertificateParams, KeyPair};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned, crypto};

/// Ends with the test's process.
pub(crate) struct Server {
    port: u16,
    scheme: &'static str,
}

/// A request as it came.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: String,
}

/// Status line and body for a path.
pub(crate) type Answers = fn(&str) -> (&'static str, String);
/// The same for a request.
type Replies = fn(&Request) -> (&'static str, String);

impl Server {
    pub(crate) fn start(answers: Answers) -> Self {
        Self::serve("http", move |stream| {
            reply(stream, |request| answers(&request.path));
        })
    }

    pub(crate) fn start_with(replies: Replies) -> Self {
        Self::serve("http", move |stream| {
            reply(stream, replies);
        })
    }

    /// One that does as it likes with each connection.
    pub(crate) fn start_raw(one: fn(TcpStream)) -> Self {
        Self::serve("http", one)
    }

    /// One that speaks TLS as `localhost`, and the certificate that proves it, as PEM.
    pub(crate) fn start_secure(answers: Answers) -> (Self, String) {
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret);
        let config = Arc::new(config.unwrap());
        let server = Self::serve("https", move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            reply(StreamOwned::new(connection, stream), |request| answers(&request.path));
        });
        (server, certificate.pem())
    }

    fn serve(scheme: &'static str, one: impl Fn(TcpStream) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let one = one.clone();
                thread::spawn(move || one(stream));
            }
        });
        Self { port, scheme }
    }

    pub(crate) fn url(&self) -> String {
        let host = if self.scheme == "https" { "localhost" } else { "127.0.0.1" };
        format!("{}://{host}:{}", self.scheme, self.port)
    }
}

/// One request, and nothing that goes wrong with it: the client may leave at any time.
fn reply<S: Read + Write>(
    stream: S,
    replies: impl Fn(&Request) -> (&'static str, String),
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    reader.read_line(&mut head).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = head.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let body = String::from_utf8(body).ok()?;
    let (status, text) = replies(&Request { method, path, body });
    let length = text.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let stream = reader.get_mut();
    stream.write_all(format!("{head}{text}").as_bytes()).ok()?;
    stream.flush().ok()
}
