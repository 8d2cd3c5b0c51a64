//! A Prometheus on the loopback, over samples that it did not scrape itself.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::objects::list;
use crate::tools::lab_tool;

/// Seconds since the epoch, and the value then.
pub(super) type Point = (u64, f64);

/// It ends with the test.
pub(super) struct Prometheus {
    child: Child,
    address: String,
    /// Kept once it has told the address: a program that cannot write its log ends.
    log: BufReader<ChildStderr>,
    _folder: TempDir,
}

impl Prometheus {
    /// Over these samples, in the text format with times; `None`, said aloud, where the lab's tools
    /// are not there. Only those: another release may round otherwise.
    pub(super) fn over(samples: &str) -> Option<Self> {
        let (mut importer, mut server) = (lab_tool("promtool")?, lab_tool("prometheus")?);
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("samples"), samples).unwrap();
        std::fs::write(path("config.yml"), "{}\n").unwrap();
        importer.args(["tsdb", "create-blocks-from", "openmetrics"]);
        let output = importer.arg(path("samples")).arg(path("data")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        server.arg("--config.file").arg(path("config.yml"));
        server.arg("--storage.tsdb.path").arg(path("data"));
        server.args(["--storage.tsdb.retention.time=100y", "--web.listen-address=127.0.0.1:0"]);
        // What is imported has no mark where a series ends: longer than from one sample to the
        // next, and shorter than to the one after.
        server.arg("--query.lookback-delta=90s");
        let mut child = server.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        // From here on it ends with the test, whatever it says.
        let mut prometheus = Self { child, address: String::new(), log, _folder: folder };
        prometheus.address = address(&mut prometheus.log);
        Some(prometheus)
    }

    /// The series that a query gives over a time, each with its labels.
    pub(super) fn range(
        &self,
        query: &str,
        start: u64,
        end: u64,
        step: u64,
    ) -> Vec<(Value, Vec<Point>)> {
        let times = format!("start={start}&end={end}&step={step}");
        let series = self.ask("query_range", query, &times);
        let point = |point: &Value| {
            (point[0].as_u64().unwrap(), point[1].as_str().unwrap().parse().unwrap())
        };
        let points = |series: &Value| list(&series["values"]).iter().map(point).collect();
        list(&series).iter().map(|series| (series["metric"].clone(), points(series))).collect()
    }

    /// The labels of each series that a query gives at a time.
    pub(super) fn now(&self, query: &str, time: u64) -> Vec<Value> {
        let series = self.ask("query", query, &format!("time={time}"));
        list(&series).iter().map(|series| series["metric"].clone()).collect()
    }

    fn ask(&self, path: &str, query: &str, more: &str) -> Value {
        let query = query.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
        let mut stream = TcpStream::connect(&self.address).unwrap();
        // 1.0: the answer ends with the connection.
        write!(stream, "GET /api/v1/{path}?{more}&query={query} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut said: Value = serde_json::from_str(body).unwrap();
        assert_eq!(said["status"], "success", "{said}");
        said["data"]["result"].take()
    }
}

/// Where it listens, once it answers.
fn address(log: &mut BufReader<ChildStderr>) -> String {
    let (mut said, mut address) = (String::new(), None);
    loop {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "Prometheus has ended:\n{said}");
        if line.contains("msg=\"Listening on\"") {
            let (_, rest) = line.trim_end().split_once("address=").unwrap();
            address = Some(rest.to_owned());
        }
        if line.contains("Server is ready to receive web requests") {
            return address.expect("it is ready, and listens");
        }
        said += &line;
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
