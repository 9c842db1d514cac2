//! What a value may be, as JSON Schema (2020-12, as OpenAPI 3.1 has it).

use std::fmt;

use tidings_model::{Code, EventType, Scope};

use tidings_json::{Object, array};

/// A value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Schema {
    /// Any JSON.
    Any,
    Bool,
    True,
    Whole {
        least: u64,
        most: u64,
    },
    /// A number without bounds that callers need to know.
    Count,
    Text,
    Pattern(&'static str),
    Time,
    OneOf(&'static [&'static str]),
    /// Of an error.
    Code,
    /// Of a key.
    Scope,
    EventType,
    /// One of the named shapes.
    Named(&'static str),
    List(&'static Schema),
    Limited(&'static Schema, usize),
    OrNull(&'static Schema),
    Either(&'static [Schema]),
    Object(&'static [Field]),
}

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub name: &'static str,
    pub schema: Schema,
    pub required: bool,
    pub says: &'static str,
}

/// A member that is always there.
pub(crate) const fn field(name: &'static str, schema: Schema, says: &'static str) -> Field {
    Field { name, schema, required: true, says }
}

/// A member that may be left out.
pub(crate) const fn optional(name: &'static str, schema: Schema, says: &'static str) -> Field {
    Field { name, schema, required: false, says }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.write(""))
    }
}

impl Schema {
    /// With words where there are any.
    pub(crate) fn write(&self, says: &str) -> String {
        let mut object = Object::new();
        self.put(&mut object);
        if !says.is_empty() {
            object.text("description", says);
        }
        object.finish()
    }

    fn put(&self, object: &mut Object) {
        match self {
            Self::Any => {}
            Self::Bool => put_type(object, "boolean"),
            Self::True => {
                object.raw("const", "true");
            }
            Self::Whole { least, most } => {
                put_type(object, "integer");
                object.raw("minimum", least).raw("maximum", most);
            }
            Self::Count => {
                put_type(object, "integer");
                object.raw("minimum", 0);
            }
            Self::Text => put_type(object, "string"),
            Self::Pattern(pattern) => {
                put_type(object, "string");
                object.text("pattern", pattern);
            }
            Self::Time => {
                put_type(object, "string");
                object.text("format", "date-time");
            }
            Self::OneOf(words) => {
                put_type(object, "string");
                object.raw("enum", words_of(words.iter().copied()));
            }
            Self::Code => {
                put_type(object, "string");
                object.raw("enum", words_of(Code::ALL.iter().map(|code| code.as_str())));
            }
            Self::Scope => {
                put_type(object, "string");
                object.raw("enum", words_of(Scope::ALL.iter().map(|scope| scope.as_str())));
            }
            Self::EventType => {
                put_type(object, "string");
                object.raw("enum", words_of(EventType::ALL.iter().map(|kind| kind.as_str())));
            }
            Self::Named(name) => {
                object.text("$ref", &format!("#/components/schemas/{name}"));
            }
            Self::List(items) => {
                put_type(object, "array");
                object.raw("items", items);
            }
            Self::Limited(items, most) => {
                put_type(object, "array");
                object.raw("items", items).raw("maxItems", most);
            }
            Self::OrNull(schema) => {
                object.raw("anyOf", array([schema.to_string(), r#"{"type":"null"}"#.to_owned()].into_iter()));
            }
            Self::Either(schemas) => {
                object.raw("anyOf", array(schemas.iter().map(Self::to_string)));
            }
            Self::Object(fields) => put_fields(object, fields),
        }
    }
}

fn put_type(object: &mut Object, name: &str) {
    object.text("type", name);
}

/// What is not named is not there: neither in a request nor in an answer.
fn put_fields(object: &mut Object, fields: &[Field]) {
    put_type(object, "object");
    let mut properties = Object::new();
    for field in fields {
        properties.raw(field.name, field.schema.write(field.says));
    }
    object.raw("properties", properties.finish());
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    if !required.is_empty() {
        object.raw("required", words_of(required.into_iter()));
    }
    object.raw("additionalProperties", false);
}

/// A JSON array of strings.
pub(crate) fn words_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    array(words.map(|word| {
        let mut text = String::new();
        tidings_json::write_string(&mut text, word);
        text
    }))
}
