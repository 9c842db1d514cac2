//! The shell around a verifier: it reads the clock and the files, and may ask the business server instead.

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use tidings_model::{Claim, Verdict};

use crate::callback::Callback;
use crate::config::{Config, Files, LoadError};
use crate::verifier::Verifier;

/// Takes a verdict; called once, on whatever thread.
pub type Reply = Box<dyn FnOnce(Verdict) + Send>;

/// Says who may register. Cheap to clone; the last clone that is dropped ends the thread of the calls, if there is one.
#[derive(Clone)]
pub struct Registrar(Arc<Inner>);

enum Inner {
    /// Behind a lock only for the moment in which it is taken or exchanged.
    Keys(Files, RwLock<Arc<Verifier>>),
    Callback(Callback),
}

/// Why there is no registrar.
#[derive(Debug)]
pub enum StartError {
    Files(Vec<LoadError>),
    /// No thread, or no certificates to trust.
    Callback(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(errors) => {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                f.write_str(&errors.join("; "))
            }
            Self::Callback(error) => write!(f, "registration.callback.url cannot be called from here: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl Registrar {
    pub fn start(config: Config) -> Result<Self, StartError> {
        let inner = match config {
            Config::Callback(target) => Inner::Callback(Callback::start(&target).map_err(StartError::Callback)?),
            Config::Keys(files) => {
                let verifier = files.load().map_err(StartError::Files)?;
                Inner::Keys(files, RwLock::new(Arc::new(verifier)))
            }
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Keys answer at once, the business server within 5 s.
    pub fn check(&self, claim: Claim, reply: Reply) {
        match &*self.0 {
            Inner::Keys(_, verifier) => {
                let verifier = Arc::clone(&verifier.read().unwrap_or_else(PoisonError::into_inner));
                reply(verifier.verify(&claim, now_s()));
            }
            Inner::Callback(callback) => callback.ask(claim, reply),
        }
    }

    /// Reads the files again. If one is bad, everything stays as it was.
    pub fn reload(&self) -> Result<(), Vec<LoadError>> {
        if let Inner::Keys(files, verifier) = &*self.0 {
            let read = Arc::new(files.load()?);
            *verifier.write().unwrap_or_else(PoisonError::into_inner) = read;
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "credentials end by the wall clock")]
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
