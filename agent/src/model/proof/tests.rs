//! When a proof is due, and what it makes of what comes.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::post;
use axum::{Json, Router};
use tokio::net::TcpListener;

use super::*;

const SERVER: Server = Server { address: Ipv4Addr::new(10, 0, 2, 2), invocation: 7 };

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn due(log: &Log, server: Server, uptime: u64, worked: Option<u64>) -> bool {
    log.due(server, None, at(uptime), &config::Proof::default(), worked.map(at))
}

#[test]
fn a_restarted_server_is_proven_at_once_and_a_busy_one_is_not_pressed() {
    let log = |attempt| Log { last: Some((SERVER, at(100), attempt)), ..Log::default() };
    assert!(due(&Log::default(), SERVER, 0, None));
    assert!(!due(&log(Attempt::Good), SERVER, 105, None));
    assert!(!due(&log(Attempt::Busy), SERVER, 105, None));
    assert!(due(&log(Attempt::Good), SERVER, 110, None));
    let restarted = Server { invocation: 8, ..SERVER };
    assert!(due(&log(Attempt::Good), restarted, 101, None));
}

#[test]
fn a_server_that_serves_clients_is_proven_more_rarely_and_never_too_late() {
    for attempt in [Attempt::Good, Attempt::Busy] {
        let mut log = Log::default();
        log.note(SERVER, at(100), at(101), attempt);
        assert!(!due(&log, SERVER, 110, Some(105)));
        assert!(!due(&log, SERVER, 129, Some(129)));
        assert!(due(&log, SERVER, 130, Some(130)));
        // Seen before the proof ended, or too long ago.
        assert!(due(&log, SERVER, 110, Some(101)));
        assert!(due(&log, SERVER, 120, Some(110)));
    }
    let mut failed = Log::default();
    failed.note(SERVER, at(100), at(101), Attempt::Wrong(Flaw::Unlike(0.1)));
    assert!(due(&failed, SERVER, 102, Some(102)));
}

#[test]
fn a_server_that_proofs_cost_much_is_proven_more_rarely_and_in_time() {
    let config = config::Proof::default();
    let after = |log: &Log| log.pace(&config).interval.as_millis();
    let mut log = Log::default();
    let mut good = |server, millis: u64| {
        log.note(server, at(100), at(100) + Duration::from_millis(millis), Attempt::Good);
        after(&log)
    };
    // The first one waits for the model.
    assert_eq!(
        [90_000, 12, 900, 3].map(|millis| good(SERVER, millis)),
        [20_000, 18_000, 18_000, 10_000]
    );
    let restarted = Server { invocation: 8, ..SERVER };
    assert_eq!(good(restarted, 10), 15_000);
    // A person who wants it rarer still gets it so.
    let rare = config::Proof { interval: at(60), fresh: at(70), ..config.clone() };
    assert_eq!(log.pace(&rare).interval, at(60));
    // A two-thousandth is what a proof of 5 ms every 10 s takes; a whole one is never asked for.
    for millis in 1..=13 {
        log.cost = Some(Duration::from_millis(millis));
        assert!(u128::from(millis) * 1000 <= after(&log), "{millis}");
    }
}

#[test]
fn an_alias_of_other_weights_is_proven_at_once() {
    let mut log = Log::default();
    log.note(SERVER, at(100), at(101), Attempt::Good);
    log.weights = Some("ab".into());
    let due = |weights| log.due(SERVER, weights, at(102), &config::Proof::default(), Some(at(102)));
    assert_eq!([None, Some("ab"), Some("cd")].map(due), [false, false, true]);
}

#[test]
fn a_proof_that_fails_is_repeated_twice_at_once_and_then_ever_more_rarely() {
    let mut log = Log::default();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        log.note(SERVER, at(70), at(100), Attempt::Failed("killed".into()));
        let due = |seconds: &u64| due(&log, SERVER, 100 + seconds, None);
        pauses.push((0..1000).find(due).unwrap());
    }
    assert_eq!(pauses, [0, 0, 10, 20, 40, 80, 160, 300, 300]);
    let restarted = Server { invocation: 8, ..SERVER };
    assert!(due(&log, restarted, 100, None));
    log.note(restarted, at(100), at(100), Attempt::Wrong(Flaw::NotFinite(0)));
    assert!(due(&log, restarted, 100, None));
    log.note(restarted, at(100), at(101), Attempt::Good);
    assert_eq!((log.failures, log.good), (0, Some((restarted, at(100), at(1)))));
}

#[test]
fn a_proof_that_waits_or_is_refused_gives_the_server_nothing_to_do() {
    let mut log = Log::default();
    assert_eq!(log.quiet_since(), at(0));
    log.running = Some((SERVER, at(100)));
    assert_eq!(log.quiet_since(), at(100));
    log.note(SERVER, at(100), at(103), Attempt::Good);
    assert_eq!(log.quiet_since(), at(103));
    log.note(SERVER, at(110), at(110), Attempt::Busy);
    assert_eq!(log.quiet_since(), at(103));
    log.note(SERVER, at(120), at(123), Attempt::Failed("killed".into()));
    assert_eq!(log.quiet_since(), at(123));
    log.note(SERVER, at(130), at(130), Attempt::Busy);
    assert_eq!(log.quiet_since(), at(123));
}

