//! What the body of a message asks for: read strictly, so that no mistake becomes a broadcast.

use std::sync::Arc;

use tidings_json::{Json, Kind, elements, kind, members, unescape};
use tidings_model::{
    Body, Code, CollapseKey, Content, EventName, Lifetime, Limits, Millis, NameError, Refusal, Strictness, Target, Token, TopicName, Uid,
};

use crate::error::Failure;

const KNOWN: &str = "to, data, args, event_name, ttl, expires_at, collapse_key, label, meta and dry_run";
const KNOWN_TARGETS: &str = "all, uid, uids, token, tokens and topic";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub to: Target,
    pub content: Content,
    pub lifetime: Lifetime,
    pub strictness: Strictness,
    pub dry_run: bool,
}

/// The members that there are, as raw JSON.
#[derive(Default)]
struct Fields<'a> {
    to: Option<&'a str>,
    data: Option<&'a str>,
    args: Option<&'a str>,
    event_name: Option<&'a str>,
    ttl: Option<&'a str>,
    expires_at: Option<&'a str>,
    collapse_key: Option<&'a str>,
    label: Option<&'a str>,
    meta: Option<&'a str>,
    dry_run: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn read(object: &'a str) -> Result<Self, Failure> {
        let mut fields = Self::default();
        for (key, value) in members(object).into_iter().flatten() {
            let field = match &*key {
                "to" => &mut fields.to,
                "data" => &mut fields.data,
                "args" => &mut fields.args,
                "event_name" => &mut fields.event_name,
                "ttl" => &mut fields.ttl,
                "expires_at" => &mut fields.expires_at,
                "collapse_key" => &mut fields.collapse_key,
                "label" => &mut fields.label,
                "meta" => &mut fields.meta,
                "dry_run" => &mut fields.dry_run,
                other => return Err(Failure::unknown_field(other, KNOWN)),
            };
            *field = Some(value);
        }
        Ok(fields)
    }
}

impl Wish {
    /// `object`: the minified text of a JSON object.
    pub(crate) fn read(object: &str) -> Result<Self, Failure> {
        let fields = Fields::read(object)?;
        let (to, strictness) = target(fields.to)?;
        let event_name = fields.event_name.map(|raw| name("event_name", raw, EventName::parse)).transpose()?;
        let content = Content {
            body: body(fields.data, fields.args, event_name.is_some())?,
            event_name,
            collapse_key: fields.collapse_key.map(|raw| name("collapse_key", raw, CollapseKey::parse)).transpose()?,
            label: fields.label.map(label).transpose()?,
            meta: fields.meta.map(meta).transpose()?,
        };
        let lifetime = lifetime(fields.ttl, fields.expires_at)?;
        let dry_run = fields.dry_run.map_or(Ok(false), |raw| flag("dry_run", raw))?;
        Ok(Self { to, content, lifetime, strictness, dry_run })
    }
}

fn target(raw: Option<&str>) -> Result<(Target, Strictness), Failure> {
    let missing = || Failure::from(Refusal::new(Code::MissingTarget, format!("to must say one of {KNOWN_TARGETS}")).field("to"));
    let raw = raw.ok_or_else(missing)?;
    let named = members(raw).ok_or_else(|| Failure::invalid("to", "must be an object"))?;
    let mut found = None;
    for (key, value) in named {
        let one = one_target(&key, value)?;
        if found.replace(one).is_some() {
            let refusal = Refusal::new(Code::AmbiguousTarget, format!("to may say only one of {KNOWN_TARGETS}"));
            return Err(refusal.field("to").into());
        }
    }
    found.ok_or_else(missing)
}

fn one_target(key: &str, value: &str) -> Result<(Target, Strictness), Failure> {
    let lenient = |target| (target, Strictness::MayBeUnknown);
    match key {
        "all" if value == "true" => Ok(lenient(Target::All)),
        "all" => Err(Failure::invalid("to.all", "must be true")),
        "uid" => uid("to.uid", value).map(|uid| lenient(Target::Uids(vec![uid]))),
        "uids" => many("to.uids", value, |raw| uid("to.uids", raw)).map(|uids| lenient(Target::Uids(uids))),
        // A token alone names one registration: that it has none is worth an error.
        "token" => token("to.token", value).map(|token| (Target::Tokens(vec![token]), Strictness::MustBeKnown)),
        "tokens" => many("to.tokens", value, |raw| token("to.tokens", raw)).map(|tokens| lenient(Target::Tokens(tokens))),
        "topic" => name("to.topic", value, TopicName::parse).map(|topic| lenient(Target::Topic(topic))),
        other => Err(Failure::unknown_field(&format!("to.{other}"), KNOWN_TARGETS)),
    }
}

pub(crate) fn uid(field: &'static str, raw: &str) -> Result<Uid, Failure> {
    Uid::from_json(raw).map_err(|why| Failure::invalid(field, why))
}

