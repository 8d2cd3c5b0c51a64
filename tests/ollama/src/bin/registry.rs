//! A model registry with one model.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use saigak_lab_ollama::registry::{ModelFile, REFERENCE, Registry, Tls, serve};
use tokio::net::TcpListener;

/// Serves one model as registry.ollama.ai does.
#[derive(Debug, Parser)]
#[command(name = "registry")]
struct Arguments {
    /// Where to listen; HTTPS where a certificate is given, else plain HTTP.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Certificate chain, PEM. Must also name the host of the blobs, see --bytes-at.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The model file to serve instead of the small one.
    #[arg(long, value_name = "FILE")]
    gguf: Option<PathBuf>,
    /// The name to serve it under; may be repeated.
    #[arg(long, value_name = "NAME", default_value = REFERENCE)]
    name: Vec<String>,
    /// Another file to serve, as /cdn/NAME; may be repeated.
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Send blobs no faster than this, in bytes per second.
    #[arg(long, value_name = "BYTES")]
    rate: Option<u64>,
    /// Redirect to this scheme://host:port for blobs; default: the address that was connected to.
    /// The host must differ from the registry's name.
    #[arg(long, value_name = "URL")]
    bytes_at: Option<String>,
    /// Read faults from this file at each request, where it exists.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(Arguments::parse())),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "registry: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let file = arguments.gguf.as_deref().map_or(ModelFile::Small, ModelFile::Path);
    let names: Vec<&str> = arguments.name.iter().map(String::as_str).collect();
    let registry = Registry::new(&names, &file)?
        .files(&arguments.file)?
        .rate(arguments.rate)
        .bytes_at(arguments.bytes_at)
        .faults_from(arguments.faults);
    let tls = match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls::load(certificate, key)?),
        _ => None,
    };
    let listener = TcpListener::bind(arguments.listen)
        .await
        .map_err(|error| format!("listen on {}: {error}", arguments.listen))?;
    // Who started this waits for the line, and learns the port where it asked for any.
    writeln!(io::stdout(), "Listening on {}", listener.local_addr()?)?;
    serve(Arc::new(registry), listener, tls).await?;
    Ok(())
}
