//! What a device shows where registration is checked: in the handshake's query, in its CONNECT, in `register`.
//!
//! Nothing here knows what a credential means: it is carried to a verifier as it came.

use tidings_json::{Json, Kind, kind, unescape};
use tidings_model::{Code, Refusal, Secret, Uid};

use crate::intent::version_two;
use crate::query::decode;

#[cfg(test)]
mod tests;

/// What a handshake carried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presented {
    /// `?uid=`.
    pub(crate) named: Option<Secret>,
    /// `?token=`, or `token` of the auth object.
    pub(crate) token: Option<Secret>,
}

impl Presented {
    /// None where the query holds neither.
    pub(crate) fn parse(query: &str) -> Option<Self> {
        let mut presented = Self::default();
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            // What is no UTF-8 is no credential either: it stays what no verifier takes.
            let text = || Some(Secret::new(decode(value).unwrap_or_default()));
            match key {
                "uid" => presented.named = text(),
                "token" => presented.token = text(),
                _ => {}
            }
        }
        (!presented.is_empty()).then_some(presented)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_none() && self.token.is_none()
    }
}

/// `register`'s argument, where the verifier says who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) named: Secret,
    pub(crate) auth: Option<Secret>,
}

impl Wanted {
    pub(crate) fn parse(arg: Option<&str>) -> Result<Self, Refusal> {
        let invalid = |message: &'static str| Refusal::new(Code::InvalidField, message).field("data");
        let arg = arg.unwrap_or("null");
        if kind(arg) != Kind::Object {
            return Err(invalid("register takes an object with the key data"));
        }
        let arg = Json::trusted(arg);
        if arg.member("v") == Some("2") {
            return Err(version_two());
        }
        let data = arg.member("data").ok_or_else(|| invalid("data is missing: it names the user"))?;
        let named = match kind(data) {
            Kind::String => secret(data),
            Kind::Number | Kind::Null | Kind::Bool | Kind::Array | Kind::Object => {
                let uid = Uid::from_json(data).map_err(|error| Refusal::new(Code::InvalidField, format!("data {error}")).field("data"))?;
                Secret::new(uid.as_str())
            }
        };
        Ok(Self { named, auth: arg.member("auth").filter(|auth| *auth != "null").map(secret) })
    }
}

/// A JSON string's text; anything else as it is written.
pub(crate) fn secret(raw: &str) -> Secret {
    Secret::new(unescape(raw).unwrap_or(raw.into()).into_owned())
}
