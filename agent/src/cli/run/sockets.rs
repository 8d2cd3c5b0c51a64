//! Where the daemon is asked.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, UnixListener};

use crate::serve;

/// Between two attempts to have the probes' port.
const BIND_AGAIN: Duration = Duration::from_secs(5);

/// Serves the probes. Where the port cannot be had, the agent goes on without and keeps
/// trying: repairs matter more, and a probe that is refused makes no guest ready.
pub(super) async fn listen(address: SocketAddr, router: Router) {
    match TcpListener::bind(address).await {
        Ok(listener) => drop(tokio::spawn(serve::serve_tcp(listener, router))),
        Err(error) => {
            tracing::error!(%address, %error, "the probes' port cannot be had");
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(BIND_AGAIN).await;
                    if let Ok(listener) = TcpListener::bind(address).await {
                        tracing::info!(%address, "the probes' port is open");
                        return serve::serve_tcp(listener, router).await;
                    }
                }
            });
        }
    }
}

/// The control socket. Everyone on the guest may ask; who may give orders, the kernel tells.
pub(super) fn control(path: &Path) -> Result<UnixListener, String> {
    let fail = |error: io::Error| format!("{}: {error}", path.display());
    // The lock is held: a socket that lies there is a dead agent's.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(fail(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(fail)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).map_err(fail)?;
    Ok(listener)
}
