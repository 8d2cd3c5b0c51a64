//! The two steps of a start that can fail before there is a models directory.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use tokio::net::TcpListener;

use super::environment::Host;
use crate::go;
use crate::go::PathError;
use crate::store::make_directories;

/// Makes `.ollama/id_ed25519` in the home directory where it is missing, because a server that
/// cannot write there does not start. Nothing ever signs with it.
pub(super) fn ensure_key(home: &Path) -> Result<(), String> {
    let path = home.join(".ollama/id_ed25519");
    if path.exists() {
        return Ok(());
    }
    let _ =
        writeln!(io::stderr(), "Couldn't find '{}'. Generating new private key.", path.display());
    let directory = home.join(".ollama");
    make_directories(&directory).map_err(|error| format!("could not create directory {error}"))?;
    let write = || {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(b"a stand-in has no key\n")
    };
    write().map_err(go::on("open", &path)).map_err(|error: PathError| error.to_string())
}

/// Binds the port.
pub(super) async fn listen(host: &Host) -> Result<TcpListener, String> {
    let (name, port) = (host.name.as_str(), host.port);
    let addresses = tokio::net::lookup_host((name, port))
        .await
        .map_err(|_| format!("listen tcp: lookup {name}: no such host"))?;
    let mut failure = format!("listen tcp: lookup {name}: no such host");
    for address in addresses {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) => {
                failure = format!("listen tcp {address}: bind: {}", go::io_text(&error));
            }
        }
    }
    Err(failure)
}
