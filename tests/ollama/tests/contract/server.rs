//! The stand-in as a process, in a directory of its own, on a port of its own.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::fixture;
use crate::http::{self, Reply};

const PATIENCE: Duration = Duration::from_secs(10);

/// A running server. Told to end when dropped, so that it takes its runners with it.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) address: SocketAddr,
    place: Place,
}

/// The directories a server lives in; they outlive a server that is started again.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("home")).unwrap();
        Self { directory }
    }

    /// With the model in it.
    pub(crate) fn with_model() -> Self {
        let place = Self::new();
        fixture::model(&place.models());
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn models(&self) -> PathBuf {
        self.path("models")
    }

    /// The command, with nothing of this process's environment.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ollama"));
        command
            .arg("serve")
            .env_clear()
            .env("HOME", self.path("home"))
            .env("OLLAMA_MODELS", self.models())
            .env("OLLAMA_HOST", "127.0.0.1:0")
            .env("SAIGAK_STANDIN_FAULTS", self.path("faults.json"))
            .env("SAIGAK_LAB_GPU", self.path("gpu"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) async fn start(self) -> Server {
        self.start_with(&[]).await
    }

    pub(crate) async fn start_with(self, environment: &[(&str, &str)]) -> Server {
        let mut command = self.command();
        command.envs(environment.iter().copied());
        self.start_from(command).await
    }

    pub(crate) async fn start_from(self, mut command: Command) -> Server {
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, rest)) = line.split_once("Listening on ") {
                    return rest.split(' ').next().unwrap().parse().unwrap();
                }
            }
            panic!("the server ended before it listened");
        };
        let address = timeout(PATIENCE, listening).await.unwrap();
        // Somebody has to read what it goes on to say.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Server { process, address, place: self }
    }

    /// Starts a server that is expected to end by itself: its exit code and its last line.
    pub(crate) async fn fails(
        &self,
        prepare: impl FnOnce(&mut Command) -> &mut Command,
    ) -> (i32, String) {
        let mut command = self.command();
        let mut process = prepare(&mut command).spawn().unwrap();
        let mut text = String::new();
        let mut stderr = process.stderr.take().unwrap();
        timeout(PATIENCE, stderr.read_to_string(&mut text)).await.expect("it runs").unwrap();
        let status = process.wait().await.unwrap();
        (status.code().unwrap(), text.lines().last().unwrap_or_default().to_owned())
    }
}

impl Server {
    /// Where the GPUs are imagined.
    pub(crate) fn gpus(&self) -> PathBuf {
        self.place.path("gpu")
    }

    pub(crate) fn models(&self) -> PathBuf {
        self.place.models()
    }

    pub(crate) fn set_faults(&self, faults: &Value) {
        fs::write(self.place.path("faults.json"), faults.to_string()).unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        http::call(self.address, "GET", path, &[], "").await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        http::call(self.address, "POST", path, &[], &body.to_string()).await.unwrap()
    }

    pub(crate) async fn delete(&self, name: &str) -> Reply {
        let body = json!({ "model": name }).to_string();
        http::call(self.address, "DELETE", "/api/delete", &[], &body).await.unwrap()
    }

    pub(crate) async fn embed(&self, model: &str, input: &str) -> Reply {
        self.post("/v1/embeddings", &json!({ "model": model, "input": input })).await
    }

    /// What is loaded: `/api/ps`.
    pub(crate) async fn loaded(&self) -> Vec<Value> {
        self.get("/api/ps").await.json()["models"].as_array().unwrap().clone()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id().unwrap().cast_signed())
    }

    /// The processes that the server has started, by parentage.
    pub(crate) fn runners(&self) -> Vec<Pid> {
        children(self.pid())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Signals the server and waits for its end. The directories stay for another start.
    pub(crate) async fn end(mut self, signal: Signal) -> (ExitStatus, Place) {
        self.signal(signal);
        let status = timeout(PATIENCE, self.process.wait()).await.unwrap().unwrap();
        (status, std::mem::replace(&mut self.place, Place::new()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(id) = self.process.id() {
            let _ = kill(Pid::from_raw(id.cast_signed()), Signal::SIGTERM);
        }
    }
}

pub(crate) fn children(parent: Pid) -> Vec<Pid> {
    let text = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let text = text.unwrap_or_default();
    text.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}

/// Whether a process is there and not merely waiting to be collected.
pub(crate) fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Waits for something that has no event to wait for, such as another process's end.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
}

/// Takes the right to write from a directory and all below it.
pub(crate) fn make_read_only(path: &Path) {
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            make_read_only(&entry.path());
        } else {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o444)).unwrap();
        }
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o555)).unwrap();
}
