//! The rule of every backend door: without a key it is for this machine alone.

use std::fmt;
use std::net::SocketAddr;

/// Whoever reaches the address could send to everyone, as there are no keys. A matter of configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposed {
    bind: SocketAddr,
    instead: &'static str,
}

impl Exposed {
    /// `keyed`: calls need a key. `instead`: an address that would do.
    pub fn check(bind: SocketAddr, keyed: bool, instead: &'static str) -> Result<(), Self> {
        if keyed || bind.ip().is_loopback() { Ok(()) } else { Err(Self { bind, instead }) }
    }
}

impl fmt::Display for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bind, instead } = self;
        write!(
            f,
            "{bind} can be reached from elsewhere, and there are no keys: anyone could send; make one first (tidings key create --app / \
             --scopes admin), or bind a loopback address, {instead}"
        )
    }
}

impl std::error::Error for Exposed {}
