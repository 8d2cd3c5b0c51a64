//! The server: it reads one request a connection, and sends what it was told, byte by byte.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use saigak_agent::ollama::Api;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time;

/// What is sent for one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes, and the end of the connection.
    Raw(Vec<u8>),
    /// The head, and then the chunk again and again, so long apart, until the client leaves.
    Endless(&'static str, Vec<u8>, Duration),
    /// Nothing, and the connection stays.
    Silence,
}

impl Reply {
    /// An answer of this status that is what it says.
    pub(crate) fn status(status: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut raw = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
        raw.reserve(body.len());
        let mut raw = raw.into_bytes();
        raw.extend_from_slice(body);
        Self::Raw(raw)
    }

    pub(crate) fn ok(body: impl AsRef<[u8]>) -> Self {
        Self::status("200 OK", body)
    }

    pub(crate) fn raw(text: &str) -> Self {
        Self::Raw(text.into())
    }

    /// 200 and a body that never ends, a chunk at a time.
    pub(crate) fn endless(chunk: impl Into<Vec<u8>>, apart: Duration) -> Self {
        Self::Endless(HEAD, chunk.into(), apart)
    }
}

/// The body ends with the connection.
const HEAD: &str = "HTTP/1.1 200 OK\r\n\r\n";

/// Answers that are wrong whatever was asked, with a name for each.
pub(crate) fn nonsense() -> Vec<(&'static str, Reply)> {
    let html = "<!DOCTYPE html><html><body><h1>It works!</h1></body></html>";
    let deep = "[".repeat(1 << 20);
    let padded = format!("{{\"x\":\"{}\"}}", "x".repeat(17 << 20));
    vec![
        ("empty body", Reply::ok("")),
        ("HTML", Reply::ok(html)),
        ("bytes that are no text", Reply::ok([0xff, 0xfe, 0x00, 0x80])),
        ("truncated JSON", Reply::ok(r#"{"models":[{"name":"a"#)),
        ("null", Reply::ok("null")),
        ("a number", Reply::ok("17")),
        ("a text", Reply::ok("\"ok\"")),
        ("a number that is none", Reply::ok("NaN")),
        ("two documents", Reply::ok("{}{}")),
        ("nested without end", Reply::ok(deep.clone())),
        ("unknown field nested without end", Reply::ok(format!("{{\"x\":{deep}"))),
        ("too long an answer", Reply::ok(padded)),
        ("no answer at all", Reply::Raw(Vec::new())),
        ("not HTTP", Reply::raw("220 smtp.example.invalid ESMTP\r\n")),
        ("bytes that are no HTTP", Reply::Raw(vec![0x16, 0x03, 0x01, 0x00, 0x05, 0xff, 0x00])),
        ("half a head", Reply::raw("HTTP/1.1 200 OK\r\ncontent-le")),
        ("head without end", Reply::Endless("HTTP/1.1 200 OK\r\n", b"x: y\r\n".repeat(1000), FAST)),
        ("shorter than said", Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}")),
        ("length that is none", Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}")),
        (
            "broken chunks",
            Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
        ),
        ("body without end", Reply::endless(vec![b' '; 1 << 16], FAST)),
        ("500 and HTML", Reply::status("500 Internal Server Error", html)),
        ("500 and nothing", Reply::status("500 Internal Server Error", "")),
        ("500 nested without end", Reply::status("500 Internal Server Error", deep)),
        ("500 and an error of no type", Reply::status("500 X", r#"{"error":{"message":[1]}}"#)),
        ("500 without end", Reply::Endless("HTTP/1.1 500 X\r\n\r\n", vec![b'x'; 1 << 16], FAST)),
        ("no content", Reply::raw("HTTP/1.1 204 No Content\r\n\r\n")),
        ("redirect", Reply::raw("HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\n\r\n")),
        ("status of no class", Reply::raw("HTTP/1.1 999 X\r\ncontent-length: 0\r\n\r\n")),
    ]
}

/// As fast as the client reads.
const FAST: Duration = Duration::ZERO;

/// A server on loopback.
pub(crate) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// One that answers each path as `replies` says.
    pub(crate) async fn start(replies: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&asked);
        let replies = Arc::new(replies);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, replies) = (Arc::clone(&log), Arc::clone(&replies));
                tokio::spawn(async move {
                    let answer = |path: &str| {
                        log.lock().unwrap().push(path.into());
                        replies(path)
                    };
                    // The client leaves when it has had enough.
                    drop(converse(stream, answer).await);
                });
            }
        });
        Self { port, asked }
    }

    /// One that answers always the same.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::start(move |_| reply.clone()).await
    }

    pub(crate) fn api(&self) -> Api {
        Api::at(&Api::client().unwrap(), IpAddr::V4(Ipv4Addr::LOCALHOST), self.port)
    }

    /// The paths that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn converse(
    mut stream: TcpStream,
    answer: impl FnOnce(&str) -> Reply,
) -> std::io::Result<()> {
    let request = request(&mut stream).await?;
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    match answer(&path) {
        Reply::Raw(bytes) => stream.write_all(&bytes).await?,
        Reply::Endless(head, chunk, apart) => {
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(&chunk).await?;
                time::sleep(apart).await;
            }
        }
        Reply::Silence => drop(stream.read(&mut [0]).await?),
    }
    stream.shutdown().await
}

/// The whole request, its body too: a connection that is closed on unread bytes is reset, and
/// the answer lost.
async fn request(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return Ok(text);
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(text);
        }
    }
}
