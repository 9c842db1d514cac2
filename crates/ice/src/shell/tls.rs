//! TLS configurations from PEM, on ring.

use std::fmt;
use std::sync::Arc;

pub use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// What is wrong with a certificate, a key or a CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsError {
    /// `ca`, `cert` or `key`: not PEM, or none in it.
    Pem { what: &'static str },
    /// They do not belong together, or are of a kind that is not supported.
    Refused(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem { what } => write!(f, "no {what} in the PEM text"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for TlsError {}

fn refused(error: impl fmt::Display) -> TlsError {
    TlsError::Refused(error.to_string())
}

/// Who we are: the chain, our own certificate first, and its key, both PEM.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    pub cert: &'a [u8],
    pub key: &'a [u8],
}

impl Pair<'_> {
    fn read(self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let key = PrivateKeyDer::from_pem_slice(self.key).map_err(|_| TlsError::Pem { what: "key" })?;
        Ok((certificates(self.cert, "cert")?, key))
    }
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| TlsError::Pem { what })?;
    if all.is_empty() { Err(TlsError::Pem { what }) } else { Ok(all) }
}

fn roots(ca: &[u8]) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca, "ca")? {
        roots.add(certificate).map_err(refused)?;
    }
    Ok(Arc::new(roots))
}

/// `client_ca`: clients must show a certificate of this CA.
pub fn server(ours: Pair<'_>, client_ca: Option<&[u8]>) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().map_err(refused)?;
    let builder = match client_ca {
        Some(ca) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots(ca)?, provider).build().map_err(refused)?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let (chain, key) = ours.read()?;
    Ok(Arc::new(builder.with_single_cert(chain, key).map_err(refused)?))
}

/// `ca`: who has signed the server's certificate, which must name its host as a SAN. `ours`: where the server asks for one.
pub fn client(ca: &[u8], ours: Option<Pair<'_>>) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(refused)?;
    let builder = builder.with_root_certificates(roots(ca)?);
    Ok(Arc::new(match ours {
        Some(ours) => {
            let (chain, key) = ours.read()?;
            builder.with_client_auth_cert(chain, key).map_err(refused)?
        }
        None => builder.with_no_client_auth(),
    }))
}
