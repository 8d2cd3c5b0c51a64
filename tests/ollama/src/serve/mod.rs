//! `ollama serve`.
//!
//! The order of a start is the recorded one: home directory and key, port, models directory,
//! prune, GPUs, and only then the first answer. A client that connects meanwhile waits.

mod answer;
mod change;
mod create;
mod embed;
mod embeddings;
mod environment;
mod host_check;
mod list;
mod openai;
mod pull;
mod routes;
mod show;
mod start;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::VERSION;
use crate::pull::Downloads;
use crate::runner::{Scheduler, gpu};
use crate::store::Store;
use embed::Places;
use environment::Environment;

/// What every handler needs.
#[derive(Debug)]
struct App {
    store: Store,
    downloads: Downloads,
    scheduler: Scheduler,
    /// Tokens of context for a model that does not say.
    context_length: u64,
    places: Places,
}

/// Serves until SIGTERM or SIGINT. A start that fails prints its reason as the last line.
pub fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => Err(error.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "Error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), String> {
    let (mut terminate, mut interrupt) =
        (handler(SignalKind::terminate())?, handler(SignalKind::interrupt())?);
    let environment = Environment::read()?;
    start::ensure_key(&environment.home).map_err(|error| error.clone())?;
    let listener = start::listen(&environment.host).await?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let store = Store::open(environment.models)
        .map_err(|error| format!("{error}: ensure path elements are traversable"))?;
    if environment.prune {
        store.prune();
    }
    // Clients that have connected wait meanwhile.
    let gpus = gpu::discover().await;
    let app = Arc::new(App {
        store,
        downloads: Downloads::default(),
        scheduler: Scheduler::start(environment.scheduler, gpus),
        context_length: environment.context_length,
        places: Places::default(),
    });
    let routes = routes::routes(Arc::clone(&app), address);
    tracing::info!("Listening on {address} (version {VERSION})");
    let server = tokio::spawn(serve(listener, routes));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    // Nothing is drained: open requests end without an answer.
    server.abort();
    app.scheduler.stop().await;
    app.downloads.stop().await;
    Ok(())
}

fn handler(kind: SignalKind) -> Result<Signal, String> {
    signal(kind).map_err(|error| error.to_string())
}

async fn serve(listener: TcpListener, routes: Router) {
    if let Err(error) = axum::serve(listener, routes).await {
        tracing::error!(%error, "the server stopped");
    }
}
