//! For which app a call is. Who may call is `keyless`'s matter as long as there are no keys.

use axum::http::{HeaderMap, HeaderName};
use tidings_model::{AppNo, Code};

use crate::error::Failure;

const APP: HeaderName = HeaderName::from_static("tidings-app");

/// The app that `Tidings-App` names, `/` without it. There is no other one yet.
pub(crate) fn app(headers: &HeaderMap) -> Result<AppNo, Failure> {
    let mut named = headers.get_all(APP).iter();
    match (named.next(), named.next()) {
        (None, _) => Ok(AppNo::DEFAULT),
        (Some(name), None) if name == "/" => Ok(AppNo::DEFAULT),
        _ => Err(Failure::new(Code::NotFound, "there is no such app; leave out Tidings-App for the app /")),
    }
}
