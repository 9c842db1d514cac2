//! `POST /message`: the tutorial's way to send, to everyone or to one.

use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tidings_json::Json;
use tidings_model::{Accepted, Code, Content, Draft, Lifetime, Refusal, Strictness, Target};

use super::wish::{token, uid};
use super::{Face, accept, accepted, answer, body, caller, idempotency, prefer};
use crate::error::Failure;
use crate::executor::Waited;

const MESSAGE_ID: HeaderName = HeaderName::from_static("tidings-message-id");

const KNOWN: &str = "data, uid, token and id";

pub(crate) async fn post(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let (head, body) = request.into_parts();
    let caller = caller::of(&head.extensions)?;
    let app = caller.app();
    let wait = prefer::wait(&head.headers)?;
    let body = body::object(&head.headers, body).await?;
    let idempotency = idempotency::of(&head.headers, app, "message", &body)?;
    let Wish { to, data } = Wish::read(&body)?;
    face.check_uids("", &to)?;
    let lifetime = Lifetime::Ttl(face.legacy_ttl_s);
    let strictness = Strictness::MustBeKnown;
    let draft = Draft { lifetime, strictness, idempotency, ..Draft::new(app, to, Content::data(data)) };
    let Some(patience) = wait else {
        let accepted = face.executor.publish(&caller, &running, draft).stored().await?;
        return Ok(told(&accepted, accept::wants_json(&head.headers)));
    };
    let is_broadcast = draft.to == Target::All;
    let (accepted, waited) = face.executor.publish_and_wait(&caller, &running, draft, patience).await?;
    let mut response = dressed(answer::json(accepted::stored(&accepted, &waited)), &accepted);
    if !matches!(waited, Waited::Proven(_)) && !is_broadcast {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    prefer::applied(&mut response, &waited, patience);
    Ok(response)
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
        [("token", raw)] => token("token", raw).map(|token| Target::Tokens(vec![token])),
        [("id", raw)] => uid("id", raw).map(|uid| Target::TokenOrUid(uid.as_str().to_owned())),
        [(_, raw)] => uid("uid", raw).map(|uid| Target::Uids(vec![uid])),
        [_, (second, _), ..] => {
            let refusal =
                Refusal::new(Code::AmbiguousTarget, "only one of uid, token and id may be given; without any it goes to everyone");
            Err(refusal.field(second).into())
        }
    }
}

fn told(accepted: &Accepted, as_json: bool) -> Response {
    let response = if as_json {
        answer::json(accepted::stored(accepted, &Waited::No))
    } else {
        ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "OK").into_response()
    };
    dressed(response, accepted)
}

fn dressed(mut response: Response, accepted: &Accepted) -> Response {
    answer::set(&mut response, MESSAGE_ID, &accepted.id.to_string());
    if accepted.replayed {
        answer::set(&mut response, idempotency::REPLAY, "true");
    }
    response
}

#[cfg(test)]
mod tests;