#[test]
fn refusals_count_from_the_first_in_a_row_of_one_server() {
    let mut log = Log::default();
    log.note(SERVER, at(100), at(101), Attempt::Busy);
    log.note(SERVER, at(110), at(111), Attempt::Busy);
    assert_eq!(log.refused_since, Some((SERVER, at(101))));
    let restarted = Server { invocation: 8, ..SERVER };
    log.note(restarted, at(120), at(121), Attempt::Busy);
    assert_eq!(log.refused_since, Some((restarted, at(121))));
    log.note(restarted, at(130), at(131), Attempt::TimedOut);
    assert_eq!(log.refused_since, None);
}

#[test]
fn answers_are_told_apart() {
    let status = |status| Err(ApiError::Status { url: "u".into(), status, message: "m".into() });
    assert_eq!(judge(status(503), 2), Err(Attempt::Busy));
    assert_eq!(judge(status(500), 2), Err(Attempt::Failed("u: 500: m".into())));
    let late = ApiError::TimedOut { url: "u".into(), after: at(1) };
    assert_eq!(judge(Err(late), 2), Err(Attempt::TimedOut));
    let message = "failed to encode response: json: unsupported value: NaN".to_owned();
    let nan = ApiError::Status { url: "u".into(), status: 500, message: message.clone() };
    assert_eq!(judge(Err(nan), 2), Err(Attempt::Wrong(Flaw::Unwritable(message))));
}

/// A server whose alias has other weights, and other vectors, by its own script: at each request
/// for an embedding and for the model it goes on to the next entry.
async fn scripted(weights: &'static [&'static str], degrees: &'static [f32]) -> Api {
    let (shown, embedded) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let next = |count: &AtomicUsize, last: usize| count.fetch_add(1, Ordering::Relaxed).min(last);
    let show = move || async move {
        let weights = weights[next(&shown, weights.len() - 1)];
        Json(json!({ "modelfile": format!("FROM /m/blobs/sha256-{weights}\n") }))
    };
    let embed = move || async move {
        let angle = degrees[next(&embedded, degrees.len() - 1)].to_radians();
        Json(json!({ "data": [{ "embedding": [angle.cos(), angle.sin()] }] }))
    };
    let routes = Router::new().route("/api/show", post(show)).route("/v1/embeddings", post(embed));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Api::at(&Api::client().unwrap(), Ipv4Addr::LOCALHOST.into(), port)
}

/// One proof of an alias that was seen with the weights `ab`, whose vectors lie at zero degrees.
async fn proven(weights: &'static [&'static str], degrees: &'static [f32]) -> Result<(), Attempt> {
    let state = tempfile::tempdir().unwrap();
    let references = References::in_directory(state.path(), true);
    for _ in 0..2 {
        references.take("ab", vec![1.0, 0.0]).unwrap();
    }
    let config = config::Model { dimension: 2, ..config::Model::default() };
    embed(&references, &scripted(weights, degrees).await, Some("ab".into()), &config)
        .await
        .map(drop)
}

#[test]
fn a_wrong_embedding_takes_the_right_one_before_it_away_for_good() {
    let mut log = Log::default();
    for (attempt, counts) in [
        (Attempt::Good, true),
        (Attempt::TimedOut, true),
        (Attempt::Wrong(Flaw::Unlike(0.1)), false),
        (Attempt::TimedOut, false),
        (Attempt::Good, true),
    ] {
        log.note(SERVER, at(100), at(101), attempt);
        assert_eq!(log.good.is_some(), counts);
    }
}

#[test]
fn what_cannot_be_learnt_of_the_weights_says_nothing_of_the_vector() {
    let status =
        |status| untold(&ApiError::Status { url: "u".into(), status, message: "m".into() });
    assert_eq!([503, 500].map(status), [Attempt::Busy, Attempt::TimedOut]);
}

#[test]
fn a_good_proof_of_other_weights_is_none_of_these() {
    let mut log = Log { good_of: Some("ab".into()), ..Log::default() };
    log.note(SERVER, at(100), at(101), Attempt::Good);
    assert_eq!(log.proven_weights(SERVER), Some("ab".into()));
    assert_eq!(log.proven_weights(Server { invocation: 8, ..SERVER }), None);
    for (weights, seen_at, counts) in [
        (Some("ab"), 102, true),
        (None, 102, true),
        (Some("cd"), 99, true),
        (Some("cd"), 100, false),
    ] {
        assert_eq!(log.of_weights(weights, at(seen_at)).good.is_some(), counts, "{weights:?}");
    }
}

#[tokio::test]
async fn a_vector_is_held_against_the_weights_that_made_it() {
    assert_eq!(proven(&["ab"], &[3.0]).await, Ok(()));
    let Err(Attempt::Wrong(Flaw::Unlike(cosine))) = proven(&["ab"], &[60.0]).await else {
        panic!("a wrong vector passed");
    };
    assert!((cosine - 0.5).abs() < 1e-3, "{cosine}");
    // The alias was made from others meanwhile: what they give is asked for once more.
    assert_eq!(proven(&["cd"], &[60.0]).await, Ok(()));
    // And while those were asked, from the first again.
    let Err(Attempt::Failed(why)) = proven(&["cd", "ab"], &[60.0]).await else {
        panic!("nobody knows whose vector it was");
    };
    assert!(why.contains("other weights"), "{why}");
}
