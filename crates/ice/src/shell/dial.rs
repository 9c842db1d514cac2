//! From an address to a connection whose peer has spoken.

use std::fmt;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::client::ClientSettings;
use super::link::{Link, StreamObject, now};
use crate::connection::{Connection, Reason};
use crate::proxy::{Address, Endpoint, Transport};

/// Where it failed last, and why; all endpoints were tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialError {
    pub endpoint: Endpoint,
    pub failure: DialFailure,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialFailure {
    /// The name is not known, or nobody listens.
    Connect(String),
    /// The certificate is not the one we expect, or the peer does not like ours.
    Tls(String),
    /// An `ssl` endpoint, and no TLS is configured.
    NoTls,
    /// The peer ended the connection before it was one, or does not speak Ice.
    Refused(Reason),
    Timeout,
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.endpoint)?;
        match &self.failure {
            DialFailure::Connect(error) => write!(f, "cannot connect: {error}"),
            DialFailure::Tls(error) => write!(f, "no TLS: {error}"),
            DialFailure::NoTls => f.write_str("an ssl endpoint needs TLS to be configured"),
            DialFailure::Refused(Reason::Violation(violation)) => write!(f, "{violation}"),
            DialFailure::Refused(_) => f.write_str("the peer closed the connection before it was set up"),
            DialFailure::Timeout => f.write_str("no connection in time"),
        }
    }
}

impl std::error::Error for DialError {}

/// Tries the endpoints in random order.
pub(super) async fn dial(address: &Address, settings: &ClientSettings) -> Result<Link, DialError> {
    let mut endpoints = address.endpoints.clone();
    shuffle(&mut endpoints);
    let mut last = None;
    for endpoint in endpoints {
        let failure = match timeout(settings.limits.setup, open(&endpoint, settings)).await {
            Ok(Ok(link)) => return Ok(link),
            Ok(Err(failure)) => failure,
            Err(_) => DialFailure::Timeout,
        };
        last = Some(DialError { endpoint, failure });
    }
    Err(last.expect("an address has an endpoint"))
}

/// Only who shares the load decides by these dice: without them the order stands.
fn shuffle(endpoints: &mut [Endpoint]) {
    for last in (1..endpoints.len()).rev() {
        let dice = getrandom::u32().unwrap_or_default() as usize;
        endpoints.swap(last, dice % (last + 1));
    }
}

async fn open(endpoint: &Endpoint, settings: &ClientSettings) -> Result<Link, DialFailure> {
    let connect = |error: std::io::Error| DialFailure::Connect(error.to_string());
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await.map_err(connect)?;
    stream.set_nodelay(true).map_err(connect)?;
    let stream: Box<dyn StreamObject> = match endpoint.transport {
        Transport::Tcp => Box::new(stream),
        Transport::Ssl => secured(stream, endpoint, settings).await?,
    };
    let machine = Connection::client(now(), settings.limits.clone());
    validated(Link::new(stream, machine, settings.limits.message_time)).await
}

async fn secured(stream: TcpStream, endpoint: &Endpoint, settings: &ClientSettings) -> Result<Box<dyn StreamObject>, DialFailure> {
    let config = settings.tls.as_ref().ok_or(DialFailure::NoTls)?;
    let name = ServerName::try_from(endpoint.host.clone()).map_err(|error| DialFailure::Tls(error.to_string()))?;
    let connecting = TlsConnector::from(Arc::clone(config)).connect(name, stream);
    let stream = connecting.await.map_err(|error| DialFailure::Tls(error.to_string()))?;
    Ok(Box::new(stream))
}

/// Waits for the server's first word.
async fn validated(mut link: Link) -> Result<Link, DialFailure> {
    while !link.machine().is_validated() {
        link.turn(true).await;
        if link.machine().is_closed() {
            while link.poll().is_some() {}
            return Err(DialFailure::Refused(link.over().unwrap_or(Reason::Ended)));
        }
    }
    Ok(link)
}
