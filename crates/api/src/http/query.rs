//! A query string, read strictly: each key known, each key once.

use std::collections::BTreeMap;

use crate::error::Failure;

/// The values by their keys; `known` lists the keys that the verb has.
pub(crate) struct Query {
    values: BTreeMap<&'static str, String>,
}

impl Query {
    pub(crate) fn read(text: &str, known: &[&'static str]) -> Result<Self, Failure> {
        let mut values = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            let found = known.iter().find(|known| **known == key);
            let name = found.ok_or_else(|| Failure::unknown_field(&key, &known.join(", ")))?;
            if values.insert(*name, value.into_owned()).is_some() {
                return Err(Failure::invalid(name, "stands twice"));
            }
        }
        Ok(Self { values })
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// A whole number between `least` and `most`; `default` without the key.
    pub(crate) fn number(&self, key: &'static str, default: u64, (least, most): (u64, u64)) -> Result<u64, Failure> {
        let Some(text) = self.text(key) else { return Ok(default) };
        let digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| Failure::invalid(key, format!("must be a number from {least} to {most}")))
    }
}
