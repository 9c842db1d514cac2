//! `GET /v1/users/{uid}/timeline`: what happened to a user, newest first.

use axum::extract::{Request, State};
use axum::response::Response;
use tidings_model::{Target, Why};
use tidings_store::{Fate, Happened, Happening, Outcome, TimelineQuery, Whom};

use super::query::Query;
use super::{Face, answer, caller, path, users};
use crate::error::Failure;
use crate::executor::Told;
use tidings_json::{Object, array};

pub(crate) async fn get(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let app = caller::of(request.extensions())?.app();
    let named = request.uri().path().strip_prefix("/v1/users/").and_then(|rest| rest.strip_suffix("/timeline")).unwrap_or_default();
    let name = path::decoded(named).ok_or_else(|| Failure::invalid("uid", "is not percent-encoded UTF-8"))?;
    let uid = users::uid(&name)?;
    let query = Query::read(request.uri().query().unwrap_or_default(), &["cursor", "limit"])?;
    let before = query.text("cursor").map(cursor).transpose()?;
    let limit = usize::try_from(query.number("limit", 50, (1, 100))?).unwrap_or(usize::MAX);
    let told = face.executor.timeline(TimelineQuery { app, uid: uid.clone(), before, limit }).await?;
    Ok(answer::json(written(uid.as_str(), &told)))
}

fn cursor(text: &str) -> Result<tidings_model::EventId, Failure> {
    text.parse().map_err(|_| Failure::invalid("cursor", "must be the next_cursor of a page before"))
}

fn written(uid: &str, told: &Told) -> String {
    let items = told.timeline.happenings.iter().map(|happening| item(happening, told));
    Object::new()
        .text("uid", uid)
        .raw("items", array(items))
        .text_or_null("next_cursor", told.timeline.next.map(|next| next.to_string()).as_deref())
        .finish()
}

fn item(happening: &Happening, told: &Told) -> String {
    let (kind, data) = data(&happening.what, told);
    Object::new().text("id", &happening.id.to_string()).text("at", &happening.at.rfc3339()).text("type", kind).raw("data", data).finish()
}

fn data(what: &Happened, told: &Told) -> (&'static str, String) {
    let mut data = Object::new();
    let kind = match what {
        Happened::Registered { whom, first } => {
            of(&mut data, whom).raw("first", first);
            "device.registered"
        }
        Happened::Unregistered { whom, why } => {
            of(&mut data, whom).text("reason", reason(*why));
            "device.unregistered"
        }
        Happened::Online { whom } => {
            of(&mut data, whom);
            "device.online"
        }
        Happened::Offline { whom } => {
            of(&mut data, whom);
            "device.offline"
        }
        Happened::Disconnected { whom } => {
            of(&mut data, whom);
            "device.disconnected"
        }
        Happened::Overflowed { whom, messages } => {
            of(&mut data, whom).raw("messages", messages);
            "mailbox.overflow"
        }
        Happened::Reported { whom, message, inferred, status } => {
            data.text_or_null("message_id", message.map(|id| id.to_string()).as_deref());
            of(&mut data, whom).raw("status", status).raw("inferred", inferred);
            "message.reported"
        }
        Happened::Emitted { whom, event_name, args } => {
            of(&mut data, whom).text("event_name", event_name.as_str()).raw("args", args);
            "client.event"
        }
        Happened::Sent { message, to, expires, outcomes } => {
            data.text("message_id", &message.to_string())
                .text("to", addressed(to))
                .text("expires_at", &expires.rfc3339())
                .raw("devices", array(outcomes.iter().map(|outcome| fate(outcome, told))));
            "message.sent"
        }
    };
    (kind, data.finish())
}

fn of<'a>(data: &'a mut Object, whom: &Whom) -> &'a mut Object {
    data.text("token", whom.token.as_str()).text_or_null("device_id", whom.device_id.as_ref().map(|id| id.as_str()))
}

fn reason(why: Why) -> &'static str {
    match why {
        Why::Asked => "asked",
        Why::Evicted => "evicted",
        Why::Stale => "stale",
        Why::Revoked => "revoked",
    }
}

fn addressed(to: &Target) -> &'static str {
    match to {
        Target::All => "all",
        Target::Uids(uids) if uids.len() == 1 => "uid",
        Target::Uids(_) => "uids",
        Target::Tokens(tokens) if tokens.len() == 1 => "token",
        Target::Tokens(_) => "tokens",
        Target::TokenOrUid(_) => "id",
        Target::Topic(_) => "topic",
    }
}

fn fate(outcome: &Outcome, told: &Told) -> String {
    let (state, reason) = match outcome.fate {
        Fate::Reached { state, .. } => (Some(state.as_str()), None),
        Fate::Waiting => (Some("waiting"), Some(if told.served.contains(&outcome.dev) { "unproven" } else { "offline" })),
        Fate::Lost(loss) => (Some("lost"), Some(loss.as_str())),
        Fate::Unknown => (None, None),
    };
    let (proof, after_ms) = match outcome.fate {
        Fate::Reached { proof, after_ms, .. } => (proof, after_ms),
        Fate::Waiting | Fate::Lost(_) | Fate::Unknown => (None, None),
    };
    let mut data = Object::new();
    of(&mut data, &outcome.whom)
        .text_or_null("state", state)
        .text_or_null("proof", proof.map(|proof| proof.as_str()))
        .raw_or_null("after_ms", after_ms)
        .text_or_null("reason", reason)
        .finish()
}
