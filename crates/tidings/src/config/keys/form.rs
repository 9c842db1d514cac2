//! What a key's value must be, and how it becomes part of the configuration.

use super::{Config, Value};

/// One key of the table.
pub(crate) struct Key {
    /// With its table.
    pub name: &'static str,
    /// As one would write it into the environment.
    pub default: &'static str,
    /// For the reference.
    pub says: &'static str,
    pub form: Form,
}

pub(crate) enum Form {
    /// A whole number between two.
    Number(u64, u64, fn(&mut Config, u64)),
    /// One of these words; the setter gets its place.
    Choice(&'static [&'static str], fn(&mut Config, usize)),
    /// true or false.
    Switch(fn(&mut Config, bool)),
    /// A word that the setter checks. Errors go on from the key's name.
    Text(fn(&mut Config, &str) -> Result<(), String>),
    List(fn(&mut Config, Vec<String>) -> Result<(), String>),
}

impl Key {
    /// The default as one would write it into the file.
    pub(crate) fn written_default(&self) -> String {
        match self.form {
            Form::Number(..) | Form::Switch(_) => self.default.to_owned(),
            Form::Choice(..) | Form::Text(_) => format!("{:?}", self.default),
            Form::List(_) if self.default.is_empty() => "[]".to_owned(),
            Form::List(_) => format!("[{:?}]", self.default),
        }
    }

    /// `is_text`: from a variable or a flag, where everything is written as text and lists with commas.
    pub(crate) fn apply(&self, config: &mut Config, value: &Value, is_text: bool) -> Result<(), String> {
        match self.form {
            Form::Number(least, most, set) => number(value, is_text, least, most).map(|number| set(config, number)),
            Form::Choice(words, set) => choice(value, words).map(|place| set(config, place)),
            Form::Switch(set) => switch(value, is_text).map(|on| set(config, on)),
            Form::Text(set) => text(value).and_then(|text| set(config, text)),
            Form::List(set) => list(value, is_text).and_then(|list| set(config, list)),
        }
    }
}

fn number(value: &Value, is_text: bool, least: u64, most: u64) -> Result<u64, String> {
    let number = match value {
        Value::Number(number) => u64::try_from(*number).ok(),
        Value::Text(text) if is_text => text.parse().ok(),
        Value::Text(_) | Value::Flag(_) | Value::List(_) | Value::Other(_) => None,
    };
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("is {}; it must be a number from {least} to {most}", shown(value)))
}

fn choice(value: &Value, words: &[&str]) -> Result<usize, String> {
    let place = if let Value::Text(text) = value { words.iter().position(|word| word == text) } else { None };
    place.ok_or_else(|| format!("is {}; it must be {}", shown(value), words.join(" or ")))
}

fn switch(value: &Value, is_text: bool) -> Result<bool, String> {
    match value {
        Value::Flag(on) => Ok(*on),
        Value::Text(text) if is_text && text == "true" => Ok(true),
        Value::Text(text) if is_text && text == "false" => Ok(false),
        Value::Text(_) | Value::Number(_) | Value::List(_) | Value::Other(_) => {
            Err(format!("is {}; it must be true or false", shown(value)))
        }
    }
}

fn text(value: &Value) -> Result<&str, String> {
    if let Value::Text(text) = value { Ok(text) } else { Err(format!("is {}; it must be text in quotes", shown(value))) }
}

fn list(value: &Value, is_text: bool) -> Result<Vec<String>, String> {
    match value {
        Value::Text(text) if is_text => Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()),
        Value::List(parts) => parts.iter().map(|part| text(part).map(str::to_owned)).collect(),
        Value::Text(_) | Value::Number(_) | Value::Flag(_) | Value::Other(_) => {
            Err(format!("is {}; it must be a list, like [\"a\", \"b\"]", shown(value)))
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Number(number) => number.to_string(),
        Value::Flag(on) => on.to_string(),
        Value::List(_) => "a list".to_owned(),
        Value::Other(kind) => (*kind).to_owned(),
    }
}
