//! `/api/pull`, as `Pull` reads it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use saigak_agent::config::Model;
use saigak_agent::core::reconcile::Waker;
use saigak_agent::model::{Pull, PullState};
use serde_json::json;
use tokio::time;

use crate::server::{Reply, Server, nonsense};

const STALL: Duration = Duration::from_millis(400);

/// A model that is pulled from the one registry.
fn model() -> Model {
    Model { source: "m".into(), pull_stall: STALL, ..Model::default() }
}

/// Why a pull ends that is answered so; `Ok` if it succeeds.
async fn pull(reply: Reply) -> Result<(), String> {
    let server = Server::always(reply).await;
    let pull = Pull::default();
    assert_eq!(pull.begin(server.api(), &model(), Arc::new(Waker::default()), 0), Ok(()));
    let began = Instant::now();
    loop {
        match pull.state() {
            PullState::Succeeded(_) => return Ok(()),
            PullState::Failed(failure) => return Err(failure.why),
            // The end of a pull wakes the loop, and nobody else can wait for it: so look.
            PullState::Idle | PullState::Running(_) => time::sleep(Duration::from_millis(5)).await,
        }
        if began.elapsed() > Duration::from_secs(10) {
            return Err("(the test has waited for ten seconds)".into());
        }
    }
}

#[tokio::test]
async fn success_is_the_only_success() {
    assert_eq!(pull(Reply::ok("{\"status\":\"success\"}\n")).await, Ok(()));
    for (name, reply) in nonsense() {
        let why = pull(reply).await.expect_err(name);
        assert!(!why.starts_with('('), "{name}: {why}");
        assert!(!why.is_empty() && why.len() < 1000, "{name}: {} bytes", why.len());
    }
}

#[tokio::test]
async fn a_broken_line_ends_the_pull_with_its_reason() {
    for (body, why) in [
        ("", "the server ended the stream before success"),
        ("{\"status\":\"success\"}", "the server ended the stream before success"),
        ("{\"status\":\"pulling\"}\n", "the server ended the stream before success"),
        ("\n", "malformed line"),
        ("{\"status\":null}\n", "malformed line"),
        ("{\"status\":\"success\"\n", "malformed line"),
        ("\"success\"\n", "malformed line"),
        ("{\"digest\":\"a\",\"total\":-1}\n", "malformed line"),
        ("{\"digest\":\"a\",\"total\":1e99}\n", "malformed line"),
        ("{\"digest\":\"a\",\"completed\":\"1\"}\n", "malformed line"),
        ("{\"error\":\"no space left\"}\n{\"status\":\"success\"}\n", "no space left"),
    ] {
        let ended = pull(Reply::ok(body)).await.expect_err(body);
        assert!(ended.starts_with(why), "{body:?}: {ended}");
    }
}

#[tokio::test]
async fn numbers_that_make_no_sense_do_no_harm() {
    let most = u64::MAX;
    let layers = [("a", most, most), ("b", most, 1), ("a", 0, most), ("c", 0, 0)];
    let mut lines: Vec<String> = layers
        .iter()
        .map(|(digest, total, completed)| {
            json!({"status": "pulling", "digest": digest, "total": total, "completed": completed})
                .to_string()
        })
        .collect();
    lines.push("{\"status\":\"success\"}\n".into());
    assert_eq!(pull(Reply::ok(lines.join("\n"))).await, Ok(()));
}

#[tokio::test]
async fn a_line_without_end_is_bounded() {
    let why = pull(Reply::endless(vec![b'x'; 4096], Duration::ZERO)).await.unwrap_err();
    assert_eq!(why, "a line of more than 65536 bytes");
}

#[tokio::test]
async fn a_server_that_sends_and_gets_nowhere_is_given_up() {
    let apart = Duration::from_millis(20);
    for chunk in [
        " ",
        "{\"status\":\"pulling manifest\"}\n",
        "{\"status\":\"pulling a\",\"digest\":\"a\",\"total\":100}\n",
        "{\"status\":\"pulling a\",\"digest\":\"a\",\"total\":100,\"completed\":50}\n",
    ] {
        let began = Instant::now();
        let why = pull(Reply::endless(chunk, apart)).await.expect_err(chunk);
        assert!(why.starts_with("nothing has moved for "), "{chunk:?}: {why}");
        assert!(began.elapsed() < 8 * STALL, "{chunk:?}: {:?}", began.elapsed());
    }
    let why = pull(Reply::Silence).await.unwrap_err();
    assert!(why.starts_with("the server did not begin within "), "{why}");
}

#[tokio::test]
async fn a_server_that_repeats_one_status_is_given_up() {
    // But for "verifying", after which nothing moves for as long as hashing takes.
    for chunk in ["{}\n", "{\"status\":\"writing manifest\"}\n", "{\"digest\":\"a\"}\n"] {
        let why = pull(Reply::endless(chunk, Duration::from_millis(20))).await.expect_err(chunk);
        assert!(why.starts_with("nothing has moved for "), "{chunk:?}: {why}");
    }
}

#[tokio::test]
async fn a_second_pull_waits_for_the_first() {
    let server = Server::always(Reply::Silence).await;
    let (pull, waker) = (Pull::default(), Arc::new(Waker::default()));
    assert_eq!(pull.begin(server.api(), &model(), Arc::clone(&waker), 0), Ok(()));
    assert!(pull.begin(server.api(), &model(), waker, 0).is_err());
}
