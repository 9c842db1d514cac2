//! Who a request says that it is from: `Authorization` and `Tidings-App`.

use axum::http::{Extensions, HeaderMap, HeaderName, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tidings_model::Code;

use crate::error::Failure;
use crate::executor::{Caller, Credential};

const APP: HeaderName = HeaderName::from_static("tidings-app");

/// The caller whom the guard let in.
pub(crate) fn of(extensions: &Extensions) -> Result<Caller, Failure> {
    extensions.get().cloned().ok_or_else(|| Failure::internal("a route without a guard"))
}

/// The app that is named.
pub(crate) fn app(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let mut named = headers.get_all(APP).iter();
    match (named.next(), named.next()) {
        (None, _) => Ok(None),
        // What is no text names no app.
        (Some(name), None) => Ok(Some(name.to_str().unwrap_or(""))),
        _ => Err(Failure::new(Code::NotFound, "there is no such app")),
    }
}

/// What `Authorization` holds, as text that a credential can be read from.
pub(crate) enum Shown<'a> {
    Nothing,
    Malformed,
    Bearer(&'a str),
    /// `<id>:<secret>`.
    Basic(String),
}

impl<'a> Shown<'a> {
    pub(crate) fn read(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), more) = (values.next(), values.next()) else { return Self::Nothing };
        let parts = value.to_str().ok().filter(|_| more.is_none()).and_then(|text| text.trim().split_once(' '));
        let Some((scheme, rest)) = parts else { return Self::Malformed };
        let rest = rest.trim_start();
        if scheme.eq_ignore_ascii_case("bearer") {
            Self::Bearer(rest)
        } else if scheme.eq_ignore_ascii_case("basic") {
            STANDARD.decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok()).map_or(Self::Malformed, Self::Basic)
        } else {
            Self::Malformed
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    pub(crate) fn credential(&self) -> Credential<'_> {
        match self {
            Self::Nothing => Credential::Nothing,
            Self::Malformed => Credential::Malformed,
            Self::Bearer(key) => Credential::parse(key),
            Self::Basic(pair) => pair.split_once(':').map_or(Credential::Malformed, |(id, secret)| Credential::of(id, secret)),
        }
    }
}
