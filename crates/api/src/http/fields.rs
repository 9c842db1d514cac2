//! The members of a small body, read strictly: each key known, each value of its type.

use std::collections::BTreeMap;

use tidings_json::{Json, Kind, elements, kind, unescape};

use crate::error::Failure;

pub(crate) struct Fields<'a>(BTreeMap<&'static str, &'a str>);

impl<'a> Fields<'a> {
    /// `known` lists the keys that the verb has.
    pub(crate) fn read(body: &'a Json, known: &[&'static str]) -> Result<Self, Failure> {
        let mut values = BTreeMap::new();
        for (key, value) in body.members().into_iter().flatten() {
            let name = known.iter().find(|known| **known == key).ok_or_else(|| Failure::unknown_field(&key, &known.join(", ")))?;
            values.insert(*name, value);
        }
        Ok(Self(values))
    }

    pub(crate) fn raw(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).copied()
    }

    pub(crate) fn text(&self, key: &'static str) -> Result<Option<String>, Failure> {
        self.raw(key).map(|raw| text(key, raw)).transpose()
    }

    pub(crate) fn flag(&self, key: &'static str) -> Result<Option<bool>, Failure> {
        match self.raw(key) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Failure::invalid(key, "must be true or false")),
        }
    }

    pub(crate) fn texts(&self, key: &'static str) -> Result<Option<Vec<String>>, Failure> {
        let Some(raw) = self.raw(key) else { return Ok(None) };
        let elements = elements(raw).ok_or_else(|| Failure::invalid(key, "must be an array of strings"))?;
        elements.map(|raw| text(key, raw)).collect::<Result<_, _>>().map(Some)
    }
}

fn text(key: &'static str, raw: &str) -> Result<String, Failure> {
    let text = (kind(raw) == Kind::String).then(|| unescape(raw)).flatten();
    text.map(std::borrow::Cow::into_owned).ok_or_else(|| Failure::invalid(key, "must be a string"))
}