/// Any text may be asked for: what does not look like a token names nobody, as a token that was never given.
pub(crate) fn token(field: &'static str, raw: &str) -> Result<Token, Failure> {
    let text = (kind(raw) == Kind::String).then(|| unescape(raw)).flatten().filter(|text| !text.is_empty());
    let text =
        text.filter(|text| text.len() <= Uid::BYTES_MAX).ok_or_else(|| Failure::invalid(field, "must be a token: p_ and 32 characters"))?;
    Ok(Token::trusted(&text))
}

/// 1 to 1,000 values; what stands twice counts once.
pub(crate) fn many<T: PartialEq + Ord + Clone>(
    field: &'static str,
    raw: &str,
    one: impl Fn(&str) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let values = elements(raw).ok_or_else(|| Failure::invalid(field, "must be an array"))?;
    let values: Vec<T> = values.map(one).collect::<Result<_, _>>()?;
    if !(1..=Limits::TARGETS).contains(&values.len()) {
        let refusal = Refusal::new(Code::InvalidField, format!("{field} holds {}, it must be 1 to {}", values.len(), Limits::TARGETS));
        return Err(refusal.field(field).sizes(Limits::TARGETS as u64, values.len() as u64).into());
    }
    let mut seen = std::collections::BTreeSet::new();
    Ok(values.into_iter().filter(|value| seen.insert(value.clone())).collect())
}

fn body(data: Option<&str>, args: Option<&str>, is_named: bool) -> Result<Body, Failure> {
    match (data, args) {
        (None, None) => Err(Failure::invalid("data", "is missing, and so is args; null is a value, no key is not")),
        (Some(_), Some(_)) => Err(Failure::invalid("args", "stands beside data; only one of them can be what the event carries")),
        (Some(data), None) => Ok(Body::Data(Json::trusted(data))),
        (None, Some(raw)) => arguments(raw, is_named),
    }
}

fn arguments(raw: &str, is_named: bool) -> Result<Body, Failure> {
    let count = elements(raw).ok_or_else(|| Failure::invalid("args", "must be an array"))?.count();
    if !(1..=Limits::ARGS).contains(&count) {
        let refusal = Refusal::new(Code::InvalidField, format!("args holds {count} values, it must be 1 to {}", Limits::ARGS));
        return Err(refusal.field("args").sizes(Limits::ARGS as u64, count as u64).into());
    }
    if !is_named {
        return Err(Failure::invalid("event_name", "is missing; args need the event that they are for"));
    }
    Ok(Body::Args(Json::trusted(raw)))
}

fn string(field: &'static str, raw: &str) -> Result<String, Failure> {
    unescape(raw).map(Into::into).ok_or_else(|| Failure::invalid(field, "must be a string"))
}

fn name<T>(field: &'static str, raw: &str, parse: fn(&str) -> Result<T, NameError>) -> Result<T, Failure> {
    parse(&string(field, raw)?).map_err(|why| Failure::invalid(field, why))
}

fn label(raw: &str) -> Result<Arc<str>, Failure> {
    let text = string("label", raw)?;
    let characters = text.chars().count();
    if characters > Limits::LABEL_CHARS {
        let refusal = Refusal::new(Code::InvalidField, format!("label is {characters} characters, the limit is {}", Limits::LABEL_CHARS));
        return Err(refusal.field("label").sizes(Limits::LABEL_CHARS as u64, characters as u64).into());
    }
    Ok(text.into())
}

fn meta(raw: &str) -> Result<Arc<str>, Failure> {
    let text = string("meta", raw)?;
    if text.len() > Limits::META_BYTES {
        let refusal = Refusal::new(Code::PayloadTooLarge, format!("meta is {} bytes, the limit is {}", text.len(), Limits::META_BYTES));
        return Err(refusal.field("meta").sizes(Limits::META_BYTES as u64, text.len() as u64).into());
    }
    Ok(text.into())
}

fn lifetime(ttl: Option<&str>, expires_at: Option<&str>) -> Result<Lifetime, Failure> {
    match (ttl, expires_at) {
        (None, None) => Ok(Lifetime::Ttl(Limits::TTL_S)),
        (Some(_), Some(_)) => Err(Failure::invalid("expires_at", "stands beside ttl; only one of them can say when it ends")),
        (Some(raw), None) => seconds(raw).map(Lifetime::Ttl),
        (None, Some(raw)) => {
            let time = unescape(raw).and_then(|text| Millis::parse_rfc3339(&text));
            let refused = || Failure::invalid("expires_at", "must be a time like 2026-11-23T10:00:00.000Z");
            time.map(Lifetime::Until).ok_or_else(refused)
        }
    }
}

fn seconds(raw: &str) -> Result<u32, Failure> {
    let digits = raw.bytes().all(|digit| digit.is_ascii_digit());
    let seconds = digits.then(|| raw.parse().ok()).flatten().filter(|seconds| *seconds <= Limits::TTL_MAX_S);
    seconds.ok_or_else(|| Failure::invalid("ttl", format!("must be a whole number of seconds from 0 to {}", Limits::TTL_MAX_S)))
}

fn flag(field: &'static str, raw: &str) -> Result<bool, Failure> {
    match raw {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Failure::invalid(field, "must be true or false")),
    }
}

#[cfg(test)]
mod tests;
