//! Downloads that are broken off: by the client, by the server's end.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{self, WEIGHTS};
use crate::http;
use crate::registries::faulty;
use crate::server::{Place, Server, until};

fn slow(registry: SocketAddr) -> Value {
    json!({ "model": format!("{registry}/library/slow"), "insecure": true })
}

/// Reads a pull until some bytes have come: how many, and the rest of the stream.
/// Dropping that is how a client leaves.
async fn pull_a_little(server: &Server, registry: SocketAddr) -> (u64, Incoming) {
    let body = slow(registry).to_string();
    let reply = http::open(server.address, "POST", "/api/pull", &[], &body).await.unwrap();
    let mut lines = reply.into_body();
    loop {
        let line = lines.frame().await.unwrap().unwrap().into_data().unwrap();
        let line: Value = serde_json::from_slice(&line).unwrap();
        if let Some(completed) = line["completed"].as_u64().filter(|bytes| *bytes > 1 << 20) {
            return (completed, lines);
        }
    }
}

fn first_progress(lines: &[Value]) -> u64 {
    lines.iter().find_map(|line| line["completed"].as_u64()).unwrap()
}

/// How many bytes the record beside the partial file claims.
fn recorded(server: &Server) -> Option<u64> {
    let mut path = fixture::weights_path(&server.models()).into_os_string();
    path.push("-partial-0");
    let record: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    record["Completed"].as_u64()
}

#[tokio::test]
async fn a_client_that_leaves_stops_the_download_and_the_next_resumes() {
    let registry = faulty().await;
    let server = Place::new().start().await;
    let (seen, rest) = pull_a_little(&server, registry.address).await;
    drop(rest);
    until("the download stops", || recorded(&server).is_some_and(|bytes| bytes >= seen)).await;

    let lines = server.post("/api/pull", &slow(registry.address)).await.lines();
    assert!(first_progress(&lines) >= seen, "{lines:?}");
    assert_eq!(lines.last(), Some(&json!({ "status": "success" })));
    let blob = fs::read(fixture::weights_path(&server.models())).unwrap();
    assert!(blob == *WEIGHTS);
}

#[tokio::test]
async fn two_clients_share_one_download() {
    let registry = faulty().await;
    let server = Place::new().start().await;
    let body = slow(registry.address);
    let (one, other) =
        tokio::join!(server.post("/api/pull", &body), server.post("/api/pull", &body));
    for reply in [one, other] {
        assert_eq!(reply.lines().last(), Some(&json!({ "status": "success" })));
    }
    assert_eq!(registry.downloads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_killed_server_starts_the_part_anew() {
    let registry = faulty().await;
    let server = Place::new().start().await;
    let (_, _stream) = pull_a_little(&server, registry.address).await;
    let (_, place) = server.end(Signal::SIGKILL).await;
    let server = place.start().await;
    assert_eq!(recorded(&server), Some(0));
    let lines = server.post("/api/pull", &slow(registry.address)).await.lines();
    assert_eq!(lines.last(), Some(&json!({ "status": "success" })));
}

/// SIGTERM writes down how far the download was. An hour later a start removes it.
#[tokio::test]
async fn a_partial_download_outlives_a_restart_for_an_hour() {
    let registry = faulty().await;
    let server = Place::new().start().await;
    let (_, _stream) = pull_a_little(&server, registry.address).await;
    let (status, place) = server.end(Signal::SIGTERM).await;
    assert_eq!(status.code(), Some(0));
    let server = place.start().await;
    assert!(recorded(&server).is_some_and(|bytes| bytes > 0));

    let (_, place) = server.end(Signal::SIGTERM).await;
    let long_ago = SystemTime::now() - Duration::from_hours(2);
    let blobs = || fs::read_dir(place.models().join("blobs")).unwrap().map(Result::unwrap);
    for entry in blobs() {
        File::options().write(true).open(entry.path()).unwrap().set_modified(long_ago).unwrap();
    }
    let server = place.start_with(&[("OLLAMA_NOPRUNE", "1")]).await;
    assert!(recorded(&server).is_some());
    let (_, place) = server.end(Signal::SIGTERM).await;
    let server = place.start().await;
    assert_eq!(fs::read_dir(server.models().join("blobs")).unwrap().count(), 0);
}

/// The stream of a server that ends has no last chunk and no error line.
#[tokio::test]
async fn the_stream_of_a_server_that_ends_just_ends() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let registry = faulty().await;
        let server = Place::new().start().await;
        let mut client = TcpStream::connect(server.address).await.unwrap();
        let body = slow(registry.address).to_string();
        let head = format!(
            "POST /api/pull HTTP/1.1\r\nHost: x.local\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        client.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut text = Vec::new();
        while !text.ends_with(b"}\n\r\n") {
            assert_ne!(client.read_buf(&mut text).await.unwrap(), 0);
        }
        server.end(signal).await;
        client.read_to_end(&mut text).await.unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.ends_with("}\n\r\n"), "{signal}: {text:?}");
        assert!(!text.contains("error"), "{signal}: {text:?}");
    }
}
