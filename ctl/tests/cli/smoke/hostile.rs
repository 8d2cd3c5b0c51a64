//! Servers that mean no good: each is told apart, soon, and in little memory.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::well;
use crate::hostile::{LITTLE, SOON};
use crate::run::{Ran, run_within};
use crate::server::Server;

fn ask(arguments: &[&str]) -> Ran {
    let fixed = ["smoke", "--model=embed:0.6b", "--format=json"];
    run_within(SOON, LITTLE, &[&fixed, arguments].concat(), "")
}

/// What `smoke` fails at: layer and message.
#[track_caller]
fn failure(server: &Server, status: i32, step: &str) -> (String, String) {
    let ran = ask(&[&server.url(), "--within=0", "--dimension=2"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let failure = &report["failure"];
    assert_eq!((ran.status, failure["step"].as_str()), (status, Some(step)), "{report:#}");
    let text = |key: &str| failure[key].as_str().unwrap().to_owned();
    assert!(text("message").len() < 2000, "{report:#}");
    (text("layer"), text("message"))
}

/// Reads a request's head, and writes the same bytes until nobody takes them any more.
fn endless(mut stream: TcpStream, start: &str, bytes: &[u8]) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request);
    let _ = stream.write_all(start.as_bytes());
    while stream.write_all(bytes).is_ok() {}
}

#[test]
fn answers_without_an_end_are_given_up() {
    let body = Server::start_raw(|stream| {
        endless(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n", &[b' '; 8192]);
    });
    let (layer, message) = failure(&body, 1, "version");
    assert!(layer == "body" && message.contains("more than 8388608 bytes"), "{layer} {message}");
    let head = Server::start_raw(|stream| endless(stream, "HTTP/1.1 200 OK\r\n", b"a: b\r\n"));
    let (layer, message) = failure(&head, 1, "version");
    assert!(layer == "HTTP" && message.contains("too large"), "{layer} {message}");
}

#[test]
fn redirect_to_itself_is_not_followed() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start_raw(|mut stream| {
        let mut request = [0; 4096];
        // The step before asks nothing.
        if stream.read(&mut request).is_ok_and(|length| length > 0) {
            ASKED.fetch_add(1, Ordering::SeqCst);
        }
        let head = "HTTP/1.1 302 Found\r\nlocation: /api/version\r\ncontent-length: 0\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
    });
    let (layer, message) = failure(&server, 1, "version");
    assert!(layer == "HTTP" && message.contains("leads to /api/version"), "{layer} {message}");
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
}

#[test]
fn what_is_packed_is_not_unpacked() {
    let server = Server::start_raw(|mut stream| {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request);
        let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x1b[2J");
    });
    let (layer, message) = failure(&server, 1, "version");
    assert!(layer == "body" && !message.contains('\u{1b}'), "{layer} {message}");
}

/// What an embedding is said to be.
type Numbers = fn() -> String;

/// A server that is well but for its embedding.
fn embeds(with: Numbers) -> Server {
    static WITH: std::sync::Mutex<Option<Numbers>> = std::sync::Mutex::new(None);
    *WITH.lock().unwrap() = Some(with);
    Server::start(|path| match path {
        "/v1/embeddings" => {
            let with = WITH.lock().unwrap().unwrap();
            ("200 OK", format!("{{\"data\":[{{\"embedding\":[{}]}}]}}", with()))
        }
        _ => well(path),
    })
}

#[test]
fn embeddings_that_are_none_are_told_apart() {
    let cases: [(Numbers, &str); 6] = [
        (|| "0.6,NaN".to_owned(), "/v1/embeddings"),
        (|| "0.6,null".to_owned(), "a number of the embedding is none"),
        (|| "0.6,1e999".to_owned(), "out of range"),
        (|| "1e300,1e300".to_owned(), "length is inf"),
        (|| vec!["0.001"; 100_000].join(","), "has 100000 numbers, not 2"),
        (|| "[".repeat(100_000), "/v1/embeddings"),
    ];
    for (numbers, expected) in cases {
        let (layer, message) = failure(&embeds(numbers), 1, "embedding");
        assert!(layer == "body" && message.contains(expected), "{layer} {message}");
    }
}

#[test]
fn what_a_server_says_is_shown_in_part() {
    let long = Server::start(|path| match path {
        "/api/version" => ("200 OK", format!("{{\"version\":\"{}\"}}", "v".repeat(1_000_000))),
        "/api/tags" => {
            let model = "{\"name\":\"some-model:latest\"}";
            ("200 OK", format!("{{\"models\":[{}]}}", vec![model; 10_000].join(",")))
        }
        _ => well(path),
    });
    assert!(failure(&long, 1, "model").1.ends_with('…'));
    let ran = ask(&[&long.url(), "--within=0"]);
    assert!(ran.stdout.len() < 8000, "{} bytes", ran.stdout.len());
}

#[test]
fn head_that_never_ends_is_given_up_in_time() {
    let server = Server::start_raw(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le");
        // Until the client has left.
        while stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {}
    });
    let ran = ask(&[&server.url(), "--within=1"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.status, &report["failure"]["layer"]), (2, &"timed out".into()), "{report:#}");
}
