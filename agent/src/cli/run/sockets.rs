//! Where the daemon is asked.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use crate::serve;

/// Between two attempts to have the probes' port.
const BIND_AGAIN: Duration = Duration::from_secs(5);

/// The probes' port.
#[derive(Debug)]
pub(super) struct Probes {
    address: SocketAddr,
    router: Router,
    served: JoinHandle<()>,
}

impl Probes {
    /// Serves the probes. Where the port cannot be had, the agent goes on without and keeps
    /// trying: repairs matter more, and a probe that is refused makes no guest ready.
    pub(super) async fn listen(address: SocketAddr, router: Router) -> Self {
        let serve = router.clone();
        let served = match TcpListener::bind(address).await {
            Ok(listener) => tokio::spawn(serve::serve_tcp(listener, serve)),
            Err(error) => {
                tracing::error!(%address, %error, "the probes' port cannot be had");
                tokio::spawn(async move {
                    loop {
                        tokio::time::sleep(BIND_AGAIN).await;
                        if let Ok(listener) = TcpListener::bind(address).await {
                            tracing::info!(%address, "the probes' port is open");
                            return serve::serve_tcp(listener, serve).await;
                        }
                    }
                })
            }
        };
        Self { address, router, served }
    }

    /// Serves them there from now on, until the agent ends.
    pub(super) async fn go_to(self, address: SocketAddr) {
        if address != self.address {
            self.served.abort();
            // It may be the same port at another address, and must be free: that it was aborted is
            // no news.
            let _ = self.served.await;
            Self::listen(address, self.router).await;
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
