//! Whom `https` believes: the authorities of the system, or those of one file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use url::Url;

use super::connect::target;
use super::{Failure, Layer};
use crate::file;

/// Whom to believe.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trust {
    /// PEM certificates; the system's own where absent.
    file: Option<PathBuf>,
}

impl Trust {
    /// # Errors
    /// The file holds no certificate, or cannot be read.
    pub(crate) fn new(file: Option<&Path>) -> Result<Self, String> {
        let trust = Self { file: file.map(Path::to_path_buf) };
        if let Some(path) = file {
            // Read to its end later on, and it has to have one.
            let read = file::open(path).and_then(|file| file::read(file, file::BY_HAND));
            read.map_err(|error| format!("{}: {error}", path.display()))?;
            trust.authorities()?;
        }
        Ok(trust)
    }

    /// Read anew for each connection: who watches for weeks sees a new authority.
    fn authorities(&self) -> Result<RootCertStore, String> {
        let source = self.file.as_deref();
        let shown = source.map_or("the system".to_owned(), |file| file.display().to_string());
        let found = match source {
            Some(file) => rustls_native_certs::load_certs_from_paths(Some(file), None),
            None => rustls_native_certs::load_native_certs(),
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let why = found.errors.first().map_or(String::new(), |error| format!(": {error}"));
            return Err(format!("{shown} has no certificate of an authority{why}"));
        }
        Ok(roots)
    }

    fn config(&self) -> Result<ClientConfig, String> {
        // Named, because a default exists only as long as the build has a single provider.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(config.with_root_certificates(self.authorities()?).with_no_client_auth())
    }

    /// Has the server prove that it is the URL's host.
    pub(super) async fn secure(
        &self,
        url: &Url,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let (host, port) = target(url);
        let fail = |why: String| Failure::new(Layer::Tls, format!("{host} port {port}: {why}"));
        let name = ServerName::try_from(host.to_owned()).map_err(|e| fail(e.to_string()))?;
        let connector = TlsConnector::from(Arc::new(self.config().map_err(fail)?));
        connector.connect(name, stream).await.map_err(|error| fail(error.to_string()))
    }
}
