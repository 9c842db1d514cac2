//! A JSON object, written member by member in the order that is promised.

use std::fmt::{Display, Write};

use crate::write_string;

/// Written in place; [`Object::finish`] gives the text.
pub struct Object {
    text: String,
}

impl Default for Object {
    fn default() -> Self {
        Self::new()
    }
}

impl Object {
    pub fn new() -> Self {
        Self { text: String::from("{") }
    }

    /// A member whose value is JSON already.
    pub fn raw(&mut self, key: &str, value: impl Display) -> &mut Self {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        write_string(&mut self.text, key);
        let _ = write!(self.text, ":{value}");
        self
    }

    pub fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.raw(key, "");
        write_string(&mut self.text, value);
        self
    }

    pub fn text_or_null(&mut self, key: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(key, value),
            None => self.raw(key, "null"),
        }
    }

    pub fn raw_or_null(&mut self, key: &str, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.raw(key, value),
            None => self.raw(key, "null"),
        }
    }

    pub fn finish(&mut self) -> String {
        self.text.push('}');
        std::mem::take(&mut self.text)
    }
}

/// A JSON array of what is JSON already.
pub fn array(values: impl Iterator<Item = impl Display>) -> String {
    let mut text = String::from("[");
    for (index, value) in values.enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(text, "{comma}{value}");
    }
    text.push(']');
    text
}
