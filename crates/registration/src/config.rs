//! Which way registration is checked, and the files that it needs.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::callback::Target;
use crate::keys::KeySet;
use crate::secret::SharedSecret;
use crate::verifier::Verifier;

/// What the operator has chosen; `none` has no registrar at all.
#[derive(Clone, Debug)]
pub enum Config {
    Keys(Files),
    Callback(Target),
}

/// Where keys are, for JWTs (one of them at least) or for signed uids.
#[derive(Clone, Debug)]
pub enum Files {
    Jwt { secret: Option<PathBuf>, public_key: Option<PathBuf>, jwks: Option<PathBuf> },
    Signed { secret: PathBuf },
}

/// A file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The key that names the file, below `registration`.
    pub key: &'static str,
    /// Goes on from the key's name.
    pub why: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "registration.{} {}", self.key, self.why)
    }
}

impl std::error::Error for LoadError {}

impl Files {
    /// Reads them; every one that is bad is told.
    pub fn load(&self) -> Result<Verifier, Vec<LoadError>> {
        match self {
            Self::Jwt { secret, public_key, jwks } => {
                let files = [("jwt.secret_file", secret), ("jwt.public_key_file", public_key), ("jwt.jwks_file", jwks)];
                keys(files).map(Verifier::Jwt)
            }
            Self::Signed { secret } => {
                read("signed.secret_file", secret, SharedSecret::parse).map(Verifier::Signed).map_err(|error| vec![error])
            }
        }
    }
}

fn keys(files: [(&'static str, &Option<PathBuf>); 3]) -> Result<KeySet, Vec<LoadError>> {
    let mut keys = KeySet::default();
    let mut errors = Vec::new();
    for (key, file) in files.iter().filter_map(|(key, file)| Some((*key, file.as_deref()?))) {
        let added = read(key, file, |bytes| match key {
            "jwt.secret_file" => SharedSecret::parse(bytes).map(|secret| keys.add_secret(secret)),
            "jwt.public_key_file" => keys.add_pem(bytes),
            _ => keys.add_jwks(bytes),
        });
        errors.extend(added.err());
    }
    if errors.is_empty() { Ok(keys) } else { Err(errors) }
}

fn read<T>(key: &'static str, file: &Path, parse: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, LoadError> {
    let name = file.display();
    let bytes = std::fs::read(file).map_err(|error| LoadError { key, why: format!("{name} cannot be read: {error}") })?;
    parse(&bytes).map_err(|why| LoadError { key, why: format!("{name} {why}") })
}
