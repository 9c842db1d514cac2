//! `/openapi.json`: the contract of the backend's HTTP as a document, made from one typed table.
//!
//! A builder of our own: bodies are checked text here, never types of a serialisation library, so a derive would describe
//! types that nothing else uses. What it cannot see (whether a handler answers as the table says) a fuzzer checks against
//! the running binary. `docs/openapi.json` is this document, committed.
//!
//! To add a route: its operation into a file of `operations/`, its shapes into `shapes.rs`. What it asks of its caller is read
//! from the table of routes.

use std::sync::LazyLock;

use tidings_json::Object;

mod indented;
mod operation;
pub(crate) mod operations;
mod schema;
mod shapes;

/// The document, indented, with its last line ended.
pub fn openapi() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| indented::indented(&document()));
    &DOCUMENT
}

fn document() -> String {
    Object::new()
        .text("openapi", "3.1.0")
        .raw("info", info())
        .raw("servers", r#"[{"url":"http://127.0.0.1:5001"}]"#)
        .raw("paths", operation::paths(operations::ALL))
        .raw("components", components())
        .finish()
}

fn info() -> String {
    Object::new()
        .text("title", "Tidings")
        .text("summary", "The backend's HTTP: send, ask, and hear what happened")
        .text("description", "Until the first key is made calls need none, and only loopback names are answered.")
        .text("version", env!("CARGO_PKG_VERSION"))
        .raw("license", r#"{"name":"MIT OR Apache-2.0","identifier":"MIT OR Apache-2.0"}"#)
        .finish()
}

fn components() -> String {
    let mut schemas = Object::new();
    for (name, schema) in shapes::ALL.iter() {
        schemas.raw(name, schema);
    }
    let mut headers = Object::new();
    for header in operation::SHARED {
        headers.raw(header.name, header.write());
    }
    let bearer = r#"{"type":"http","scheme":"bearer","description":"a whole key: tdk_<id>_<secret>"}"#;
    let basic = r#"{"type":"http","scheme":"basic","description":"the key's id and its secret"}"#;
    let schemes = Object::new().raw("bearer", bearer).raw("basic", basic).finish();
    Object::new()
        .raw("schemas", schemas.finish())
        .raw("responses", operation::refusals(operations::ALL))
        .raw("headers", headers.finish())
        .raw("securitySchemes", schemes)
        .finish()
}

#[cfg(test)]
mod tests;
