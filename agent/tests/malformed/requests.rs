//! `Api` itself.

use std::time::{Duration, Instant};

use saigak_agent::ollama::ApiError;
use serde_json::{Value, json};

use crate::server::{Reply, Server, nonsense};

/// Longer than any answer takes that comes at all.
const DEADLINE: Duration = Duration::from_secs(20);

/// What every endpoint's answer has: fields, one of them required.
#[derive(Debug, serde::Deserialize)]
struct Wanted {
    #[expect(dead_code, reason = "only whether it is there matters")]
    wanted: u64,
}

#[tokio::test]
async fn every_nonsense_is_an_error_that_names_the_url() {
    for (name, reply) in nonsense() {
        let server = Server::always(reply).await;
        let api = server.api();
        for error in [
            api.get::<Wanted>("/api/x", DEADLINE).await.expect_err(name),
            api.post::<Wanted>("/api/x", &json!({}), DEADLINE).await.expect_err(name),
        ] {
            let text = error.to_string();
            assert!(text.starts_with("http://127.0.0.1:"), "{name}: {text}");
            assert!(text.contains("/api/x: "), "{name}: {text}");
            assert!(text.len() < 1000, "{name}: {} bytes of error", text.len());
            assert!(!matches!(error, ApiError::TimedOut { .. }), "{name}: {text}");
        }
    }
}

#[tokio::test]
async fn an_answer_is_read_up_to_its_bound_and_not_beyond() {
    let json = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let server = Server::always(Reply::ok(json(16 << 20))).await;
    let value = server.api().get::<Value>("/", DEADLINE).await.unwrap();
    assert_eq!(value.as_str().unwrap().len(), (16 << 20) - 2);
    let server = Server::always(Reply::ok(json((16 << 20) + 1))).await;
    let error = server.api().get::<Value>("/", DEADLINE).await.unwrap_err();
    assert!(error.to_string().ends_with("an answer of more than 16777216 bytes"), "{error}");
}

#[tokio::test]
async fn the_deadline_is_for_the_whole_answer() {
    let deadline = Duration::from_millis(300);
    for reply in [
        Reply::Silence,
        Reply::endless(" ", Duration::from_millis(10)),
        Reply::Endless("HTTP/1.1 500 X\r\n\r\n", b"x".to_vec(), Duration::from_millis(10)),
        Reply::Endless("HTTP/1.1 200 OK\r\n", b"x: y\r\n".to_vec(), Duration::from_millis(100)),
    ] {
        let server = Server::always(reply.clone()).await;
        let (api, began) = (server.api(), Instant::now());
        let got = api.get::<Value>("/", deadline).await;
        assert!(matches!(got, Err(ApiError::TimedOut { .. })), "{reply:?}: {got:?}");
        let posted = api.post::<Value>("/", &json!({}), deadline).await;
        assert!(matches!(posted, Err(ApiError::TimedOut { .. })), "{reply:?}: {posted:?}");
        assert!(began.elapsed() < 4 * deadline + Duration::from_secs(2), "{reply:?}");
    }
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let found = Reply::raw("HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\n\r\n");
    let server = Server::always(found).await;
    let error = server.api().get::<Value>("/api/tags", DEADLINE).await.unwrap_err();
    assert!(matches!(error, ApiError::Status { status: 302, .. }), "{error}");
    assert_eq!(server.asked(), ["/api/tags"]);
}

#[tokio::test]
async fn to_be_alive_takes_200_and_nothing_more() {
    // The body is not read: this is no proof, and one follows.
    for body in ["Ollama is running", "", "<html>"] {
        let server = Server::always(Reply::ok(body)).await;
        server.api().alive(DEADLINE).await.unwrap();
    }
    for (name, reply) in nonsense() {
        let server = Server::always(reply.clone()).await;
        let alive = server.api().alive(DEADLINE).await;
        let answers = matches!(&reply, Reply::Raw(raw) if whole_head(raw))
            || matches!(&reply, Reply::Endless(head, ..) if whole_head(head.as_bytes()));
        assert_eq!(alive.is_ok(), answers, "{name}: {alive:?}");
    }
    let server = Server::always(Reply::Silence).await;
    let silent = server.api().alive(Duration::from_millis(200)).await;
    assert!(matches!(silent, Err(ApiError::TimedOut { .. })), "{silent:?}");
}

/// Whether these bytes begin with a head that says 200, and that can be understood.
fn whole_head(raw: &[u8]) -> bool {
    let text = String::from_utf8_lossy(raw);
    text.starts_with("HTTP/1.1 200 ") && text.contains("\r\n\r\n") && !text.contains(": -1")
}
