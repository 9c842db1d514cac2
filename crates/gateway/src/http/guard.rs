//! Who may ask at all: a judgement of whoever runs the door, by what a request's head says of where it comes from.

use std::fmt;
use std::sync::Arc;

use httparse::Header;

/// What a head says of where its request comes from. Text that is no UTF-8 is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance<'a> {
    /// None where it is missing, or stands twice.
    pub host: Option<&'a str>,
    pub origins: Vec<&'a str>,
    /// Each `Sec-Fetch-Site`.
    pub sites: Vec<&'a str>,
    /// It asks for `/healthz`.
    pub health: bool,
}

impl<'a> Provenance<'a> {
    pub(crate) fn read(headers: &[Header<'a>], health: bool) -> Self {
        let values = |name: &str| -> Vec<&'a str> {
            let named = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
            named.map(|header| std::str::from_utf8(header.value).unwrap_or_default()).collect()
        };
        let host = match *values("host") {
            [host] => Some(host),
            _ => None,
        };
        Self { host, origins: values("origin"), sites: values("sec-fetch-site"), health }
    }
}

/// Answers whether a request is let in; who is not is answered 403.
#[derive(Clone)]
pub struct Guard(Arc<dyn Fn(&Provenance<'_>) -> bool + Send + Sync>);

impl Guard {
    /// `admits` runs for each request, on a worker: it must not block.
    pub fn new(admits: impl Fn(&Provenance<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(admits))
    }

    pub(crate) fn admits(&self, provenance: &Provenance<'_>) -> bool {
        (self.0)(provenance)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}
