//! Certificates of the doors: loaded from their files at the start, and again at SIGHUP. What TLS is, rustls knows.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tidings_gateway::Certificate;
use tokio::sync::watch;

/// Where a door's certificate is, PEM both; neither: the door is plain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    /// The chain, the door's own first.
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// Why a certificate cannot be used; the text goes on from the door's name.
#[derive(Debug)]
pub(crate) enum LoadError {
    Half { missing: &'static str },
    File { path: PathBuf, error: PemError },
    Empty { path: PathBuf },
    Refused { cert: PathBuf, error: rustls::Error },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Half { missing } => write!(f, "has no {missing}: a certificate and its key go together"),
            Self::File { path, error: PemError::Io(error) } => write!(f, "names {}, which cannot be read: {error}", path.display()),
            Self::File { path, error } => write!(f, "names {}, which is no PEM of the kind: {error}", path.display()),
            Self::Empty { path } => write!(f, "names {}, which holds no certificate", path.display()),
            Self::Refused { cert, error } => write!(f, "names {}, which cannot serve with this key: {error}", cert.display()),
        }
    }
}

impl Files {
    /// None: plain.
    pub(crate) fn load(&self) -> Result<Option<Arc<ServerConfig>>, LoadError> {
        match (&self.cert, &self.key) {
            (None, None) => Ok(None),
            (Some(_), None) => Err(LoadError::Half { missing: "key" }),
            (None, Some(_)) => Err(LoadError::Half { missing: "cert" }),
            (Some(cert), Some(key)) => served(cert, key).map(Arc::new).map(Some),
        }
    }
}

/// Files of a door whose clients may have to show a certificate, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientChecked {
    pub files: Files,
    /// Who signs the clients' certificates, PEM; None: any client may come.
    pub client_ca: Option<PathBuf>,
}

impl ClientChecked {
    /// None: plain.
    pub(crate) fn load(&self) -> Result<Option<Arc<ServerConfig>>, LoadError> {
        let (files, Some(ca)) = (&self.files, &self.client_ca) else { return self.files.load() };
        match (&files.cert, &files.key) {
            (Some(cert), Some(key)) => certified((cert, key), client_check(ca)?).map(Arc::new).map(Some),
            (Some(_), None) => Err(LoadError::Half { missing: "key" }),
            (None, _) => Err(LoadError::Half { missing: "cert" }),
        }
    }
}

fn client_check(ca: &Path) -> Result<Arc<dyn ClientCertVerifier>, LoadError> {
    let mut roots = RootCertStore::empty();
    for authority in chain(ca)? {
        roots.add(authority).map_err(|error| LoadError::Refused { cert: ca.to_owned(), error })?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider())).build();
    verifier.map_err(|error| LoadError::Refused { cert: ca.to_owned(), error: rustls::Error::General(error.to_string()) })
}

fn chain(pem: &Path) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(pem).and_then(Iterator::collect).map_err(unreadable(pem))?;
    if chain.is_empty() { Err(LoadError::Empty { path: pem.to_owned() }) } else { Ok(chain) }
}

fn served(cert: &Path, key: &Path) -> Result<ServerConfig, LoadError> {
    let mut config = certified((cert, key), WebPkiClientVerifier::no_client_auth())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certified((cert, key): (&Path, &Path), clients: Arc<dyn ClientCertVerifier>) -> Result<ServerConfig, LoadError> {
    let chain = chain(cert)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
    let refused = |error| LoadError::Refused { cert: cert.to_owned(), error };
    let builder =
        ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions().map_err(refused)?;
    builder.with_client_cert_verifier(clients).with_single_cert(chain, key).map_err(refused)
}

fn unreadable(path: &Path) -> impl FnOnce(PemError) -> LoadError + Copy {
    |error| LoadError::File { path: path.to_owned(), error }
}

/// The certificates that are served, and where they came from.
pub(crate) struct Certificates {
    devices: Option<(Files, Certificate)>,
    backend: Option<BackendSide>,
    ice: Option<(ClientChecked, watch::Sender<Arc<ServerConfig>>)>,
}

/// One certificate, for the backend's two listeners.
struct BackendSide {
    files: Files,
    http: watch::Sender<Arc<ServerConfig>>,
    sockets: Certificate,
}

impl Certificates {
    pub(crate) fn load(devices: &Files, backend: &Files, ice: &ClientChecked) -> Result<Self, LoadError> {
        let device = devices.load()?.map(|config| (devices.clone(), Certificate::new(config)));
        let backend = backend.load()?.map(|config| BackendSide {
            files: backend.clone(),
            http: watch::Sender::new(Arc::clone(&config)),
            sockets: Certificate::new(config),
        });
        let ice = ice.load()?.map(|config| (ice.clone(), watch::Sender::new(config)));
        Ok(Self { devices: device, backend, ice })
    }

    pub(crate) fn devices(&self) -> Option<Certificate> {
        self.devices.as_ref().map(|(_, certificate)| certificate.clone())
    }

    pub(crate) fn backend(&self) -> Option<watch::Receiver<Arc<ServerConfig>>> {
        self.backend.as_ref().map(|side| side.http.subscribe())
    }

    pub(crate) fn sockets(&self) -> Option<Certificate> {
        self.backend.as_ref().map(|side| side.sockets.clone())
    }

    pub(crate) fn ice(&self) -> Option<watch::Receiver<Arc<ServerConfig>>> {
        self.ice.as_ref().map(|(_, serving)| serving.subscribe())
    }

    /// Reads all files again. One that cannot be used leaves all that is served as it was. Open connections go on as they are.
    pub(crate) fn reload(&self) -> Result<(), LoadError> {
        let devices = self.devices.as_ref().map(|(files, _)| files.load()).transpose()?.flatten();
        let backend = self.backend.as_ref().map(|side| side.files.load()).transpose()?.flatten();
        let ice = self.ice.as_ref().map(|(files, _)| files.load()).transpose()?.flatten();
        if let (Some((_, certificate)), Some(config)) = (&self.devices, devices) {
            certificate.replace(config);
        }
        if let (Some(BackendSide { http, sockets, .. }), Some(config)) = (&self.backend, backend) {
            sockets.replace(Arc::clone(&config));
            http.send_replace(config);
        }
        if let (Some((_, serving)), Some(config)) = (&self.ice, ice) {
            serving.send_replace(config);
        }
        Ok(())
    }
}
