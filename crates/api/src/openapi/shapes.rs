//! The named shapes.

use std::sync::LazyLock;

use tidings_model::Limits;

use super::schema::{Field, Schema, field, optional};

const TEXT_OR_NULL: Schema = Schema::OrNull(&Schema::Text);
pub(super) const TIME_OR_NULL: Schema = Schema::OrNull(&Schema::Time);
const COUNT_OR_NULL: Schema = Schema::OrNull(&Schema::Count);
/// Facts that only version 2 of the device's contract brings.
const NOT_YET: &str = "null for devices of version 1";

/// A uid in a body.
pub(super) const UID: Schema = Schema::Either(&[Schema::Named("Uid"), Schema::Named("NumericUid")]);

const SAFE: &str =
    r#"{"type":"integer","minimum":-9007199254740991,"maximum":9007199254740991,"description":"counts as its decimal text"}"#;
const APP_NAME: &str = r#"{"type":"string","pattern":"^/[a-z0-9_-]{0,63}$","description":"a namespace; `/` always exists"}"#;
const UID_TEXT: &str = r#"{"type":"string","minLength":1,"maxLength":128,"pattern":"^[^\\u0000-\\u001f\\u007f-\\u009f]+$","description":"at most 128 bytes of UTF-8"}"#;

/// An event's id, which is a cursor.
pub(super) const EVENT_ID: Schema = Schema::Pattern("^[0-9]{1,18}-[0-9]{1,9}$");
/// Of a webhook.
pub(super) const EVENT_TYPES: Schema = Schema::OrNull(&Schema::List(&Schema::EventType));
const TOPIC_NAME: &str = r#"{"type":"string","minLength":1,"maxLength":128,"pattern":"^[^\\u0000-\\u001f\\u007f-\\u009f]+$","description":"at most 128 bytes of UTF-8"}"#;

/// By name.
pub(super) static ALL: LazyLock<Vec<(&'static str, String)>> = LazyLock::new(|| {
    let mut all = vec![
        ("AppName", APP_NAME.to_owned()),
        ("Uid", UID_TEXT.to_owned()),
        ("NumericUid", SAFE.to_owned()),
        ("TopicName", TOPIC_NAME.to_owned()),
    ];
    all.extend(OBJECTS.iter().map(|(name, says, fields)| (*name, Schema::Object(fields).write(says))));
    all.sort_unstable();
    all
});

const OBJECTS: &[(&str, &str, &[Field])] = &[
    ("Webhook", "where an app's events are carried to", WEBHOOK),
    ("WebhookTest", "what came of a try", WEBHOOK_TEST),
    ("Error", "a request that was refused, or that broke", ERROR),
    ("Key", "what a backend calls with; it belongs to one app", KEY),
    ("App", "a tenant: a namespace with users, tokens, messages and keys of its own", APP),
    ("Accepted", "a message is durably stored", ACCEPTED),
    ("Message", "what a backend asks to have stored and carried", MESSAGE),
    ("Device", "a registration, as its token names it", DEVICE),
    ("Mailbox", "what waits: unexpired and not proven. Of several implicit devices, the one for which most waits", MAILBOX),
    ("User", "a user with his living registrations", USER),
    ("UserStatus", "a user in short", USER_STATUS),
    ("Topic", "what devices are taken into, and messages can be sent to", TOPIC),
    ("Subscribed", "what became of one who was named: `devices`, or `error`", SUBSCRIBED),
    ("Timeline", "what happened to a user, newest first", TIMELINE),
    ("Happening", "one thing that happened", HAPPENING),
    ("Outcome", "what became of a message on one device", OUTCOME),
];

const KEY: &[Field] = &[
    field("id", Schema::Text, "no secret"),
    field("name", Schema::Text, ""),
    field("app", Schema::Named("AppName"), ""),
    field("scopes", Schema::List(&Schema::Scope), "what it may do"),
    field("created_at", Schema::Time, ""),
    field("expires_at", TIME_OR_NULL, "null: it does not end by itself"),
    optional("key", Schema::Text, "tdk_<id>_<secret>: only where it was drawn just now, nobody can tell it again"),
];

const APP: &[Field] = &[
    field("name", Schema::Named("AppName"), ""),
    field("disabled", Schema::Bool, "nobody is served but who can enable it"),
    field("client_topics", Schema::List(&Schema::Text), "patterns; none by default"),
    field("created_at", TIME_OR_NULL, "null of `/`, which always was"),
    optional("warning", Schema::Text, "what changes for old clients with the first app beside `/`"),
];

