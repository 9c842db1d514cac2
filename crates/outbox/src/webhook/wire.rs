//! The client: HTTP/1 that keeps its connections, and goes only where it may.
//!
//! A name is resolved here and nowhere else, and the connection goes to the addresses that were looked at: a name that changes its
//! address between a look and a connect gains nothing. No proxy of the environment is asked, no redirect followed.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::lookup_host;
use tower_service::Service;

use super::Allowed;

/// Many servers close a connection that was idle for 5 s: ours goes first, so that no batch meets the end of one.
const IDLE: Duration = Duration::from_secs(4);
/// For all addresses of a name together.
const CONNECT: Duration = Duration::from_secs(5);

type Plain = Client<HttpConnector<Resolver>, Full<Bytes>>;
type Tls = Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// One for all webhooks. Plain HTTP needs no certificates to trust, so they are read when the first https URL is called.
pub(super) struct Wire {
    resolver: Resolver,
    plain: Plain,
    tls: OnceLock<Result<Tls, String>>,
}

impl Wire {
    pub(super) fn new(allowed: Arc<Allowed>) -> Self {
        let resolver = Resolver(allowed);
        let plain =
            Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).pool_timer(TokioTimer::new()).build(tcp(resolver.clone()));
        Self { resolver, plain, tls: OnceLock::new() }
    }

    /// Fails where the system has no certificates to trust though the URL is https.
    pub(super) fn send(&self, request: Request<Full<Bytes>>) -> Result<ResponseFuture, String> {
        if request.uri().scheme_str() == Some("http") {
            return Ok(self.plain.request(request));
        }
        let tls = self.tls.get_or_init(|| tls(tcp(self.resolver.clone())));
        tls.as_ref().map(|tls| tls.request(request)).map_err(Clone::clone)
    }
}

fn tcp(resolver: Resolver) -> HttpConnector<Resolver> {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp
}

fn tls(tcp: HttpConnector<Resolver>) -> Result<Tls, String> {
    let roots = HttpsConnectorBuilder::new().with_provider_and_native_roots(rustls::crypto::ring::default_provider());
    let roots = roots.map_err(|error| format!("this system has no certificates to trust: {error}"))?;
    let connector = roots.https_only().enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).pool_timer(TokioTimer::new()).build(connector))
}

/// Tells of a name only the addresses that may be connected to. An address that stands in a URL does not come by here:
/// [`super::Target::check`] looks at it before each call.
#[derive(Clone)]
struct Resolver(Arc<Allowed>);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allowed = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str().to_ascii_lowercase();
            let all: Vec<SocketAddr> = lookup_host((host.as_str(), 0)).await?.collect();
            admitted(&allowed, &host, &all).map(Vec::into_iter)
        })
    }
}

fn admitted(allowed: &Allowed, host: &str, all: &[SocketAddr]) -> io::Result<Vec<SocketAddr>> {
    let good: Vec<SocketAddr> = all.iter().copied().filter(|addr| allowed.admits(host.trim_end_matches('.'), addr.ip())).collect();
    match (good.is_empty(), all.first()) {
        (false, _) => Ok(good),
        (true, None) => Err(io::Error::other("its name has no address")),
        (true, Some(bad)) => {
            let why = format!("its address {} is no public one; sync.webhook_allow may list it", bad.ip());
            Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
        }
    }
}

#[cfg(test)]
mod tests;
