//! The process that computes: loaded, unloaded, killed, frozen.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use serde_json::json;
use tokio::time::timeout;

use crate::compare::steady;
use crate::fixture::{ALIAS, MODEL};
use crate::server::{Place, Server, is_alive, until};
use crate::{http, transcripts};

/// Takes about a second to compute.
fn long_text() -> String {
    "z".repeat(2000)
}

/// Nothing shows from outside that a text is being computed. This is well inside the second that
/// the long one takes.
async fn well_under_way() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

fn vector(reply: &http::Reply) -> Vec<f64> {
    let reply = reply.json();
    let numbers = reply["data"][0]["embedding"].as_array().unwrap().iter();
    numbers.map(|number| number.as_f64().unwrap()).collect()
}

async fn start_loaded() -> Server {
    let server = Place::with_model().start().await;
    assert_eq!(server.embed(MODEL, "x").await.status, 200);
    server
}

#[tokio::test]
async fn vectors_are_unit_length_and_the_first_differs_a_little() {
    let server = Place::with_model().start().await;
    let cold = vector(&server.embed(MODEL, "hello world").await);
    let warm = vector(&server.embed(MODEL, "hello world").await);
    let again = vector(&server.embed(MODEL, "hello world").await);
    let length = warm.iter().map(|number| number * number).sum::<f64>().sqrt();
    assert!((length - 1.0).abs() < 1e-5, "{length}");
    let difference = cold.iter().zip(&warm).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(difference > 0.0 && difference < 2e-5, "{difference}");
    assert_eq!(warm, again);
}

#[tokio::test]
async fn an_alias_shares_the_runner_and_the_one_who_loaded_it_is_listed() {
    let server = Place::with_model().start().await;
    let copy = json!({ "source": MODEL, "destination": ALIAS });
    assert_eq!(server.post("/api/copy", &copy).await.status, 200);
    let reply = server.embed(&ALIAS.to_uppercase(), "x").await;
    assert_eq!(reply.json()["model"], ALIAS.to_uppercase(), "the spelling is echoed");
    assert_eq!(server.embed(MODEL, "x").await.status, 200);
    assert_eq!(server.runners().len(), 1);
    let loaded = server.loaded().await;
    assert_eq!(loaded.len(), 1);
    assert_eq!(loaded[0]["name"], ALIAS);

    assert_eq!(server.delete(MODEL).await.status, 200);
    assert_eq!(server.embed(ALIAS, "x").await.status, 200);
    assert_eq!(server.delete(ALIAS).await.status, 200);
    assert_eq!(server.embed(ALIAS, "x").await.status, 404);
    assert_eq!(server.loaded().await.len(), 1, "it stays loaded though it is deleted");
}

#[tokio::test]
async fn killed_while_idle_it_is_replaced_at_the_next_request() {
    let server = start_loaded().await;
    let [runner] = server.runners()[..] else { panic!("one runner") };
    kill(runner, Signal::SIGKILL).unwrap();
    until("the runner ends", || !is_alive(runner)).await;
    assert_eq!(server.loaded().await.len(), 1, "still listed");
    assert_eq!(server.embed(MODEL, "x").await.status, 200);
    assert_ne!(server.runners(), [runner]);
}

#[tokio::test]
async fn killed_in_flight_it_is_the_clients_fault() {
    let server = start_loaded().await;
    let text = long_text();
    let kill_soon = async {
        well_under_way().await;
        kill(server.runners()[0], Signal::SIGKILL).unwrap();
    };
    let (reply, ()) = tokio::join!(server.embed(MODEL, &text), kill_soon);
    assert_eq!(reply.status, 400);
    if let Some(recorded) = transcripts::case("27e_runner_killed_in_flight") {
        let recorded = &recorded["embedding"]["body_json"]["error"]["message"];
        assert_eq!(steady(recorded.as_str().unwrap()), steady(&reply.error()));
    }
    assert_eq!(server.embed(MODEL, "x").await.status, 200);
}

#[tokio::test]
async fn frozen_in_flight_it_is_waited_for() {
    let server = start_loaded().await;
    let runner = server.runners()[0];
    let text = long_text();
    let embedding = server.embed(MODEL, &text);
    tokio::pin!(embedding);
    assert!(timeout(Duration::from_millis(300), &mut embedding).await.is_err());
    kill(runner, Signal::SIGSTOP).unwrap();
    assert!(timeout(Duration::from_millis(1500), &mut embedding).await.is_err());
    assert_eq!(server.get("/").await.status, 200);
    assert_eq!(server.loaded().await.len(), 1);
    kill(runner, Signal::SIGCONT).unwrap();
    assert_eq!(embedding.await.status, 200);
}

