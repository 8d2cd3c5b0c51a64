//! Connections, with or without TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Registry, routes};

/// A certificate and its key.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file cannot be read, or holds nothing of the kind.
    #[error("{}: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// Certificate and key do not go together.
    #[error(transparent)]
    Pair(#[from] tokio_rustls::rustls::Error),
}

impl Tls {
    /// Reads PEM files: the certificate with its chain, and the key.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::Pem { path, source }
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .map_err(unreadable(certificate))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

/// The address and the scheme by which a connection came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    local: SocketAddr,
    secure: bool,
}

impl Arrival {
    /// This registry's address by the host that was asked for.
    pub(super) fn asked_name(self, headers: &HeaderMap) -> String {
        format!("{}://{}", self.scheme(), host(headers))
    }

    fn scheme(self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// This registry's address under a host name other than the one that was asked for.
    pub(super) fn other_name(self, headers: &HeaderMap) -> String {
        let (scheme, asked) = (self.scheme(), host(headers));
        let name = asked.rsplit_once(':').map_or(asked, |(name, _)| name);
        if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            format!("{scheme}://localhost:{}", self.local.port())
        } else {
            format!("{scheme}://{}", self.local)
        }
    }
}

/// The host and port that were asked for.
pub(super) fn host(headers: &HeaderMap) -> &str {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// Serves `registry` until the listener fails.
pub async fn serve(
    registry: Arc<Registry>,
    listener: TcpListener,
    tls: Option<Tls>,
) -> io::Result<()> {
    let routes = routes::routes(registry);
    loop {
        let (stream, peer) = listener.accept().await?;
        let (routes, tls) = (routes.clone(), tls.clone());
        tokio::spawn(async move {
            if let Err(error) = connection(stream, tls, routes).await {
                tracing::debug!(%peer, %error, "connection ended");
            }
        });
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<Tls>,
    routes: Router,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let arrival = Arrival { local: stream.local_addr()?, secure: tls.is_some() };
    let routes = routes.layer(Extension(arrival));
    match tls {
        Some(Tls(acceptor)) => answer(acceptor.accept(stream).await?, routes).await,
        None => answer(stream, routes).await,
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    routes: Router,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes))
        .await?;
    Ok(())
}
