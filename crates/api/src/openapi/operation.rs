//! One verb at one path, and how it is written.

use std::collections::{BTreeMap, BTreeSet};

use tidings_model::Code;

use super::schema::{Schema, words_of};
use crate::error::status;
use crate::object::{Object, list};

/// What a caller may ask, and what it is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    /// Lower case.
    pub method: &'static str,
    pub path: &'static str,
    /// Unique; clients name their function by it.
    pub id: &'static str,
    pub summary: &'static str,
    /// What needs more than a line; empty: nothing.
    pub says: &'static str,
    pub parameters: &'static [&'static [Parameter]],
    /// A JSON object.
    pub body: Option<Schema>,
    pub answers: &'static [Answer],
    /// Beside those of every operation.
    pub refusals: &'static [&'static [Code]],
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameter {
    pub place: Place,
    pub name: &'static str,
    pub schema: Schema,
    pub says: &'static str,
    /// JSON; empty: none.
    pub example: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub says: &'static str,
    /// Media type and shape; empty: no body.
    pub content: &'static [(&'static str, Schema)],
    pub headers: &'static [Header],
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub name: &'static str,
    pub schema: Schema,
    pub says: &'static str,
    pub always: bool,
}

/// Codes that any operation may be refused with.
const EVERY: &[Code] = &[Code::Forbidden, Code::Internal];

const REQUEST_ID: Header =
    Header { name: "Tidings-Request-Id", schema: Schema::Text, says: "names this request in the server's log", always: true };
const RETRY_AFTER: Header = Header { name: "Retry-After", schema: Schema::Text, says: "seconds, where it is known", always: false };

/// The member `paths`.
pub(super) fn paths(operations: &[&[Operation]]) -> String {
    let mut by_path: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in operations.iter().copied().flatten() {
        by_path.entry(operation.path).or_default().push(operation);
    }
    let mut paths = Object::new();
    for (path, operations) in by_path {
        let mut item = Object::new();
        for operation in operations {
            item.raw(operation.method, write(operation));
        }
        paths.raw(path, item.finish());
    }
    paths.finish()
}

fn write(operation: &Operation) -> String {
    let mut object = Object::new();
    object.text("operationId", operation.id).text("summary", operation.summary);
    if !operation.says.is_empty() {
        object.text("description", operation.says);
    }
    let parameters: Vec<String> = operation.parameters.iter().copied().flatten().map(parameter).collect();
    if !parameters.is_empty() {
        object.raw("parameters", list(parameters.into_iter()));
    }
    if let Some(schema) = operation.body {
        let content = content(&[("application/json", schema)]);
        object.raw("requestBody", Object::new().raw("required", true).raw("content", content).finish());
    }
    object.raw("responses", responses(operation)).finish()
}

fn parameter(parameter: &Parameter) -> String {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    let mut object = Object::new();
    object
        .text("name", parameter.name)
        .text("in", place)
        .text("description", parameter.says)
        .raw("required", parameter.place == Place::Path)
        .raw("schema", parameter.schema);
    if !parameter.example.is_empty() {
        object.raw("example", parameter.example);
    }
    object.finish()
}

fn responses(operation: &Operation) -> String {
    let mut responses: BTreeMap<u16, String> = operation.answers.iter().map(|answer| (answer.status, answered(answer))).collect();
    let mut refused: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
    for code in operation.refusals.iter().copied().chain([EVERY]).flatten() {
        refused.entry(status(*code)).or_default().insert(code.as_str());
    }
    responses.extend(refused.iter().map(|(status, codes)| (*status, refusal(*status, codes))));
    let mut object = Object::new();
    for (status, response) in responses {
        object.raw(&status.to_string(), response);
    }
    object.finish()
}

fn answered(answer: &Answer) -> String {
    let mut object = Object::new();
    object.text("description", answer.says).raw("headers", headers(answer.headers.iter().chain([&REQUEST_ID])));
    if !answer.content.is_empty() {
        object.raw("content", content(answer.content));
    }
    object.finish()
}

/// One answer for all codes of a status.
fn refusal(status: u16, codes: &BTreeSet<&str>) -> String {
    let says = codes.iter().copied().collect::<Vec<_>>().join(", ");
    let those = Object::new().raw("enum", words_of(codes.iter().copied())).finish();
    let only = format!(r#"{{"properties":{{"error":{{"properties":{{"code":{those}}}}}}}}}"#);
    let schema = Object::new().raw("allOf", format!("[{},{only}]", Schema::Named("Error"))).finish();
    let retry = matches!(status, 429 | 503).then_some(&RETRY_AFTER);
    Object::new()
        .text("description", &says)
        .raw("headers", headers(retry.into_iter().chain([&REQUEST_ID])))
        .raw("content", format!(r#"{{"application/json":{{"schema":{schema}}}}}"#))
        .finish()
}

fn headers<'a>(all: impl Iterator<Item = &'a Header>) -> String {
    let mut object = Object::new();
    for Header { name, schema, says, always } in all {
        object.raw(name, Object::new().text("description", says).raw("required", always).raw("schema", schema).finish());
    }
    object.finish()
}

fn content(content: &[(&str, Schema)]) -> String {
    let mut object = Object::new();
    for (media, schema) in content {
        object.raw(media, Object::new().raw("schema", schema).finish());
    }
    object.finish()
}
