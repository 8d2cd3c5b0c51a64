use std::convert::Infallible;
use std::net::Ipv4Addr;

use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::*;

fn api(port: u16) -> Api {
    Api::at(&Api::client().unwrap(), Ipv4Addr::LOCALHOST.into(), port)
}

/// A port that nobody listens at.
async fn closed() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}

async fn ended(pull: &Pull) {
    let job = pull.inner().job.clone().unwrap();
    while !job.is_finished() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn only_a_failure_is_forgotten_once_the_model_is_there() {
    let pull = Pull::default();
    let succeeded = PullState::Succeeded(Duration::from_secs(9));
    for (before, after) in
        [(PullState::Failed("refused".into()), PullState::Idle), (succeeded.clone(), succeeded)]
    {
        pull.inner().state = before;
        pull.settle();
        assert_eq!(pull.state(), after);
    }
}

#[tokio::test]
async fn the_server_has_worked_until_a_pull_has_ended_whatever_became_of_it() {
    let (pull, waker) = (Pull::default(), Arc::<Waker>::default());
    assert_eq!(pull.quiet_since(), Duration::ZERO);
    let began = BootClock.now().uptime;
    let model = config::Model::default();
    pull.begin(api(closed().await), &model, Arc::clone(&waker), 0).unwrap();
    ended(&pull).await;
    assert!(matches!(pull.state(), PullState::Failed(_)));
    assert!(pull.quiet_since() >= began && pull.quiet_since() < Duration::MAX);
    // To forget the failure is to forget nothing of that.
    pull.settle();
    assert!(pull.quiet_since() >= began);
}

#[tokio::test]
async fn a_pull_that_is_ended_leaves_its_server_and_none_comes_after_it() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let api = api(listener.local_addr().unwrap().port());
    let pull = Pull::default();
    let begin = || pull.begin(api.clone(), &config::Model::default(), Arc::default(), 0);
    assert_eq!(begin(), Ok(()));
    assert_eq!(begin(), Err("a pull runs already"));
    let (mut server, _) = listener.accept().await.unwrap();
    assert_eq!(pull.quiet_since(), Duration::MAX);
    let next = pull.end(true);
    assert_eq!((pull.state(), next.state()), (PullState::Idle, PullState::Idle));
    // The server has worked for it until now.
    let now = BootClock.now().uptime;
    assert!(next.quiet_since() > Duration::ZERO && next.quiet_since() <= now);
    // The request, and then the end: whoever has asked is gone.
    let mut asked = Vec::new();
    server.read_to_end(&mut asked).await.unwrap();
    assert_eq!(begin(), Err("other settings count by now"));
    assert_eq!((pull.begun(), next.begun(), pull.end(false).begun()), (1, 1, 0));
}

#[tokio::test]
async fn each_source_is_asked_and_each_says_why_it_does_not_have_the_model() {
    let nothing = tempfile::tempdir().unwrap();
    let sources = vec![
        Origin::Name { name: "mirror.example/team/m:1".into(), insecure: false },
        Origin::Path(nothing.path().join("absent.gguf")),
        Origin::Path(nothing.path().to_owned()),
    ];
    let model = config::Model { sources, ..config::Model::default() };
    let pull = Pull::default();
    pull.begin(api(closed().await), &model, Arc::default(), 0).unwrap();
    ended(&pull).await;
    let PullState::Failed(failure) = pull.state() else { panic!("{:?}", pull.state()) };
    let told: Vec<&str> = failure.why.split("; ").collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("mirror.example/team/m:1: ") && told[0].contains("refused"));
    assert!(told[1].contains("absent.gguf: No such file"), "{told:?}");
    assert!(told[2].ends_with("neither a .gguf file nor a tree of models is in it"), "{told:?}");
}

#[tokio::test]
async fn weights_that_are_not_the_declared_ones_are_not_handed_over() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("m.gguf");
    std::fs::write(&file, b"GGUF").unwrap();
    let sources = vec![Origin::Path(file)];
    let weights = Some("ab".repeat(32));
    let model = config::Model { sources, weights, ..config::Model::default() };
    // Nobody is asked: there is no server.
    let pull = Pull::default();
    pull.begin(api(closed().await), &model, Arc::default(), 0).unwrap();
    ended(&pull).await;
    let PullState::Failed(failure) = pull.state() else { panic!("{:?}", pull.state()) };
    assert!(failure.why.ends_with("and abababababab are declared"), "{failure}");
}

