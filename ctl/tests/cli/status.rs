//! What `status` says of a fleet.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::run::{json, run};
use crate::server::Server;

fn ready(path: &str) -> (&'static str, String) {
    assert_eq!(path, "/readyz?verbose");
    let text = "[+]NetworkUp LinkUp: up\nlast proof 3.2 s ago, took 0.1 s\nreadyz check passed\n";
    ("200 OK", text.to_owned())
}

fn not_ready(_: &str) -> (&'static str, String) {
    let text = "[-]NetworkUp LinkDown: down\nreadyz check failed: NetworkUp/LinkDown: it is down\n\
                next: network/Reconfigure runs\n";
    ("503 Service Unavailable", text.to_owned())
}

/// Without its scheme, as a person types it.
fn agent(answers: crate::server::Answers) -> String {
    Server::start(answers).url().replace("http://", "")
}

/// Bound and given back: nothing listens there now.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn each_guest_has_a_line_in_its_order() {
    let fleet = [agent(not_ready), nobody(), agent(ready), agent(|_| ("200 OK", "ok".to_owned()))];
    let names: Vec<&str> = fleet.iter().map(String::as_str).collect();
    let ran = run(&[&["status"], &names[..]].concat(), "");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((ran.status, lines.len()), (2, 4), "{}", ran.stdout);
    for (line, (name, said)) in lines.iter().zip(names.iter().zip([
        "Not ready  NetworkUp/LinkDown: it is down; next: network/Reconfigure runs",
        "Unknown    refused: ",
        "Ready      proof 3 s ago",
        "Unknown    body: 200 OK, and no words of an agent",
    ])) {
        let (found, rest) = line.split_once("  ").unwrap();
        assert_eq!(found, *name);
        assert!(rest.trim_start().starts_with(said), "{line}");
    }
}

#[test]
fn exit_status_is_the_worst_guests() {
    let (ready, not_ready, nobody) = (agent(ready), agent(not_ready), nobody());
    for (fleet, expected) in [
        (&[&ready, &ready][..], 0),
        (&[&ready, &not_ready], 1),
        (&[&nobody, &not_ready, &ready], 2),
    ] {
        let names: Vec<&str> = fleet.iter().map(|name| name.as_str()).collect();
        assert_eq!(run(&[&["status"], &names[..]].concat(), "").status, expected, "{fleet:?}");
    }
    assert_eq!(run(&["status"], "").status, 64);
    assert_eq!(run(&["status", "ftp://a"], "").status, 64);
}

#[test]
fn silent_guests_are_given_up_side_by_side() {
    // Connections are taken by the kernel, and never answered.
    let silent: Vec<_> = (0..20).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let names: Vec<_> = silent.iter().map(|s| s.local_addr().unwrap().to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let start = std::time::Instant::now();
    let report = json(&[&["status", "--json", "--within=1"], &names[..]].concat());
    assert!(start.elapsed().as_secs() < 10, "one after the other they take 20 s");
    for guest in report["guests"].as_array().unwrap() {
        assert_eq!((&guest["ready"], &guest["cause"]), (&Value::Null, &"timed out".into()));
    }
}

#[test]
fn watch_tells_changes_alone() {
    static READY: AtomicBool = AtomicBool::new(true);
    let turning =
        agent(|path| if READY.load(Ordering::SeqCst) { ready(path) } else { not_ready(path) });
    let mut child = Command::new(env!("CARGO_BIN_EXE_saigakctl"))
        .args(["status", "--watch", "--json", "--every=1", &turning, &agent(ready)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut guests = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    assert_eq!(guests.next().unwrap()["ready"], true);
    assert_eq!(guests.next().unwrap()["ready"], true);
    READY.store(false, Ordering::SeqCst);
    let change = guests.next().unwrap();
    assert_eq!((&change["name"], &change["ready"]), (&turning.into(), &Value::Bool(false)));
    child.kill().unwrap();
    child.wait().unwrap();
}
