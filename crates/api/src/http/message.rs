//! `POST /message`: the tutorial's way to send, to everyone or to one.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use tidings_json::{Json, Kind, kind, unescape};
use tidings_model::{Accepted, Code, Draft, Refusal, Strictness, Target, Token, Uid};

use super::{Face, accept, answer, body, caller, idempotency, time};
use crate::error::Failure;
use crate::object::Object;

const MESSAGE_ID: HeaderName = HeaderName::from_static("tidings-message-id");
const REPLAY: HeaderName = HeaderName::from_static("idempotency-replay");

const KNOWN: &str = "data, uid, token and id";

pub(crate) async fn post(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let (head, body) = request.into_parts();
    let app = caller::app(&head.headers)?;
    let body = body::object(&head.headers, body).await?;
    let idempotency = idempotency::of(&head.headers, app, "message", &body)?;
    let Wish { to, data } = Wish::read(&body)?;
    let draft = Draft { app, to, data, ttl_s: face.legacy_ttl_s, strictness: Strictness::MustBeKnown, idempotency };
    let accepted = face.executor.publish(running, draft).await?;
    Ok(told(&head.headers, &accepted))
}

/// What the body asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) to: Target,
    pub(crate) data: Json,
}

impl Wish {
    /// From the text of a body.
    pub(crate) fn of_body(body: &[u8]) -> Result<Self, Failure> {
        Self::read(&body::parse(body)?)
    }

    pub(crate) fn read(body: &Json) -> Result<Self, Failure> {
        let mut data = None;
        let mut targets = Vec::new();
        for (key, value) in body.members().into_iter().flatten() {
            match &*key {
                "data" => data = Some(Json::trusted(value)),
                "uid" => targets.push(("uid", value)),
                "token" => targets.push(("token", value)),
                "id" => targets.push(("id", value)),
                other => return Err(Failure::unknown_field(other, KNOWN)),
            }
        }
        let data = data.ok_or_else(|| Failure::invalid("data", "is missing; null is a value, no key is not"))?;
        Ok(Self { to: target(&targets)?, data })
    }
}

fn target(named: &[(&'static str, &str)]) -> Result<Target, Failure> {
    match named {
        [] => Ok(Target::All),
        [("token", raw)] => token(raw),
        [("id", raw)] => uid("id", raw).map(|uid| Target::TokenOrUid(uid.as_str().to_owned())),
        [(_, raw)] => uid("uid", raw).map(|uid| Target::Uids(vec![uid])),
        [_, (second, _), ..] => {
            let refusal =
                Refusal::new(Code::AmbiguousTarget, "only one of uid, token and id may be given; without any it goes to everyone");
            Err(refusal.field(second).into())
        }
    }
}

fn uid(field: &'static str, raw: &str) -> Result<Uid, Failure> {
    Uid::from_json(raw).map_err(|why| Failure::invalid(field, why))
}

fn token(raw: &str) -> Result<Target, Failure> {
    let text = (kind(raw) == Kind::String).then(|| unescape(raw)).flatten().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Failure::invalid("token", "must be a token: p_ and 32 characters"))?;
    // What does not even look like a token names nobody, as a token that was never given.
    let token = Token::parse(&text).map_err(|_| Refusal::new(Code::UnknownTarget, "no registration has this token").field("token"))?;
    Ok(Target::Tokens(vec![token]))
}

fn told(headers: &HeaderMap, accepted: &Accepted) -> Response {
    let mut response = if accept::wants_json(headers) {
        answer::json(written(accepted))
    } else {
        ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "OK").into_response()
    };
    answer::set(&mut response, MESSAGE_ID, &accepted.id.to_string());
    if accepted.replayed {
        answer::set(&mut response, REPLAY, "true");
    }
    response
}

/// The answer as JSON: what every way to publish answers.
fn written(accepted: &Accepted) -> String {
    let targets = Object::new().raw("devices", accepted.devices).raw("online", accepted.online).finish();
    Object::new()
        .text("id", &accepted.id.to_string())
        .text("seq", &accepted.at.to_string())
        .text("state", "accepted")
        .text("expires_at", &time::rfc3339(accepted.expires))
        .raw("targets", targets)
        .finish()
}

#[cfg(test)]
mod tests;
