//! `smoke --listen`, as Prometheus and a probe see it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::server::Server;

use super::well;

/// Ends with the test.
struct Watch {
    child: Child,
    address: String,
    news: BufReader<ChildStdout>,
}

impl Watch {
    fn start(url: &str, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_saigakctl"))
            .args(["smoke", url, "--model=embed:0.6b", "--every=1", "--listen=127.0.0.1:0"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let (_, rest) = line.split_once("http://").unwrap();
        let address = rest.trim().trim_end_matches("/metrics").to_owned();
        let news = BufReader::new(child.stdout.take().unwrap());
        Self { child, address, news }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The metrics once a pass has come to something else than the one before.
    fn after_news(&mut self) -> (String, String) {
        let mut news = String::new();
        assert_ne!(self.news.read_line(&mut news).unwrap(), 0, "it has ended");
        (news, self.get("/metrics"))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn each_pass_is_told_with_its_layer_and_its_times() {
    static WELL: AtomicBool = AtomicBool::new(true);
    let server = |path: &str| {
        if WELL.load(Ordering::SeqCst) {
            well(path)
        } else {
            ("503 Service Unavailable", String::new())
        }
    };
    let agent = Server::start(|_| ("200 OK", "ok\n".to_owned())).url();
    let mut watch = Watch::start(&Server::start(server).url(), &[&format!("--ready={agent}")]);
    let (news, metrics) = watch.after_news();
    assert!(news.contains("serves embed:0.6b; readiness: ready, and"), "{news}");
    for line in [
        "saigak_smoke_agrees 1",
        "saigak_smoke_served 1",
        "saigak_smoke_well 1",
        "saigak_smoke_ready 1",
        "saigak_smoke_failed{layer=\"timed out\"} 0",
        "saigak_smoke_failed{layer=\"HTTP\"} 0",
        "saigak_smoke_passes_total{result=\"wrong\"} 0",
        "# TYPE saigak_smoke_step_duration_seconds gauge",
    ] {
        assert!(metrics.lines().any(|found| found == line), "no {line} in {metrics}");
    }
    assert!(metrics.contains("saigak_smoke_step_duration_seconds{step=\"embedding\"} 0."));
    assert!(metrics.contains("application/openmetrics-text"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");

    WELL.store(false, Ordering::SeqCst);
    let (news, metrics) = watch.after_news();
    assert!(news.starts_with("version failed: HTTP: "), "{news}");
    for line in [
        "saigak_smoke_failed{layer=\"HTTP\"} 1",
        "saigak_smoke_served 0",
        "saigak_smoke_agrees 0",
        "saigak_smoke_ready 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "no {line} in {metrics}");
    }
    assert!(!metrics.contains("step=\"embedding\""), "an old time of a step that was not taken");
    // It is the passes' health, not the server's.
    assert!(watch.get("/healthz").starts_with("HTTP/1.1 200 "));
    assert!(watch.get("/").starts_with("HTTP/1.1 404 "));
}

#[test]
fn what_is_not_known_is_left_out() {
    let mut watch = Watch::start(&Server::start(well).url(), &[]);
    let (_, metrics) = watch.after_news();
    assert!(metrics.contains("saigak_smoke_well 1\n"), "{metrics}");
    assert!(!metrics.contains("saigak_smoke_ready") && !metrics.contains("agrees"), "{metrics}");
}
