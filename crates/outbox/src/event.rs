//! An event as the business server reads it; facts that are absent are null.

use tidings_json::Object;
use tidings_model::{Event, Told, What, Who};

/// One line of NDJSON, with its end.
pub fn line(event: &Event) -> String {
    let mut text = object(event);
    text.push('\n');
    text
}

/// The event as one JSON object.
pub fn object(event: &Event) -> String {
    Object::new()
        .text("id", &event.id.to_string())
        .text("type", event.what.kind().as_str())
        .text("app", event.app.as_str())
        .text("at", &event.at.rfc3339())
        .raw("data", data(&event.what))
        .finish()
}

/// What it tells: the value of its `data`.
pub fn data(what: &What) -> String {
    let mut data = Object::new();
    match what {
        What::Registered { who, first } => whom(&mut data, who).raw("platform", "null").raw("app_version", "null").raw("first", first),
        What::Unregistered { who } | What::Online { who } | What::Offline { who } => whom(&mut data, who),
        What::Reported(told @ Told { who, message, state: _, proof, status, inferred, reason, meta }) => {
            data.text_or_null("message_id", message.map(|id| id.to_string()).as_deref());
            whom(&mut data, who)
                .text_or_null("state", told.state())
                .text_or_null("proof", proof.map(|proof| proof.as_str()))
                .raw_or_null("status", status.as_ref())
                .raw("inferred", inferred)
                .text_or_null("reason", reason.map(|end| end.as_str()))
                .text_or_null("meta", meta.as_deref())
        }
        What::Emitted { who, event_name, args } => whom(&mut data, who).text("event_name", event_name.as_str()).raw("args", args),
    };
    data.finish()
}

fn whom<'a>(data: &'a mut Object, who: &Who) -> &'a mut Object {
    data.text_or_null("uid", who.uid.as_ref().map(|uid| uid.as_str()))
        .text_or_null("token", who.token.as_ref().map(|token| token.as_str()))
        .text_or_null("device_id", who.device_id.as_ref().map(|id| id.as_str()))
}

#[cfg(test)]
mod tests;
