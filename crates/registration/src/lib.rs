//! Who a device may register as: credentials are verified here, or the business server is asked.
//!
//! [`Verifier`] is pure: keys, a claim and the time in, a verdict out. [`Registrar`] is its shell: it reads files and the clock,
//! and owns the thread that calls the business server. Nothing here knows a socket, the store, or what a registration is.
//! No credential and no secret stands in a log line, an error or an answer.

mod callback;
mod config;
mod jwt;
mod keys;
mod refusals;
mod registrar;
mod secret;
mod signed;
mod verifier;

pub use callback::Target;
pub use config::{Config, Files, LoadError};
pub use jwt::issue as issue_jwt;
pub use keys::KeySet;
pub use registrar::{Registrar, Reply, StartError};
pub use secret::SharedSecret;
pub use signed::issue as issue_signed_uid;
pub use verifier::Verifier;

/// A JWT lives so long at most, in seconds.
pub const LIFETIME_MAX_S: u64 = 24 * 3600;

#[cfg(test)]
mod tests;
