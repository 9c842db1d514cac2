//! How a message stands, as the contract says it.

use tidings_ice::push::{Attributes, Counts, MessageStatus};
use tidings_model::{CollapseKey, EventName, Millis};
use tidings_store::Shares;

use super::service::count;
use crate::executor::Status;

/// Of a message whose devices are not counted, only how many it was for.
pub(super) fn written(status: &Status) -> MessageStatus {
    let message = &status.standing.message;
    let uncounted = MessageStatus {
        id: message.id.to_string(),
        seq: status.standing.at.to_string(),
        app: status.app.as_str().to_owned(),
        state: status.standing.whole.as_str().to_owned(),
        targets: count(message.devices),
        created_ms: moment(Millis(message.id.time_ms())),
        expires_at_ms: moment(message.expires),
        extra: extra(status),
        ..MessageStatus::default()
    };
    match &status.standing.shares {
        None => uncounted,
        Some(shares) => MessageStatus {
            counts: counts(shares, message.devices),
            waiting: count(u32::try_from(shares.waiting.len()).unwrap_or(u32::MAX)),
            waiting_why: present([("offline", status.offline), ("unproven", status.unproven)]),
            lost: present(shares.lost.iter().map(|(end, devices)| (end.as_str(), *devices))),
            ..uncounted
        },
    }
}

/// Cumulative. What was sent and not proven is not kept, and receipts of the app's own are not built.
fn counts(shares: &Shares, targets: u32) -> Counts {
    let known = [("queued", targets), ("sent", shares.reached), ("reached", shares.reached)];
    let unbuilt = ["delivered", "displayed", "clicked", "read", "dismissed", "failed"].map(|state| (state, 0));
    known.into_iter().chain(unbuilt).map(|(state, devices)| (state.to_owned(), count(devices))).collect()
}

fn present<'a>(all: impl IntoIterator<Item = (&'a str, u32)>) -> Counts {
    all.into_iter().filter(|(_, devices)| *devices > 0).map(|(name, devices)| (name.to_owned(), count(devices))).collect()
}

fn extra(status: &Status) -> Attributes {
    let content = &status.standing.message.content;
    let known = [
        ("event_name", content.event_name.as_ref().map(EventName::as_str)),
        ("label", content.label.as_deref()),
        ("meta", content.meta.as_deref()),
        ("collapse_key", content.collapse_key.as_ref().map(CollapseKey::as_str)),
    ];
    known.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.to_owned()))).collect()
}

fn moment(time: Millis) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}
