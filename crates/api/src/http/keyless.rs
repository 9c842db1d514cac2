//! Keyless development: calls need no key, so no web page may be able to make one.
//!
//! A page can send requests to a loopback address, but it cannot hide that it did: `Origin` and `Sec-Fetch-Site` say so,
//! and a name that was rebound to 127.0.0.1 stands in `Host`.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tidings_model::Code;

use crate::error::Failure;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Paths whose GET may come from anywhere, as it tells nothing: health, `/` and static files.
const OPEN: [&str; 3] = ["/", "/healthz", "/readyz"];

/// Every request passes here first.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    match check(request.method(), request.uri().path(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(why) => Failure::new(Code::Forbidden, why).into_response(),
    }
}

fn check(method: &Method, path: &str, headers: &HeaderMap) -> Result<(), &'static str> {
    let host = only(headers, &header::HOST).filter(|host| is_loopback(host));
    let host = host.ok_or("without keys only calls to a loopback name are answered: localhost, 127.0.0.1 or [::1] in Host")?;
    let is_open = matches!(*method, Method::GET | Method::HEAD) && (OPEN.contains(&path) || path.starts_with("/demo/"));
    if is_open {
        return Ok(());
    }
    if headers.get_all(header::ORIGIN).iter().any(|origin| !is_own(origin, host)) {
        return Err("without keys no call from another origin is answered");
    }
    if headers.get_all(FETCH_SITE).iter().any(|site| site != "same-origin" && site != "none") {
        return Err("without keys no call that a web page of another site makes is answered");
    }
    Ok(())
}

/// A header that stands once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

/// Scheme, host and port as in `Host`.
fn is_own(origin: &HeaderValue, host: &str) -> bool {
    let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
    origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host))
}

/// `localhost`, an address in 127.0.0.0/8, or `[::1]`, with or without a port.
fn is_loopback(host: &str) -> bool {
    let bracket = host.find(']').map_or(0, |end| end + 1);
    let (name, port) = match host[bracket..].find(':') {
        Some(colon) => (&host[..bracket + colon], &host[bracket + colon + 1..]),
        None => (host, "0"),
    };
    is_port(port) && is_loopback_name(name)
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

fn is_loopback_name(name: &str) -> bool {
    if let Some(address) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback());
    }
    name.eq_ignore_ascii_case("localhost") || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
