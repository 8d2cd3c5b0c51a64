//! The rest of a client's way: other pages, and TLS.

use crate::server::{Request, Server};

use super::{smoke, well};

/// A client's own service: it takes memories, and has a page.
fn client(request: &Request) -> (&'static str, String) {
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/api/memories") if request.body == r#"{"text":"a"}"# => ("200 OK", String::new()),
        ("GET", "/page?x=1") => ("200 OK", "<html>".to_owned()),
        ("GET", "/moved") => ("302 Found", String::new()),
        ("GET", "/made") => ("201 Created", String::new()),
        _ => ("500 Internal Server Error", "no embedding:\u{1b}[2J 11434".to_owned()),
    }
}

#[test]
fn other_pages_must_answer_200() {
    let (url, other) = (Server::start(well).url(), Server::start_with(client).url());
    let page = format!("--also-get={other}/page?x=1");
    let memories = format!("{other}/api/memories");
    let post = ["--also-post", &memories, r#"{"text":"a"}"#];
    let (status, report) = smoke(&url, &[&[page.as_str()], &post[..]].concat());
    assert_eq!(status, 0, "{report:#}");
    let steps: Vec<_> = report["steps"].as_array().unwrap().iter().map(|s| &s["step"]).collect();
    assert_eq!(*steps[5], format!("GET {other}/page?x=1").as_str());
    assert_eq!(*steps[6], format!("POST {memories}").as_str());
    // What is not 200 is a failure of that page, whatever else it is.
    for path in ["moved", "made", "nothing"] {
        let page = format!("{other}/{path}");
        let (status, report) = smoke(&url, &["--also-get", &page]);
        assert_eq!((status, report["failure"]["layer"].as_str()), (1, Some("HTTP")), "{report:#}");
        assert_eq!(report["failure"]["step"], format!("GET {page}").as_str());
    }
}

#[test]
fn what_a_server_says_moves_no_cursor() {
    let (url, other) = (Server::start(well).url(), Server::start_with(client).url());
    let page = format!("--also-get={other}/nothing");
    let ran = crate::run::run(&["smoke", &url, "--model=embed:0.6b", "--within=0", &page], "");
    assert!(ran.stdout.contains("no embedding: [2J"), "{}", ran.stdout);
}

#[test]
fn page_that_is_not_reached_ends_with_two() {
    let url = Server::start(well).url();
    let (status, report) = smoke(&url, &["--also-get=http://nowhere.invalid/"]);
    assert_eq!((status, report["failure"]["layer"].as_str()), (2, Some("name")), "{report:#}");
}

#[test]
fn certificate_must_be_believed() {
    let (server, certificate) = Server::start_secure(well);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &certificate).unwrap();
    let trusted = format!("--cacert={}", file.path().display());
    let (status, report) = smoke(&server.url(), &[&trusted]);
    assert_eq!(status, 0, "{report:#}");
    // Another's certificate.
    let (_other, certificate) = Server::start_secure(well);
    std::fs::write(file.path(), &certificate).unwrap();
    let (status, report) = smoke(&server.url(), &[&trusted]);
    assert_eq!((status, report["failure"]["layer"].as_str()), (1, Some("TLS")), "{report:#}");
    // The right one, for another name.
    let (server, certificate) = Server::start_secure(well);
    std::fs::write(file.path(), &certificate).unwrap();
    let (status, report) = smoke(&server.url().replace("localhost", "127.0.0.1"), &[&trusted]);
    assert_eq!((status, report["failure"]["layer"].as_str()), (1, Some("TLS")), "{report:#}");
}

#[test]
fn server_without_tls_is_told_from_one_that_is_not_there() {
    let url = Server::start(well).url().replace("http:", "https:");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), Server::start_secure(well).1).unwrap();
    let (status, report) = smoke(&url, &[&format!("--cacert={}", file.path().display())]);
    assert_eq!((status, report["failure"]["layer"].as_str()), (1, Some("TLS")), "{report:#}");
}
