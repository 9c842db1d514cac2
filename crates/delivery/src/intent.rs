//! What an app's event asks for: the legacy contract's events, parsed at the border.

use tidings_json::{Json, Kind, kind, unescape};
use tidings_model::{Code, Limits, MessageId, Refusal, Uid};

#[cfg(test)]
mod tests;

/// An event that a device emitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    Register(Uid),
    Report {
        status: Json,
        id: Option<ReportedId>,
    },
    /// The tutorial's `my event`: logged at debug.
    Chatter,
    /// The tutorial's page events: not from a device.
    PageEvent,
    Unknown,
}

/// The message that a report names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportedId {
    Message(MessageId),
    /// Not an id of ours: recorded unlinked.
    Foreign,
}

impl Intent {
    /// `args` are the event's arguments as raw JSON.
    pub(crate) fn parse(name: &str, args: &[&str]) -> Result<Self, Refusal> {
        match name {
            "register" => register(args.first().copied()),
            "report" | "reporter" => report(args.first().copied()),
            "my event" => Ok(Self::Chatter),
            "broadcast" | "p2p" => Ok(Self::PageEvent),
            _ => Ok(Self::Unknown),
        }
    }
}

fn register(arg: Option<&str>) -> Result<Intent, Refusal> {
    let invalid = |message: &'static str, field| Refusal::new(Code::InvalidField, message).field(field);
    let arg = arg.unwrap_or("null");
    if kind(arg) != Kind::Object {
        return Err(invalid("register takes an object with the key data", "data"));
    }
    let arg = Json::trusted(arg);
    if arg.member("v") == Some("2") {
        return Err(version_two());
    }
    let data = arg.member("data").ok_or_else(|| invalid("data is missing: it names the user", "data"))?;
    let uid = Uid::from_json(data).map_err(|error| Refusal::new(Code::InvalidField, format!("data {error}")).field("data"))?;
    Ok(Intent::Register(uid))
}

/// Version 2 is not served yet, and never silently as version 1.
pub(crate) fn version_two() -> Refusal {
    Refusal::new(Code::InvalidField, "version 2 is not served yet, leave v out").field("v")
}

fn report(arg: Option<&str>) -> Result<Intent, Refusal> {
    let arg = Json::trusted(arg.unwrap_or("null"));
    let status = match arg.member("status") {
        Some(status) => Json::trusted(status),
        None => arg.clone(),
    };
    let size = status.as_str().len();
    if size > Limits::STATUS_BYTES {
        let message = format!("status is {size} bytes, the limit is {}", Limits::STATUS_BYTES);
        return Err(Refusal::new(Code::PayloadTooLarge, message).field("status").sizes(Limits::STATUS_BYTES as u64, size as u64));
    }
    let names_status = arg.member("status").is_some();
    let id = arg.member("id").filter(|_| names_status).map(|id| {
        let id = unescape(id).and_then(|id| id.parse().ok());
        id.map_or(ReportedId::Foreign, ReportedId::Message)
    });
    Ok(Intent::Report { status, id })
}

/// A refusal as the one argument of `_register_error`, or inside an ack's `error`.
pub(crate) fn refusal_json(refusal: &Refusal) -> String {
    let mut out = format!("{{\"code\":\"{}\",\"message\":", refusal.code);
    tidings_json::write_string(&mut out, &refusal.message);
    if let Some(field) = refusal.field {
        out.push_str(",\"field\":");
        tidings_json::write_string(&mut out, field);
    }
    out.push('}');
    out
}
