//! Where a listener is, and by whose certificates: what the configuration says, checked.

use std::fmt;
use std::sync::Arc;

use tidings_ice::Address;
use tidings_ice::proxy::Transport;
use tidings_ice::shell::tls::{self, Pair, TlsError};

/// A listener that may be called.
#[derive(Clone, Debug)]
pub struct Target {
    pub(super) address: Address,
    pub(super) tls: Option<Arc<tls::ClientConfig>>,
}

/// PEM texts for `ssl` endpoints.
#[derive(Clone, Debug, Default)]
pub struct Certificates {
    /// Who has signed the listener's certificate.
    pub ca: Vec<u8>,
    /// What we show: the chain and its key.
    pub ours: Option<(Vec<u8>, Vec<u8>)>,
}

/// Why there is no calling a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadTarget {
    /// An `ssl` endpoint, and no CA.
    NoCa,
    /// Certificates, and no `ssl` endpoint.
    NoSsl,
    Tls(TlsError),
}

impl fmt::Display for BadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCa => f.write_str("an ssl endpoint needs a CA that its certificate is checked against"),
            Self::NoSsl => f.write_str("certificates are of no use without an ssl endpoint"),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BadTarget {}

impl Target {
    pub fn new(address: Address, certificates: &Certificates) -> Result<Self, BadTarget> {
        let is_secure = address.endpoints.iter().any(|endpoint| endpoint.transport == Transport::Ssl);
        match (is_secure, certificates.ca.is_empty() && certificates.ours.is_none()) {
            (false, true) => return Ok(Self { address, tls: None }),
            (false, false) => return Err(BadTarget::NoSsl),
            (true, _) if certificates.ca.is_empty() => return Err(BadTarget::NoCa),
            (true, _) => {}
        }
        let ours = certificates.ours.as_ref().map(|(cert, key)| Pair { cert, key });
        let tls = tls::client(&certificates.ca, ours).map_err(BadTarget::Tls)?;
        Ok(Self { address, tls: Some(tls) })
    }
}
