//! A value as it was given, before its key says what it must be.

use super::Origin;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Value>),
    /// A kind of value that no key has, by its name.
    Other(&'static str),
}

/// One key as one source gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// With its table: `devices.bind`.
    pub key: String,
    pub value: Value,
    pub origin: Origin,
}
