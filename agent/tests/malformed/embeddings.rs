//! `/v1/embeddings`, as `model::prove` reads it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use saigak_agent::config::Model;
use saigak_agent::model::{Attempt, Flaw, Proofs, References, Server as Proven, prove};

use crate::server::{Reply, Server, nonsense};

const SERVER: Proven = Proven { address: Ipv4Addr::LOCALHOST, invocation: 1 };

/// How one proof of two numbers ends. One that is not good leaves no good one behind.
async fn attempt(reply: Reply) -> Attempt {
    let server = Server::always(reply).await;
    let proofs = Proofs::default();
    let model = Model { dimension: 2, ..Model::default() };
    let state = tempfile::tempdir().unwrap();
    let references = Arc::new(References::in_directory(state.path(), true));
    prove(&proofs, &references, &server.api(), SERVER, None, &model).await;
    let log = proofs.log();
    assert_eq!(log.running, None);
    let (of, _, attempt) = log.last.unwrap();
    assert_eq!(of, SERVER);
    assert_eq!(log.good.is_some(), attempt == Attempt::Good);
    attempt
}

fn embedding(numbers: &str) -> Reply {
    Reply::ok(format!(r#"{{"data":[{{"embedding":{numbers}}}]}}"#))
}

#[tokio::test]
async fn the_right_answer_is_good() {
    assert_eq!(attempt(embedding("[0.6,0.8]")).await, Attempt::Good);
}

#[tokio::test]
async fn nonsense_is_a_failure_and_never_a_proof() {
    for (name, reply) in nonsense() {
        let Attempt::Failed(why) = attempt(reply).await else { panic!("{name}") };
        assert!(why.contains("/v1/embeddings: "), "{name}: {why}");
    }
}

#[tokio::test]
async fn wrong_types_are_a_failure() {
    for body in [
        r#"{"data":"none"}"#,
        r#"{"data":null}"#,
        r#"{"data":[0.6,0.8]}"#,
        r#"{"data":[{}]}"#,
        r#"{"data":{"embedding":[0.6,0.8]}}"#,
        // The form that clients get who ask for base64.
        r#"{"data":[{"embedding":"mpkZP83MTD8="}]}"#,
    ] {
        let ended = attempt(Reply::ok(body)).await;
        assert!(matches!(ended, Attempt::Failed(_)), "{body}: {ended:?}");
    }
    for numbers in
        ["null", "[\"0.6\",\"0.8\"]", "[[0.6],[0.8]]", "[NaN,1]", "[1e999,0]", "[0.6,0.8"]
    {
        let ended = attempt(embedding(numbers)).await;
        assert!(matches!(ended, Attempt::Failed(_)), "{numbers}: {ended:?}");
    }
}

#[tokio::test]
async fn what_is_an_embedding_and_wrong_is_called_wrong() {
    for (reply, flaw) in [
        (Reply::ok("{}"), Flaw::Dimension(0)),
        (Reply::ok(r#"{"data":[]}"#), Flaw::Dimension(0)),
        (embedding("[]"), Flaw::Dimension(0)),
        (embedding("[1]"), Flaw::Dimension(1)),
        (embedding("[0.6,0.8,0]"), Flaw::Dimension(3)),
        (embedding("[null,1]"), Flaw::NotFinite(0)),
        (embedding("[0,0]"), Flaw::NotUnit(0.0)),
        (embedding("[-0.0,1e308]"), Flaw::NotFinite(1)),
        (embedding("[-0.0,2]"), Flaw::NotUnit(2.0)),
    ] {
        assert_eq!(attempt(reply).await, Attempt::Wrong(flaw));
    }
}

#[tokio::test]
async fn a_server_that_is_busy_is_busy_in_any_words() {
    for body in ["", "<html>", r#"{"error":"server busy"}"#, "\u{0}"] {
        assert_eq!(attempt(Reply::status("503 X", body)).await, Attempt::Busy, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proof_without_an_end_is_given_up() {
    for reply in [Reply::Silence, Reply::endless(" ", Duration::from_secs(7))] {
        assert_eq!(attempt(reply).await, Attempt::TimedOut);
    }
}
