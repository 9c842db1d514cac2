//! What `[sync]` says of the Ice listener, and whether it can be called.

use std::fs;
use std::path::{Path, PathBuf};

use tidings_outbox::ice::{Address, BadTarget, Certificates, Target};

/// The business server's listener, and the certificates for its `ssl` endpoints, PEM all.
#[derive(Clone, Debug, Default)]
pub(crate) struct IceListener {
    /// None: events are not told over Ice.
    pub address: Option<Address>,
    pub ca: Option<PathBuf>,
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// A key, and what is wrong with it.
type Found = (&'static str, String);

const LISTENER: &str = "sync.ice_listener";
const CA: &str = "sync.ice_tls.ca";
const CERT: &str = "sync.ice_tls.cert";
const KEY: &str = "sync.ice_tls.key";

/// A certificate and its key, as their files have them.
type Pair = (Vec<u8>, Vec<u8>);

impl IceListener {
    /// None: there is none.
    pub(crate) fn target(&self) -> Result<Option<Target>, Found> {
        let Some(address) = &self.address else { return self.stray().map_or(Ok(None), Err) };
        let certificates = Certificates { ca: read(CA, self.ca.as_deref())?, ours: self.ours()? };
        Target::new(address.clone(), &certificates).map(Some).map_err(|why| self.blamed(why))
    }

    fn ours(&self) -> Result<Option<Pair>, Found> {
        match (&self.cert, &self.key) {
            (None, None) => Ok(None),
            (Some(_), None) => Err((CERT, format!("{CERT} has no {KEY}: a certificate and its key go together"))),
            (None, Some(_)) => Err((KEY, format!("{KEY} has no {CERT}: a certificate and its key go together"))),
            (Some(cert), Some(key)) => Ok(Some((read(CERT, Some(cert))?, read(KEY, Some(key))?))),
        }
    }

    fn set(&self) -> impl Iterator<Item = &'static str> {
        let all = [(CA, &self.ca), (CERT, &self.cert), (KEY, &self.key)];
        all.into_iter().filter(|(_, file)| file.is_some()).map(|(key, _)| key)
    }

    fn stray(&self) -> Option<Found> {
        self.set().next().map(|key| (key, format!("{key} is of no use without {LISTENER}")))
    }

    fn blamed(&self, why: BadTarget) -> Found {
        match why {
            BadTarget::NoCa => (LISTENER, format!("{LISTENER} has an ssl endpoint, which needs {CA}")),
            BadTarget::NoSsl => {
                let key = self.set().next().unwrap_or(CA);
                (key, format!("{key} is of no use while {LISTENER} has no ssl endpoint"))
            }
            BadTarget::Tls(error) => (CA, format!("sync.ice_tls cannot be used: {error}")),
        }
    }
}

/// Nothing where no file is named.
fn read(key: &'static str, file: Option<&Path>) -> Result<Vec<u8>, Found> {
    let Some(file) = file else { return Ok(Vec::new()) };
    fs::read(file).map_err(|error| (key, format!("{key} names {}, which cannot be read: {error}", file.display())))
}
