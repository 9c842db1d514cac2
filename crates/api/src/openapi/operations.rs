//! Every operation, a file for each noun.

use tidings_model::Code;

use super::operation::{Answer, Operation, Parameter, Place};
use super::schema::Schema;

mod apps;
mod events;
mod health;
mod keys;
mod messages;
mod topics;
mod users;
mod webhooks;

/// All that is served, but for the demo page.
pub(crate) const ALL: &[&[Operation]] =
    &[messages::ALL, users::ALL, topics::ALL, events::ALL, keys::ALL, apps::ALL, webhooks::ALL, health::ALL];

/// Of operations that read a body.
const BODY: &[Code] = &[Code::InvalidJson, Code::InvalidField, Code::UnknownField, Code::PayloadTooLarge, Code::Timeout];
/// Of operations that read a path's names or a query.
const ADDRESS: &[Code] = &[Code::InvalidField, Code::UnknownField];
/// Of operations that ask the store.
const STORE: &[Code] = &[Code::Overloaded, Code::StorageUnavailable, Code::OutcomeUnknown, Code::Draining];

/// The header that names the app.
const IN_APP: &[Parameter] = &[Parameter {
    place: Place::Header,
    name: "Tidings-App",
    schema: Schema::Named("AppName"),
    says: "the app; by default the key's own. Only a key of `/` with the scope admin may name another",
    example: "\"/\"",
}];

const fn query(name: &'static str, schema: Schema, says: &'static str) -> Parameter {
    Parameter { place: Place::Query, name, schema, says, example: "" }
}

/// An answer without a body.
const fn empty(status: u16, says: &'static str) -> Answer {
    Answer { status, says, content: &[], headers: &[] }
}

/// An answer with JSON.
const fn json(status: u16, says: &'static str, content: &'static [(&'static str, Schema)]) -> Answer {
    Answer { status, says, content, headers: &[] }
}
