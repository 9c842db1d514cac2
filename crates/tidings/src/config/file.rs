//! The file: TOML, flattened to keys with the lines that they stand on.

use std::fs;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Given, Origin, Problem, Value, keys};

/// What the file gives, and what is wrong with it as TOML.
pub(crate) fn read(path: &Path) -> (Vec<Given>, Vec<Problem>) {
    match fs::read_to_string(path) {
        Ok(text) => Reader { path, text: &text, given: Vec::new(), problems: Vec::new() }.read(),
        Err(error) => (Vec::new(), vec![Problem { origin: Origin::Unread(path.to_owned()), text: format!("cannot be read: {error}") }]),
    }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    given: Vec<Given>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn read(mut self) -> (Vec<Given>, Vec<Problem>) {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let origin = self.at(error.span().map_or(0, |span| span.start));
            self.problems.push(Problem { origin, text: error.message().trim().replace('\n', ", ") });
        }
        self.table("", table.get_ref());
        // In the order of the file, not of the map.
        self.given.sort_by_key(|given| if let Origin::File { line, .. } = given.origin { line } else { 0 });
        (self.given, self.problems)
    }

    /// The line of a byte.
    fn at(&self, byte: usize) -> Origin {
        let before = self.text.as_bytes().get(..byte).unwrap_or(self.text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Origin::File { path: self.path.to_owned(), line }
    }

    fn table(&mut self, above: &str, table: &DeTable<'_>) {
        for (name, value) in table.iter() {
            let key = if above.is_empty() { name.get_ref().to_string() } else { format!("{above}.{}", name.get_ref()) };
            match value.get_ref() {
                // What is no table of ours is told by its own name, once.
                DeValue::Table(inner) if is_table(&key) || !inner.is_empty() => self.table(&key, inner),
                other => {
                    let origin = self.at(name.span().start);
                    self.given.push(Given { key, value: plain(other), origin });
                }
            }
        }
    }
}

/// The head of some key: `devices`.
fn is_table(name: &str) -> bool {
    keys::KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(digits) => {
            i64::from_str_radix(digits.as_str(), digits.radix()).map_or(Value::Other("a number beyond all bounds"), Value::Number)
        }
        DeValue::Boolean(on) => Value::Flag(*on),
        DeValue::Array(parts) => Value::List(parts.iter().map(Spanned::get_ref).map(plain).collect()),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a time"),
        DeValue::Table(_) => Value::Other("a table"),
    }
}