/// Ten seconds of patience with the ping, ten with the end.
#[tokio::test]
#[ignore = "takes 20 s"]
async fn frozen_while_idle_it_is_replaced_and_the_list_waits() {
    let server = start_loaded().await;
    let runner = server.runners()[0];
    kill(runner, Signal::SIGSTOP).unwrap();
    let started = std::time::Instant::now();
    let list = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        server.loaded().await;
        started.elapsed()
    };
    let (reply, listed) = tokio::join!(server.embed(MODEL, "y"), list);
    assert_eq!(reply.status, 200);
    assert!(started.elapsed() > Duration::from_secs(19), "{:?}", started.elapsed());
    assert!(listed > Duration::from_secs(18), "{listed:?}");
    assert!(!is_alive(runner));
}

#[tokio::test]
async fn sigterm_drops_what_is_in_flight_and_takes_the_runner_along() {
    let server = start_loaded().await;
    let runner = server.runners()[0];
    let (address, body) = (server.address, json!({ "model": MODEL, "input": long_text() }));
    let embedding = tokio::spawn(async move {
        http::call(address, "POST", "/v1/embeddings", &[], &body.to_string()).await
    });
    well_under_way().await;
    let (status, _place) = server.end(Signal::SIGTERM).await;
    assert_eq!(status.code(), Some(0));
    assert!(embedding.await.unwrap().is_err(), "no answer");
    until("the runner ends", || !is_alive(runner)).await;
}