#[tokio::test]
async fn a_pull_that_does_not_fit_ends_with_the_line_that_tells_so() {
    // No byte comes after it, and the server never ends the stream.
    let line = json!({ "status": "pulling ab", "digest": "sha256:ab", "total": 1_u64 << 30 });
    let said = stream::iter([Ok::<_, Infallible>(format!("{line}\n"))]).chain(stream::pending());
    let body = Arc::new(Mutex::new(Some(Body::from_stream(said))));
    let router = Router::new().route(
        "/api/pull",
        post(move || {
            let body = body.lock().unwrap().take().unwrap();
            async { body }
        }),
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let api = api(listener.local_addr().unwrap().port());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let pull = Pull::default();
    pull.room(Space { free: 1 << 30, ..Space::default() });
    pull.begin(api, &config::Model::default(), Arc::default(), 0).unwrap();
    ended(&pull).await;
    let PullState::Failed(failure) = pull.state() else { panic!("{:?}", pull.state()) };
    assert!(failure.lacks_room(BootClock.now().uptime).is_some(), "{failure}");
}

/// A server with these names and digests, that notes what is deleted.
async fn listing(models: Vec<(String, &str)>, deleted: Arc<Mutex<Vec<String>>>) -> Api {
    let models: Vec<_> =
        models.iter().map(|(name, digest)| json!({ "name": name, "digest": digest })).collect();
    let tags = json!({ "models": models });
    let remove = move |Json(request): Json<Value>| {
        let model = request["model"].as_str().unwrap().to_owned();
        deleted.lock().unwrap().push(model);
        async { StatusCode::OK }
    };
    let router = Router::new()
        .route("/api/tags", get(move || async { Json(tags) }))
        .route("/api/pull", post(|| async { "{\"status\":\"success\"}\n" }))
        .route("/api/copy", post(|| async { StatusCode::OK }))
        .route("/api/delete", delete(remove));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    api(port)
}

#[tokio::test]
async fn what_an_agent_before_has_offered_files_as_is_deleted_once_the_model_has_them() {
    let source = config::Model::default().source;
    let left = |port: u16| names::offered(&source, (Ipv4Addr::LOCALHOST, port).into()).unwrap();
    let others = [(left(3), "other"), ("127.0.0.1:4/library/m:1".into(), "own")];
    let lists = |own: Option<&'static str>| {
        let leftovers = [(left(1), "own"), (left(2), "own")];
        let own = own.map(|own| (source.clone(), own));
        own.into_iter().chain(leftovers).chain(others.clone()).collect()
    };
    for (own, gone) in
        [(None, vec![]), (Some("else"), vec![]), (Some("own"), vec![left(1), left(2)])]
    {
        let deleted = Arc::<Mutex<Vec<String>>>::default();
        let api = listing(lists(own), Arc::clone(&deleted)).await;
        let pull = Pull::default();
        assert!(pull.owes_tidying());
        pull.tidy(&api, &source).await;
        assert!(!pull.owes_tidying());
        assert_eq!(*deleted.lock().unwrap(), gone, "{own:?}");
    }
    // A server that says nothing is asked again.
    let pull = Pull::default();
    pull.tidy(&api(closed().await), &source).await;
    assert!(pull.owes_tidying());
}

#[tokio::test]
async fn an_import_takes_its_own_name_away_and_each_pull_is_tidied_up_after() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("m.gguf");
    std::fs::write(&file, b"GGUF").unwrap();
    let model = config::Model { sources: vec![Origin::Path(file)], ..config::Model::default() };
    let left = names::offered(&model.source, (Ipv4Addr::LOCALHOST, 9).into()).unwrap();
    let deleted = Arc::<Mutex<Vec<String>>>::default();
    let models = vec![(model.source.clone(), "own"), (left.clone(), "own")];
    let (api, pull) = (listing(models, Arc::clone(&deleted)).await, Pull::default());
    pull.tidy(&api, "another:1").await;
    pull.begin(api, &model, Arc::default(), 0).unwrap();
    assert!(!pull.owes_tidying(), "one runs");
    ended(&pull).await;
    assert!(matches!(pull.state(), PullState::Succeeded(_)), "{:?}", pull.state());
    assert_eq!(*deleted.lock().unwrap(), [left]);
    assert!(pull.owes_tidying());
}
