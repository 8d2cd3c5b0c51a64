//! The certificate authority of a run. Guests trust it, so a real Ollama pulls from the lab's
//! registry with its own checks in place.

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use super::{GATEWAY, MIRROR, REGISTRY};

/// PEM texts.
pub struct Authority {
    /// What guests trust.
    pub certificate: String,
    /// What the registry shows.
    pub server_certificate: String,
    /// The registry's private key.
    pub server_key: String,
}

impl Authority {
    /// Makes an authority, and a certificate for the registry by it.
    pub fn make() -> Result<Self> {
        let key = KeyPair::generate().context("cannot make the authority's key")?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "Saigak lab");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = parameters.self_signed(&key).context("cannot sign the authority")?;

        let server_key = KeyPair::generate().context("cannot make the registry's key")?;
        // The registry sends its clients to its bare address for the blobs.
        let server = CertificateParams::new([REGISTRY, MIRROR, GATEWAY].map(str::to_owned))
            .context("cannot describe the registry's certificate")?
            .signed_by(&server_key, &Issuer::from_params(&parameters, &key))
            .context("cannot sign the registry's certificate")?;
        Ok(Self {
            certificate: certificate.pem(),
            server_certificate: server.pem(),
            server_key: server_key.serialize_pem(),
        })
    }
}
