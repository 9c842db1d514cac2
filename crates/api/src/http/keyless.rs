//! Keyless development: calls need no key, so no web page may be able to make one.
//!
//! A page can send requests to a loopback address, but it cannot hide that it did: `Origin` and `Sec-Fetch-Site` say so,
//! and a name that was rebound to 127.0.0.1 stands in `Host`.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::executor::Needs;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What needs nothing of its caller tells nothing: its GET may come from any page that knows one of our names.
pub(crate) fn check(method: &Method, needs: Needs, headers: &HeaderMap) -> Result<(), &'static str> {
    let host = loopback(only(headers, &header::HOST))?;
    let is_open = matches!(*method, Method::GET | Method::HEAD) && needs == Needs::Nothing;
    if is_open {
        return Ok(());
    }
    let texts = |name| headers.get_all(name).iter().map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    foreign(host, texts(header::ORIGIN), texts(FETCH_SITE))
}

/// The same rules for a backend door with an HTTP of its own: `Host` (None where it is missing, or stands twice), each
/// `Origin` and each `Sec-Fetch-Site` of a request.
pub fn keyless_admits<'a>(
    host: Option<&'a str>,
    origins: impl Iterator<Item = &'a str>,
    sites: impl Iterator<Item = &'a str>,
) -> Result<(), &'static str> {
    foreign(loopback(host)?, origins, sites)
}

fn loopback(host: Option<&str>) -> Result<&str, &'static str> {
    let host = host.filter(|host| is_loopback(host));
    host.ok_or("without keys only calls to a loopback name are answered: localhost, 127.0.0.1 or [::1] in Host")
}

/// Calls that a page of somebody else makes.
fn foreign<'a>(
    host: &str,
    mut origins: impl Iterator<Item = &'a str>,
    mut sites: impl Iterator<Item = &'a str>,
) -> Result<(), &'static str> {
    if origins.any(|origin| !is_own(origin, host)) {
        return Err("without keys no call from another origin is answered");
    }
    if sites.any(|site| site != "same-origin" && site != "none") {
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
fn is_own(origin: &str, host: &str) -> bool {
    let origin = origin.strip_prefix("http://");
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
