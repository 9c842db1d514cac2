//! Every operation, a file for each noun.

use tidings_model::Code;

use super::operation::{Answer, Operation, Parameter, Place};
use super::schema::Schema;

mod events;
mod health;
mod messages;
mod users;

/// All that is served, but for the demo page.
pub(crate) const ALL: &[&[Operation]] = &[messages::ALL, users::ALL, events::ALL, health::ALL];

/// Of operations that read a body.
const BODY: &[Code] = &[Code::InvalidJson, Code::InvalidField, Code::UnknownField, Code::PayloadTooLarge, Code::Timeout];
/// Of operations that speak for an app.
const APP: &[Code] = &[Code::NotFound];
/// Of operations that read a path's names or a query.
const ADDRESS: &[Code] = &[Code::InvalidField, Code::UnknownField];
/// Of operations that ask the store.
const STORE: &[Code] = &[Code::Overloaded, Code::StorageUnavailable, Code::OutcomeUnknown, Code::Draining];

/// The header that names the app.
const IN_APP: &[Parameter] = &[Parameter {
    place: Place::Header,
    name: "Tidings-App",
    schema: Schema::Pattern("^/[a-z0-9_-]{0,63}$"),
    says: "the app, `/` by default; a key names its app by itself",
    example: "\"/\"",
}];

const fn query(name: &'static str, schema: Schema, says: &'static str) -> Parameter {
    Parameter { place: Place::Query, name, schema, says, example: "" }
}

/// An answer with JSON.
const fn json(status: u16, says: &'static str, content: &'static [(&'static str, Schema)]) -> Answer {
    Answer { status, says, content, headers: &[] }
}
