//! What every way to publish answers, as JSON.

use tidings_model::{Accepted, Counted, Invalid};

use crate::executor::{Receipt, Waited};
use tidings_json::Object;

/// A message is stored; where its caller has waited, who has it.
pub(crate) fn stored(accepted: &Accepted, waited: &Waited) -> String {
    let Accepted { id, at, expires, devices, online, invalid, .. } = accepted;
    let receipt = if let Waited::Proven(receipt) = waited { Some(receipt) } else { None };
    let mut answer = Object::new();
    answer
        .text("id", &id.to_string())
        .text("seq", &at.to_string())
        .text("state", receipt.map_or("accepted", |receipt| receipt.state.as_str()))
        .text("expires_at", &expires.rfc3339())
        .raw("targets", targets(*devices, *online));
    name_invalid(&mut answer, invalid);
    if let Some(Receipt { proof, after_ms, device_id, .. }) = receipt {
        let device_id = device_id.as_ref().map(|id| id.as_str());
        answer.text("proof", proof.as_str()).raw("after_ms", after_ms).text_or_null("device_id", device_id);
    }
    answer.finish()
}

/// A dry run's: nothing is stored, so there is no id.
pub(crate) fn counted(counted: &Counted) -> String {
    let Counted { expires, devices, online, invalid } = counted;
    let mut answer = Object::new();
    answer
        .raw("id", "null")
        .raw("seq", "null")
        .text("state", "accepted")
        .text("expires_at", &expires.rfc3339())
        .raw("targets", targets(*devices, *online));
    name_invalid(&mut answer, invalid);
    answer.finish()
}

fn targets(devices: u32, online: u32) -> String {
    Object::new().raw("devices", devices).raw("online", online).finish()
}

/// Targets that nobody has registered as, where there are any.
fn name_invalid(answer: &mut Object, invalid: &[Invalid]) {
    if invalid.is_empty() {
        return;
    }
    let items = invalid.iter().map(|invalid| Object::new().text("value", &invalid.value).text("code", invalid.code.as_str()).finish());
    answer.raw("invalid", list(items));
}

/// A JSON array.
pub(crate) fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}
