//! What SIGHUP reads again: certificates (Ice's too), the keys of registration, the log's level. Whatever cannot be used stays as it was,
//! and is said.

use tidings_registration::Registrar;
use tracing::{error, info};

use crate::config::{Config, Problem};
use crate::telemetry::Level;
use crate::tls::Certificates;

/// Puts the configuration together again from where it came from.
pub(crate) type Reread = Box<dyn Fn() -> Result<Config, Vec<Problem>> + Send + Sync>;

pub(super) struct Renewal {
    pub certificates: Certificates,
    /// None: registration needs no credential.
    pub registrar: Option<Registrar>,
    pub level: Level,
    pub reread: Reread,
}

impl Renewal {
    pub(super) fn renew(&self) {
        match self.certificates.reload() {
            Ok(()) => info!("SIGHUP: the certificates were read again"),
            Err(error) => error!(%error, "SIGHUP: the certificates stay as they were; a tls setting is wrong"),
        }
        if let Some(registrar) = &self.registrar {
            match registrar.reload() {
                Ok(()) => info!("SIGHUP: the keys of registration were read again"),
                Err(errors) => errors.iter().for_each(|error| error!(%error, "SIGHUP: the keys stay as they were")),
            }
        }
        match (self.reread)() {
            Ok(config) => self.level.set(&config.log.level),
            Err(problems) => problems.iter().for_each(|problem| error!(%problem, "SIGHUP: the log's level stays as it was")),
        }
    }
}