const WEBHOOK: &[Field] = &[
    field("id", Schema::Text, ""),
    field("url", Schema::Text, ""),
    field("types", EVENT_TYPES, "null: all"),
    field("app", Schema::Named("AppName"), ""),
    field("state", Schema::OneOf(&["active", "paused"]), "paused: by an administrator, or as its receiver failed for too long"),
    field("cursor", Schema::Text, "it was told everything up to and including this"),
    field("last_error", Schema::OrNull(&Schema::Object(SINK_ERROR)), "of the last try; null: it was taken"),
    field("parked", Schema::List(&Schema::Text), "ids of events that its receiver refused for good, oldest first"),
    optional("secret", Schema::Text, "whsec_ and base64: only where it was drawn just now, nobody can tell it again"),
];

const SINK_ERROR: &[Field] = &[field("at", Schema::Time, ""), field("message", Schema::Text, "for people")];

const WEBHOOK_TEST: &[Field] = &[
    field("ok", Schema::Bool, "answered with a 2xx"),
    field("status", COUNT_OR_NULL, "the receiver's; null: there was no answer"),
    field("ms", Schema::Count, "how long it took"),
    field("error", TEXT_OR_NULL, "null where it is ok"),
];

const ACCEPTED: &[Field] = &[
    field("id", TEXT_OR_NULL, "a UUIDv7; null of a dry run"),
    field("seq", TEXT_OR_NULL, "the position in the log; null of a dry run"),
    field("state", Schema::OneOf(&["accepted", "reached", "delivered"]), "above accepted only where the caller has waited"),
    field("expires_at", Schema::Time, "nobody gets it from then on"),
    field("targets", Schema::Object(TARGETS), ""),
    optional("invalid", Schema::List(&Schema::Object(INVALID)), "targets that nobody has registered as, the first 100"),
    optional("proof", Schema::OneOf(&["poll", "peer", "engine", "app"]), "by what it is known, where the caller has waited"),
    optional("after_ms", Schema::Count, "from the publish to the proof"),
    optional("device_id", TEXT_OR_NULL, "which device it was"),
];

const INVALID: &[Field] = &[field("value", Schema::Text, ""), field("code", Schema::Code, "")];

const TARGETS: &[Field] = &[
    field("devices", Schema::Count, "devices that it is for, implicit ones too"),
    field("online", Schema::Count, "of them, connected now"),
];

const MESSAGE: &[Field] = &[
    field("to", Schema::Object(TO), "exactly one of them"),
    optional("data", Schema::Any, "what the devices get; 4096 bytes by default"),
    optional("args", Schema::Limited(&Schema::Any, Limits::ARGS), "instead of data, with event_name: the event's arguments as they are"),
    optional("event_name", Schema::Text, "the event that carries it; 1 to 64 bytes, none that clients keep for themselves"),
    optional("ttl", Schema::Whole { least: 0, most: Limits::TTL_MAX_S as u64 }, "seconds; 0: only who is connected now; a day by default"),
    optional("expires_at", Schema::Time, "instead of ttl"),
    optional("collapse_key", Schema::Pattern("^[A-Za-z0-9_.:-]{1,64}$"), "the newest replaces the one that waits"),
    optional("label", Schema::Text, "at most 100 characters, for statistics"),
    optional("meta", Schema::Text, "at most 1024 bytes; comes back with what is told of the message"),
    optional("dry_run", Schema::Bool, "checks and counts, stores nothing"),
];

const TO: &[Field] = &[
    optional("all", Schema::True, "everyone in the app"),
    optional("uid", UID, ""),
    optional("uids", Schema::Limited(&UID, Limits::TARGETS), ""),
    optional("token", Schema::Text, ""),
    optional("tokens", Schema::Limited(&Schema::Text, Limits::TARGETS), ""),
    optional("topic", Schema::Named("TopicName"), "who is in it"),
];

const DEVICE: &[Field] = &[
    field("token", Schema::Text, ""),
    field("uid", Schema::Text, ""),
    field("device_id", TEXT_OR_NULL, "null for a registration without one"),
    field("platform", TEXT_OR_NULL, NOT_YET),
    field("app_version", TEXT_OR_NULL, NOT_YET),
    field("online", Schema::Bool, "a socket is connected, exact at each register and close"),
    field("since", TIME_OR_NULL, "online since; null while offline"),
    field("last_seen", Schema::Time, "now while online, else the last sign of it"),
    field("created_at", TIME_OR_NULL, "null where it is older than this is kept"),
    field("mailbox", Schema::Named("Mailbox"), ""),
    field("topics", Schema::List(&Schema::Text), "that it is in, by name"),
];

const MAILBOX: &[Field] = &[field("messages", Schema::Count, ""), field("bytes", Schema::Count, "of their data")];

