//! The runner: a process of its own that holds one model and computes embeddings.
//!
//! It is the same executable, started under another name. It prints where it listens once the
//! model is "loaded", and computes one request at a time, as fast as the recorded server did, so
//! that a long text leaves time to do something to it in flight.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use nix::sys::resource::{Resource, setrlimit};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;

use super::gpu::{self, Place};
use super::vector;
use crate::faults::Faults;
use crate::{digest, gguf};

/// What the process calls itself.
pub const NAME: &str = "llama-server";

/// The line that is printed when the model is loaded; the port follows.
pub(super) const LISTENING: &str = "server is listening on http://127.0.0.1:";

/// The line that says how many bytes of the model lie on a GPU.
pub(super) const OFFLOADED: &str = "bytes of the model on a GPU: ";

/// Computing a token took the recorded server 0.49 ms (1.99 s for 4,095 tokens).
const TOKEN: Duration = Duration::from_micros(490);

/// A load took the recorded server 0.25 s.
const LOAD: Duration = Duration::from_millis(250);

/// Of each 20 ms that it computes it uses the CPU for one.
const WORK: Duration = Duration::from_millis(1);
const REST: Duration = Duration::from_millis(19);

/// A load reads 10 MB/s.
const READ_AT_ONCE: usize = 1 << 20;
const READ_EVERY: Duration = Duration::from_millis(100);

/// Components of the first answer after a load differ by about this much from later ones.
const COLD_ERROR: f32 = 1e-5;

/// The part of llama-server's command line that matters here.
#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long)]
    model: PathBuf,
    #[arg(long)]
    port: u16,
    #[arg(long)]
    host: String,
    /// Tokens of context. The server has cut the text to it already.
    #[arg(short = 'c')]
    _context: u64,
    #[arg(long)]
    embedding: bool,
    /// Bytes that the model takes.
    #[arg(long)]
    size: u64,
    /// GPUs that the server has found, by UUID.
    #[arg(long)]
    device: Vec<String>,
}

/// What the server asks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Question {
    /// The text, cut to the context already.
    pub(crate) input: String,
    pub(crate) tokens: u32,
}

/// A vector, not normalised.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) embedding: Vec<f32>,
    /// None of it is a number, which JSON cannot say.
    #[serde(default)]
    pub(crate) sick: bool,
}

/// Loads the model and serves until it is killed.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => Err(error.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

struct Held {
    /// Of the whole file, as it was when it was loaded.
    digest: String,
    dimensions: usize,
    embedding: bool,
    /// The text computed last: its tokens need not be computed again.
    last: Mutex<Option<String>>,
    place: Option<Place>,
    /// How many vectors it has computed.
    computed: AtomicU64,
}

/// Ends on SIGTERM by a handler, as the real one does: a frozen process then has to be killed.
async fn run(arguments: Arguments) -> Result<(), String> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    tokio::select! {
        result = serve(arguments) => result,
        _ = terminate.recv() => Ok(()),
    }
}

async fn serve(arguments: Arguments) -> Result<(), String> {
    let header = gguf::read(&arguments.model).map_err(|error| error.to_string())?;
    let digest = digest::of_file(&arguments.model).map_err(|error| error.to_string())?;
    load(&arguments.model, LOAD + Faults::read()?.load_delay())
        .await
        .map_err(|error| error.to_string())?;

    let dimensions = header.number("embedding_length").and_then(|n| usize::try_from(n).ok());
    let held = Held {
        digest,
        dimensions: dimensions.ok_or("model has no embedding_length")?,
        embedding: arguments.embedding,
        last: Mutex::new(None),
        computed: AtomicU64::new(0),
        place: gpu::place(&arguments.device, arguments.size).map_err(|error| error.to_string())?,
    };
    let vram = held.place.as_ref().map_or(0, |place| place.bytes);
    let routes = Router::new()
        .route("/health", get(async || "{\"status\":\"ok\"}"))
        .route("/v1/embeddings", post(embed))
        .with_state(Arc::new(held));
    let listener = TcpListener::bind((arguments.host.as_str(), arguments.port))
        .await
        .map_err(|error| error.to_string())?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    writeln!(io::stdout(), "{OFFLOADED}{vram}").map_err(|error| error.to_string())?;
    writeln!(io::stdout(), "{LISTENING}{port}").map_err(|error| error.to_string())?;
    axum::serve(listener, routes).await.map_err(|error| error.to_string())
}

/// Takes so long to load, with what a slow disk makes of it: bytes that come, and hardly any work.
async fn load(model: &Path, time: Duration) -> io::Result<()> {
    let until = Instant::now() + time;
    let (mut file, mut chunk) = (File::open(model)?, vec![0; READ_AT_ONCE]);
    while Instant::now() < until {
        if file.read(&mut chunk)? == 0 {
            file.rewind()?;
        }
        tokio::time::sleep(READ_EVERY.min(until - Instant::now())).await;
    }
    Ok(())
}

/// Takes so long to compute, and uses a little of the CPU all the while: who looks from outside
/// sees that it is at work.
async fn compute(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        let worked = Instant::now() + WORK.min(until - Instant::now());
        while Instant::now() < worked {
            std::hint::spin_loop();
        }
        tokio::time::sleep(REST.min(until.saturating_duration_since(Instant::now()))).await;
    }
}

async fn embed(State(held): State<Arc<Held>>, Json(question): Json<Question>) -> Response {
    if !held.embedding {
        let text = "This server does not support embeddings. Start it with `--embeddings`";
        return (StatusCode::NOT_IMPLEMENTED, text).into_response();
    }
    if held.place.as_ref().is_some_and(Place::is_lost) {
        let _ = writeln!(io::stderr(), "CUDA error: unspecified launch failure");
        // It is no accident, and leaves no core.
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
        std::process::abort();
    }
    let mut last = held.last.lock().await;
    let cold = last.is_none();
    if last.as_deref() != Some(&question.input) {
        compute(TOKEN * question.tokens).await;
    }
    let mut vector = vector::embed(&held.digest, question.input.as_bytes(), held.dimensions);
    *last = Some(question.input);
    if cold {
        vector.iter_mut().step_by(2).for_each(|number| *number += COLD_ERROR);
    }
    let before = held.computed.fetch_add(1, Ordering::Relaxed);
    let sick = match Faults::read() {
        Ok(faults) => faults.sick_after.is_some_and(|healthy| before >= healthy),
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
    };
    Json(Answer { embedding: vector, sick }).into_response()
}
