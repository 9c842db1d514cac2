//! One way to send, as the body that `POST /v1/messages` has for it.

use tidings_ice::push::Extras;
use tidings_json::Json;
use tidings_model::{AppNo, Code, Draft, Idempotency, Refusal};

use crate::error::Failure;
use crate::http::idempotency;
use crate::http::wish::Wish;
use tidings_json::{Object, array};

/// The body's fields that `options` carries, under their own names.
pub(super) const OPTIONS: [&str; 5] = ["args", "dry_run", "expires_at", "label", "meta"];

/// What is called differently in HTTP.
const RENAMED: [(&str, &str); 9] = [
    ("data", "payload"),
    ("to.uid", "uid"),
    ("to.uids", "uids"),
    ("to.tokens", "tokens"),
    ("to.topic", "topic"),
    ("ttl", "ttlSeconds"),
    ("collapse_key", "collapseKey"),
    ("event_name", "eventName"),
    ("Idempotency-Key", "requestId"),
];

/// Names the field as the caller of this door does.
pub(super) fn renamed(failure: Failure) -> Failure {
    RENAMED.iter().fold(failure, |failure, (from, to)| failure.renamed(from, to))
}

/// Whom a call names.
pub(super) enum To {
    All,
    Uid(String),
    Uids(Vec<String>),
    Tokens(Vec<String>),
    Topic(String),
}

impl To {
    /// The value of `to` in the body.
    fn json(&self) -> String {
        match self {
            Self::All => Object::new().raw("all", true).finish(),
            Self::Uid(uid) => Object::new().text("uid", uid).finish(),
            Self::Uids(uids) => Object::new().raw("uids", texts(uids)).finish(),
            Self::Tokens(tokens) => Object::new().raw("tokens", texts(tokens)).finish(),
            Self::Topic(topic) => Object::new().text("topic", topic).finish(),
        }
    }
}

/// A message that is asked for.
pub(super) struct Sending {
    pub to: To,
    pub payload: String,
    pub extras: Extras,
}

impl Sending {
    /// What is asked for, and whether it is only a rehearsal. A rehearsal uses no key.
    pub(super) fn draft(&self, app: AppNo) -> Result<(Draft, bool), Failure> {
        let body = self.body()?;
        let Wish { to, content, lifetime, strictness, dry_run } = Wish::read(body.as_str())?;
        let idempotency = self.idempotency(app, &body)?.filter(|_| !dry_run);
        Ok((Draft { lifetime, strictness, idempotency, ..Draft::new(app, to, content) }, dry_run))
    }

    fn idempotency(&self, app: AppNo, body: &Json) -> Result<Option<Idempotency>, Failure> {
        self.extras.request_id.as_deref().map(|key| idempotency::of_text(key, app, "messages", body)).transpose()
    }

    fn body(&self) -> Result<Json, Failure> {
        let mut body = Object::new();
        body.raw("to", self.to.json());
        if !self.payload.is_empty() {
            body.raw("data", json("payload", &self.payload)?.as_str());
        }
        if let Some(ttl) = self.extras.ttl_seconds {
            body.raw("ttl", ttl);
        }
        let texts = [("collapse_key", &self.extras.collapse_key), ("event_name", &self.extras.event_name)];
        for (name, text) in texts.iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
            body.text(name, text);
        }
        self.extras.options.iter().flatten().try_for_each(|option| optional(&mut body, option))?;
        // Each value is sound by itself; together they may still be too deep.
        json("payload", &body.finish())
    }
}

fn optional(body: &mut Object, (name, value): (&String, &String)) -> Result<(), Failure> {
    match name.as_str() {
        "label" => body.text("label", value),
        "meta" => body.text("meta", value),
        "expires_at" => body.text("expires_at", value),
        "args" => body.raw("args", json("args", value)?.as_str()),
        "dry_run" => body.raw("dry_run", json("dry_run", value)?.as_str()),
        other => return Err(Failure::unknown_field(other, &OPTIONS.join(", "))),
    };
    Ok(())
}

fn json(field: &'static str, text: &str) -> Result<Json, Failure> {
    let no_json = |error| Refusal::new(Code::InvalidJson, format!("{field} is no JSON: {error}")).field(field);
    Json::parse(text.as_bytes()).map_err(|error| no_json(error).into())
}

fn texts(values: &[String]) -> String {
    array(values.iter().map(|value| Json::string(value).as_str().to_owned()))
}

/// The names of what `options` may hold, as `info` tells them.
pub(super) fn options() -> impl Iterator<Item = String> {
    OPTIONS.iter().map(|name| format!("options.{name}"))
}

#[cfg(test)]
mod tests;