const USER: &[Field] = &[
    field("uid", Schema::Text, ""),
    field("online", Schema::Bool, "one of his devices is"),
    field("last_seen", TIME_OR_NULL, "the latest of his devices; null without any"),
    field("devices", Schema::List(&Schema::Named("Device")), "oldest first"),
];

const USER_STATUS: &[Field] = &[
    field("uid", Schema::Text, ""),
    field("known", Schema::Bool, "somebody has registered as him"),
    field("online", Schema::Bool, ""),
    field("last_seen", TIME_OR_NULL, ""),
    field("devices", Schema::Count, ""),
];

const TOPIC: &[Field] = &[field("topic", Schema::Named("TopicName"), ""), field("devices", Schema::Count, "implicit ones too")];

const SUBSCRIBED: &[Field] = &[
    field("value", Schema::Text, "as it was named"),
    optional("devices", Schema::Count, "so many of its devices are in the topic now, or have left it"),
    optional("error", Schema::Object(PARTS), "unknown_target, token_unregistered, quota_exceeded"),
];

const TIMELINE: &[Field] = &[
    field("uid", Schema::Text, ""),
    field("items", Schema::List(&Schema::Named("Happening")), "may be fewer than `limit`, also none, while `next_cursor` goes on"),
    field("next_cursor", TEXT_OR_NULL, "null: the log says no more of this user"),
];

/// As [`crate::http`] writes them.
pub(super) const HAPPENINGS: &[&str] = &[
    "device.registered",
    "device.unregistered",
    "device.online",
    "device.offline",
    "device.disconnected",
    "mailbox.overflow",
    "message.reported",
    "client.event",
    "message.sent",
];

const HAPPENING: &[Field] = &[
    field("id", Schema::Pattern("^[0-9]+-[0-9]+$"), "of the event, where there is one in `/v1/events`"),
    field("at", Schema::Time, ""),
    field("type", Schema::OneOf(HAPPENINGS), ""),
    field("data", Schema::Object(HAPPENING_DATA), "which members it has depends on the type"),
];

const HAPPENING_DATA: &[Field] = &[
    optional("token", Schema::Text, ""),
    optional("device_id", TEXT_OR_NULL, ""),
    optional("first", Schema::Bool, "device.registered: the registration is new"),
    optional("reason", Schema::OneOf(&["asked", "evicted", "stale", "revoked"]), "device.unregistered"),
    optional("messages", Schema::Count, "mailbox.overflow: so many were cut"),
    optional("message_id", TEXT_OR_NULL, ""),
    optional("status", Schema::Any, "message.reported: as the app said it"),
    optional("inferred", Schema::Bool, "message.reported: the app did not name the message, one fitted"),
    optional("event_name", Schema::Text, "client.event: as the app named it"),
    optional("args", Schema::List(&Schema::Any), "client.event: its arguments, as the app gave them"),
    optional("to", Schema::OneOf(&["all", "uid", "uids", "token", "tokens", "id", "topic"]), "message.sent: how it was addressed"),
    optional("expires_at", Schema::Time, "message.sent"),
    optional("devices", Schema::List(&Schema::Named("Outcome")), "message.sent: this user's devices that it is for"),
];

const OUTCOME: &[Field] = &[
    field("token", Schema::Text, ""),
    field("device_id", TEXT_OR_NULL, ""),
    field(
        "state",
        Schema::OrNull(&Schema::OneOf(&["reached", "delivered", "waiting", "lost"])),
        "null: the device's cursor has passed it, and why is further ahead in the log than one call reads",
    ),
    field("proof", Schema::OrNull(&Schema::OneOf(&["poll", "peer", "engine", "app"])), "null for a broadcast, whose grade is not kept"),
    field("after_ms", COUNT_OR_NULL, "from sending to the proof"),
    field("reason", Schema::OrNull(&Schema::OneOf(REASONS)), "why it waits, or is lost"),
];

const REASONS: &[&str] = &["offline", "behind", "unproven", "expired", "superseded", "recalled", "overflow", "unregistered"];

const ERROR: &[Field] = &[field("error", Schema::Object(PARTS), "")];

const PARTS: &[Field] = &[
    field("code", Schema::Code, "the contract; the message is for people"),
    field("message", Schema::Text, ""),
    field("field", TEXT_OR_NULL, "the field at fault"),
    field("retryable", Schema::Bool, "the same request may succeed later"),
    field("retry_after_ms", COUNT_OR_NULL, ""),
    field("limit", COUNT_OR_NULL, ""),
    field("actual", COUNT_OR_NULL, ""),
    optional("oldest", Schema::Text, "cursor_expired: the oldest cursor kept"),
    field("request_id", Schema::Text, "as in Tidings-Request-Id"),
];
