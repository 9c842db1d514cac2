//! One verb at one path, and how it is written.

use std::collections::{BTreeMap, BTreeSet};

use tidings_model::{Code, Scope};

use super::schema::{Schema, words_of};
use crate::error::status;
use crate::executor::Needs;
use crate::http::routes::{ROUTES, Route};
use tidings_json::{Object, array};

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
/// Where a key is asked for: it, its scope, its app, and how often the app may call.
const GUARDED: &[Code] = &[Code::InvalidKey, Code::ExpiredKey, Code::ScopeDenied, Code::AppDisabled, Code::NotFound, Code::RateLimited];

const RETRY_AFTER: Header = Header { name: "Retry-After", schema: Schema::Text, says: "seconds, where it is known", always: false };
const AUTHENTICATE: Header = Header { name: "WWW-Authenticate", schema: Schema::OneOf(&["Bearer"]), says: "", always: true };

/// What many answers have, by its name among the components: the first every one, the others where a key is asked for.
pub(super) const SHARED: &[Header] = &[
    Header { name: "Tidings-Request-Id", schema: Schema::Text, says: "names this request in the server's log", always: true },
    Header {
        name: "RateLimit-Limit",
        schema: Schema::Text,
        says: "calls that the app may make in a window, if there is a limit",
        always: false,
    },
    Header { name: "RateLimit-Remaining", schema: Schema::Text, says: "those that are left", always: false },
    Header { name: "RateLimit-Reset", schema: Schema::Text, says: "seconds until the window ends", always: false },
];

/// The members of [`SHARED`] that an answer has.
fn shared(is_guarded: bool) -> &'static [Header] {
    if is_guarded { SHARED } else { &SHARED[..1] }
}

impl Operation {
    /// The route that serves it. A verb behind a name is its handler's business.
    pub(super) fn route(&self) -> Option<&'static Route> {
        let path = self.path.find("}:").map_or(self.path, |name| &self.path[..=name]);
        ROUTES.iter().find(|route| route.path == path && route.method.eq_ignore_ascii_case(self.method))
    }

    fn needs(&self) -> Needs {
        self.route().expect("what is documented is served").needs
    }
}

/// As words, in their order.
type Codes = BTreeSet<&'static str>;

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
    let needs = operation.needs();
    object.text("operationId", operation.id).text("summary", operation.summary);
    object.text("description", format!("{} {}", operation.says, asked(needs)).trim_start()).raw("security", security(needs));
    let parameters: Vec<String> = operation.parameters.iter().copied().flatten().map(parameter).collect();
    if !parameters.is_empty() {
        object.raw("parameters", array(parameters.into_iter()));
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

/// What is needed, in words.
fn asked(needs: Needs) -> String {
    let scopes = needs.scopes().iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" or ");
    match needs {
        Needs::Nothing => "Needs no key.".to_owned(),
        Needs::Key => "Needs a key.".to_owned(),
        Needs::KeyElsewhere => {
            format!("On this machine it needs no key, where the door is bound to a loopback address; elsewhere the scope {scopes}.")
        }
        Needs::Scope(_) => format!("Needs the scope {scopes}."),
    }
}

/// The same as requirements, any of which is enough; the scopes stand as roles.
fn security(needs: Needs) -> String {
    let roles: Vec<String> = match needs.scopes() {
        [] => vec!["[]".to_owned()],
        scopes => scopes.iter().map(|scope: &Scope| words_of([scope.as_str()].into_iter())).collect(),
    };
    let keys = ["bearer", "basic"].into_iter().flat_map(|scheme| roles.iter().map(move |role| Object::new().raw(scheme, role).finish()));
    match needs {
        Needs::Nothing => "[]".to_owned(),
        Needs::KeyElsewhere => array(["{}".to_owned()].into_iter().chain(keys)),
        Needs::Key | Needs::Scope(_) => array(keys),
    }
}

fn responses(operation: &Operation) -> String {
    let is_guarded = operation.needs() != Needs::Nothing;
    let mut responses: BTreeMap<u16, String> =
        operation.answers.iter().map(|answer| (answer.status, answered(answer, is_guarded))).collect();
    let refused = refused(operation).into_iter();
    responses.extend(refused.map(|(status, codes)| (status, reference("responses", &refusal_name(status, &codes)))));
    let mut object = Object::new();
    for (status, response) in responses {
        object.raw(&status.to_string(), response);
    }
    object.finish()
}

/// All that the operations may be refused with, by name.
pub(super) fn refusals(operations: &[&[Operation]]) -> String {
    let all = operations.iter().copied().flatten().flat_map(refused);
    let by_name: BTreeMap<String, String> = all.map(|(status, codes)| (refusal_name(status, &codes), refusal(status, &codes))).collect();
    let mut object = Object::new();
    for (name, response) in by_name {
        object.raw(&name, response);
    }
    object.finish()
}

/// The codes of each status.
fn refused(operation: &Operation) -> BTreeMap<u16, Codes> {
    let guarded = if operation.needs() == Needs::Nothing { &[] } else { GUARDED };
    let mut refused = BTreeMap::<u16, Codes>::new();
    for code in operation.refusals.iter().copied().chain([EVERY, guarded]).flatten() {
        refused.entry(status(*code)).or_default().insert(code.as_str());
    }
    refused
}

fn refusal_name(status: u16, codes: &Codes) -> String {
    format!("{status}_{}", joined(codes, "_"))
}

fn joined(codes: &Codes, between: &str) -> String {
    codes.iter().copied().collect::<Vec<_>>().join(between)
}

fn reference(kind: &str, name: &str) -> String {
    Object::new().text("$ref", &format!("#/components/{kind}/{name}")).finish()
}

fn answered(answer: &Answer, is_guarded: bool) -> String {
    let mut object = Object::new();
    object.text("description", answer.says).raw("headers", headers(answer.headers.iter(), shared(is_guarded)));
    if !answer.content.is_empty() {
        object.raw("content", content(answer.content));
    }
    object.finish()
}

/// One answer for all codes of a status.
fn refusal(status: u16, codes: &Codes) -> String {
    let those = Object::new().raw("enum", words_of(codes.iter().copied())).finish();
    let only = format!(r#"{{"properties":{{"error":{{"properties":{{"code":{those}}}}}}}}}"#);
    let schema = Object::new().raw("allOf", format!("[{},{only}]", Schema::Named("Error"))).finish();
    let special = match status {
        401 => Some(&AUTHENTICATE),
        429 | 503 => Some(&RETRY_AFTER),
        _ => None,
    };
    Object::new()
        .text("description", &joined(codes, ", "))
        .raw("headers", headers(special.into_iter(), shared(status == 429)))
        .raw("content", format!(r#"{{"application/json":{{"schema":{schema}}}}}"#))
        .finish()
}

fn headers<'a>(own: impl Iterator<Item = &'a Header>, shared: &[Header]) -> String {
    let mut object = Object::new();
    for header in own {
        object.raw(header.name, header.write());
    }
    for Header { name, .. } in shared {
        object.raw(name, reference("headers", name));
    }
    object.finish()
}

impl Header {
    pub(super) fn write(&self) -> String {
        Object::new().text("description", self.says).raw("required", self.always).raw("schema", self.schema).finish()
    }
}

fn content(content: &[(&str, Schema)]) -> String {
    let mut object = Object::new();
    for (media, schema) in content {
        object.raw(media, Object::new().raw("schema", schema).finish());
    }
    object.finish()
}
