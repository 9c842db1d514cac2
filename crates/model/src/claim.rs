//! What a device shows to be let in as somebody, where registration asks for it.

use std::fmt;
use std::net::IpAddr;

use crate::{AppName, DeviceId, Refusal, Uid};

/// Text that may be a credential: it shows itself to nobody but a verifier.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// No credential is longer.
    pub const BYTES_MAX: usize = 8 * 1024;

    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// For a verifier: never for a log, an error or an answer.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} secret bytes)", self.0.len())
    }
}

/// Somebody wants to register: may they, and as whom?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub app: AppName,
    /// Whom the device says it is, as it came: `data` of `register`, `uid` of a handshake. A signed uid is a credential itself.
    pub named: Option<Secret>,
    /// `auth` of `register`, else what the handshake carried as `token`.
    pub credential: Option<Secret>,
    pub device_id: Option<DeviceId>,
    pub addr: IpAddr,
}

/// Whose registration it may be, or why not.
pub type Verdict = Result<Uid, Refusal>;
