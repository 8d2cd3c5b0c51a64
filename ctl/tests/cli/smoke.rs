//! What `smoke` says about servers that serve, that do not, and that are not there.

mod hostile;
mod listen;
mod readiness;
mod route;

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::run::run;
use crate::server::Server;

pub(crate) fn well(path: &str) -> (&'static str, String) {
    let body = match path {
        "/api/version" => r#"{"version":"0.13.0"}"#,
        "/api/tags" => r#"{"models":[{"name":"embed:0.6b"},{"name":"other:latest"}]}"#,
        "/v1/embeddings" => r#"{"data":[{"embedding":[0.6,0.8]}]}"#,
        _ => return ("404 Not Found", "{}".to_owned()),
    };
    ("200 OK", body.to_owned())
}

/// Exit status and report.
pub(crate) fn smoke(url: &str, more: &[&str]) -> (i32, Value) {
    let fixed = ["smoke", url, "--model=embed:0.6b", "--within=0", "--format=json"];
    let ran = run(&[&fixed, more].concat(), "");
    (ran.status, serde_json::from_str(&ran.stdout).unwrap())
}

#[track_caller]
fn fails(url: &str, status: i32, step: &str, layer: &str) {
    let (found, report) = smoke(url, &["--dimension=2"]);
    assert_eq!(found, status, "{report:#}");
    assert_eq!(report["failure"]["step"], step, "{report:#}");
    assert_eq!(report["failure"]["layer"], layer, "{report:#}");
}

#[test]
fn server_that_serves_is_well() {
    let (status, report) = smoke(&Server::start(well).url(), &["--dimension=2"]);
    assert_eq!(status, 0, "{report:#}");
    assert_eq!(report["well"], true);
    assert_eq!(report["steps"].as_array().unwrap().len(), 5);
}

#[test]
fn what_is_not_reached_ends_with_two() {
    fails("http://nowhere.invalid:11434", 2, "name", "name");
    // Bound and given back: nothing listens there now.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fails(&format!("http://127.0.0.1:{port}"), 2, "connection", "refused");
    // Connections are taken by the kernel, and never answered.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    fails(&url, 2, "version", "timed out");
}

#[test]
fn what_is_wrong_ends_with_one() {
    fails(&Server::start(|_| ("503 Service Unavailable", "no".into())).url(), 1, "version", "HTTP");
    fails(&Server::start(|_| ("200 OK", "<html>".into())).url(), 1, "version", "body");
    let no_model = |path: &str| match path {
        "/api/tags" => ("200 OK", r#"{"models":[]}"#.to_owned()),
        _ => well(path),
    };
    fails(&Server::start(no_model).url(), 1, "model", "body");
    let three = |path: &str| embedding(path, "[0.6,0.8,0]");
    fails(&Server::start(three).url(), 1, "embedding", "body");
    let none = |path: &str| embedding(path, "[0.6,null]");
    fails(&Server::start(none).url(), 1, "embedding", "body");
    let zero = |path: &str| embedding(path, "[0,0]");
    fails(&Server::start(zero).url(), 1, "embedding", "body");
}

fn embedding(path: &str, numbers: &str) -> (&'static str, String) {
    match path {
        "/v1/embeddings" => ("200 OK", format!(r#"{{"data":[{{"embedding":{numbers}}}]}}"#)),
        _ => well(path),
    }
}

#[test]
fn server_that_comes_up_in_time_is_well() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let slow = |path: &str| match ASKED.fetch_add(1, Ordering::SeqCst) {
        0 => ("503 Service Unavailable", String::new()),
        _ => well(path),
    };
    let url = Server::start(slow).url();
    let ran = run(&["smoke", &url, "--model=embed:0.6b", "--within=60", "--format=json"], "");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.status, &report["passes"]), (0, &2.into()), "{report:#}");
}

#[test]
fn junit_skips_what_comes_behind_a_failure() {
    let fixed = ["--model=a&b", "--within=0", "--format=junit"];
    let url = Server::start(well).url();
    let text = run(&[&["smoke", &url], &fixed[..]].concat(), "").stdout;
    assert!(text.contains(r#"tests="5" failures="1" skipped="1""#), "{text}");
    assert!(text.contains("a&amp;b:latest is not there"), "{text}");
    assert!(text.contains(r#"<testcase name="embedding"><skipped/></testcase>"#), "{text}");
}

#[test]
fn what_is_no_way_to_a_server_is_refused() {
    for more in [
        &["ftp://localhost"][..],
        &["localhost"],
        &["http://me@localhost"],
        &["http://localhost", "--also-get=ftp://localhost"],
        &["http://localhost", "--also-post", "http://localhost", "{"],
        &["http://localhost", "--also-post", "nowhere", "{}"],
        &["http://localhost", "--cacert=/dev/null"],
        &["http://localhost", "--every=1"],
    ] {
        let ran = run(&[&["smoke", "--model=x"], more].concat(), "");
        assert_eq!(ran.status, 64, "{more:?}: {}", ran.stdout);
    }
}
