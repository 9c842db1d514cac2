//! Objects and where they are, in Ice's text form: `category/name -f facet:tcp -h host -p port:ssl ...`.
//!
//! Addresses come from configuration only. What needs a locator, another transport or a datagram is refused here.

use std::fmt;

use crate::encoding::structure;

mod text;
mod wire;

#[cfg(test)]
mod tests;

pub use wire::{Reference, WireEndpoint};

structure! {
    /// An object's name within its server.
    #[derive(Eq, Hash, PartialOrd, Ord)]
    Identity {
        name: String,
        /// "" for most.
        category: String,
    }
}

impl Identity {
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), category: String::new() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `default` is read as this.
    Tcp,
    /// TLS.
    Ssl,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub transport: Transport,
    /// A name or an address; loopback where the text names none.
    pub host: String,
    pub port: u16,
}

/// An object and the endpoints it may be reached at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub identity: Identity,
    pub facet: String,
    /// At least one.
    pub endpoints: Vec<Endpoint>,
}

/// Why a proxy's text is no address for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadAddress {
    NoIdentity,
    /// A quotation mark without its end, or a backslash at the end.
    Unfinished,
    /// An identity with an empty name or more than one slash.
    BadIdentity(String),
    UnknownOption(String),
    /// An option that needs a value, or whose value is none of its kind.
    BadValue(String),
    Repeated(String),
    /// `-o`, `-O`, `-d`, `-D`: we wait for answers.
    NotTwoway(String),
    /// `-e` or `-p` other than 1.0 and 1.1.
    Version(String),
    /// An adapter id, or no endpoint.
    NeedsLocator,
    Transport(String),
    NoPort,
}

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIdentity => f.write_str("no identity"),
            Self::Unfinished => f.write_str("a quotation or an escape does not end"),
            Self::BadIdentity(text) => write!(f, "\"{text}\" is no identity"),
            Self::UnknownOption(option) => write!(f, "unknown option {option}"),
            Self::BadValue(option) => write!(f, "bad value of option {option}"),
            Self::Repeated(option) => write!(f, "option {option} is there twice"),
            Self::NotTwoway(option) => write!(f, "option {option}: only twoway proxies can answer"),
            Self::Version(option) => write!(f, "option {option}: only protocol 1.0 and encodings 1.0 and 1.1 are spoken"),
            Self::NeedsLocator => {
                f.write_str("needs a locator, which Tidings does not use: give an endpoint, such as :tcp -h host -p port")
            }
            Self::Transport(name) => write!(f, "transport \"{name}\" is not spoken, only tcp and ssl"),
            Self::NoPort => f.write_str("an endpoint without -p"),
        }
    }
}

impl std::error::Error for BadAddress {}