#[tokio::test]
async fn sigint_is_as_good() {
    let (status, _place) = start_loaded().await.end(Signal::SIGINT).await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn sigkill_leaves_the_runner_an_orphan() {
    let server = start_loaded().await;
    let runner = server.runners()[0];
    let (status, _place) = server.end(Signal::SIGKILL).await;
    assert_eq!(status.code(), None);
    assert!(is_alive(runner));
    kill(runner, Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn it_is_unloaded_when_its_time_is_over() {
    let server = Place::with_model().start_with(&[("OLLAMA_KEEP_ALIVE", "1s")]).await;
    assert_eq!(server.embed(MODEL, "x").await.status, 200);
    assert_eq!(server.loaded().await.len(), 1);
    until("the runner ends", || server.runners().is_empty()).await;
    assert!(server.loaded().await.is_empty());
}

#[tokio::test]
async fn keep_alive_zero_unloads_at_once() {
    let server = start_loaded().await;
    let body = json!({ "model": MODEL, "input": "x", "keep_alive": 0 });
    assert_eq!(server.post("/api/embed", &body).await.status, 200);
    assert!(server.loaded().await.is_empty());
}

#[tokio::test]
async fn a_pin_outlives_plain_requests_but_no_reload() {
    let server = Place::with_model().start().await;
    let pinned = async || {
        let expires_at = server.loaded().await[0]["expires_at"].as_str().unwrap().to_owned();
        expires_at.starts_with("23")
    };
    let pin = json!({ "model": MODEL, "keep_alive": -1 });
    assert_eq!(server.post("/api/embed", &pin).await.status, 200);
    assert!(pinned().await);
    assert_eq!(server.embed(MODEL, "x").await.status, 200);
    assert!(pinned().await, "a plain request keeps the pin");
    let other = json!({ "model": MODEL, "input": "x", "options": { "num_ctx": 2048 } });
    assert_eq!(server.post("/api/embed", &other).await.status, 200);
    assert!(!pinned().await, "another context length is a reload");
    assert_eq!(server.loaded().await[0]["context_length"], 2048);

    let server = Place::with_model().start_with(&[("OLLAMA_KEEP_ALIVE", "-1")]).await;
    assert_eq!(server.embed(MODEL, "x").await.status, 200);
    assert!(server.loaded().await[0]["expires_at"].as_str().unwrap().starts_with("2319"));
}

#[tokio::test]
async fn the_context_is_the_environments_but_not_more_than_was_trained() {
    for (asked, got) in [("8192", 8192), ("200000", 32_768)] {
        let server = Place::with_model().start_with(&[("OLLAMA_CONTEXT_LENGTH", asked)]).await;
        assert_eq!(server.embed(MODEL, "x").await.status, 200);
        assert_eq!(server.loaded().await[0]["context_length"], got);
    }
}

#[tokio::test]
async fn a_full_queue_refuses() {
    let server = Place::with_model().start_with(&[("OLLAMA_MAX_QUEUE", "1")]).await;
    let replies = futures_util::future::join_all((0..24).map(|_| server.embed(MODEL, "x"))).await;
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 503).collect();
    assert!((20..=23).contains(&refused.len()), "{} refused", refused.len());
    if let Some(recorded) = transcripts::case("30c_max_queue") {
        assert_eq!(recorded["one_error"]["body_json"], refused[0].json());
    }
}

#[tokio::test]
async fn sixteen_at_once_are_all_answered() {
    let server = Place::with_model().start().await;
    let replies = futures_util::future::join_all((0..16).map(|_| server.embed(MODEL, "x"))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
}

#[tokio::test]
async fn a_client_that_leaves_during_the_load_stops_it() {
    let server = Place::with_model().start().await;
    server.set_faults(&json!({ "load_seconds": 5 }));
    let left = timeout(Duration::from_millis(150), server.embed(MODEL, "x")).await;
    assert!(left.is_err());
    until("the runner ends", || server.runners().is_empty()).await;
    assert!(server.loaded().await.is_empty());
}

#[tokio::test]
async fn nothing_is_listed_during_a_load() {
    let server = Place::with_model().start().await;
    server.set_faults(&json!({ "load_seconds": 1 }));
    let list = async {
        until("the runner starts", || !server.runners().is_empty()).await;
        assert_eq!(server.get("/").await.status, 200);
        assert!(server.loaded().await.is_empty());
    };
    let (reply, ()) = tokio::join!(server.embed(MODEL, "x"), list);
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn loads_that_fail() {
    let server = Place::with_model().start_with(&[("OLLAMA_LOAD_TIMEOUT", "300ms")]).await;
    server.set_faults(&json!({ "load_seconds": 20 }));
    let reply = server.embed(MODEL, "x").await;
    assert_load_failure("67c_load_hangs", &reply, "timed out waiting for llama-server to start - ");

    let server = Place::with_model().start().await;
    server.set_faults(&json!({ "load_seconds": 20 }));
    let kill_soon = async {
        until("the runner starts", || !server.runners().is_empty()).await;
        kill(server.runners()[0], Signal::SIGKILL).unwrap();
    };
    let (reply, ()) = tokio::join!(server.embed(MODEL, "x"), kill_soon);
    let error = "llama-server process has terminated: signal: killed";
    assert_load_failure("67e_load_oom_killed", &reply, error);
}

fn assert_load_failure(name: &str, reply: &http::Reply, error: &str) {
    assert_eq!((reply.status, reply.error().as_str()), (500, error));
    if let Some(recorded) = transcripts::case(name) {
        assert_eq!(recorded["result"]["emb"]["body_json"], reply.json(), "{name}");
    }
}

#[tokio::test]
async fn switched_faults() {
    let server = start_loaded().await;
    let base64 = json!({ "model": MODEL, "input": "x", "encoding_format": "base64" });
    server.set_faults(&json!({ "vector": "nan" }));
    let reply = server.embed(MODEL, "x").await;
    assert!(reply.json()["data"][0]["embedding"][0].is_null());
    let text = server.post("/v1/embeddings", &base64).await.json();
    // NaN is 0x7fc00000, and the first three of its bytes, little end first, are "AADA" in base64.
    assert!(text["data"][0]["embedding"].as_str().unwrap().starts_with("AADAf"));
    server.set_faults(&json!({ "vector": "short" }));
    assert_eq!(vector(&server.embed(MODEL, "x").await).len(), 768);
    server.set_faults(&json!({ "vector": "zero" }));
    assert!(vector(&server.embed(MODEL, "x").await).iter().all(|number| *number == 0.0));
    server.set_faults(&json!({ "vector": "not-unit" }));
    let length: f64 = vector(&server.embed(MODEL, "x").await).iter().map(|n| n * n).sum();
    assert!((length - 4.0).abs() < 1e-3, "{length}");
    server.set_faults(&json!({ "busy": true }));
    assert_eq!(server.embed(MODEL, "x").await.status, 503);
    server.set_faults(&json!({ "vektor": "nan" }));
    assert_eq!(server.embed(MODEL, "x").await.status, 500, "a misspelt fault is loud");
}
