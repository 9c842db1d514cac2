//! `GET /v1/devices/{token}`: a registration as its token names it.

use axum::extract::{Request, State};
use axum::response::Response;
use tidings_model::{Code, Millis, Refusal, Token};

use super::path::Named;
use super::{Face, answer, caller, users};
use crate::error::Failure;
use crate::executor::{AskError, Device};
use tidings_json::{Json, Object, array};

pub(crate) async fn get(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let app = caller::of(request.extensions())?.app();
    users::no_query(&request)?;
    let Named { name, verb } = Named::read(request.uri().path(), "token")?;
    // What does not even look like a token names nothing, as a token that was never given.
    let token = Token::parse(&name).ok().filter(|_| verb.is_none());
    let token = token.ok_or_else(|| Refusal::new(Code::NotFound, "no registration has this token").field("token"))?;
    Ok(answer::json(written(&face.executor.device(app, token).await?)))
}

/// What only version 2 brings is absent as yet.
pub(crate) fn written(device: &Device) -> String {
    let Device { registration, connected, last_seen } = device;
    let mailbox = Object::new().raw("messages", registration.mailbox.messages).raw("bytes", registration.mailbox.bytes).finish();
    let topics = array(registration.topics.iter().map(|topic| Json::string(topic.as_str()).as_str().to_owned()));
    Object::new()
        .text("token", registration.token.as_str())
        .text("uid", registration.uid.as_str())
        .text_or_null("device_id", registration.device_id.as_ref().map(|id| id.as_str()))
        .raw("platform", "null")
        .raw("app_version", "null")
        .raw("online", device.is_online())
        .text_or_null("since", connected.since.map(Millis::rfc3339).as_deref())
        .text("last_seen", &last_seen.rfc3339())
        .text_or_null("created_at", registration.made.map(Millis::rfc3339).as_deref())
        .raw("mailbox", mailbox)
        .raw("topics", topics)
        .finish()
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused(refusal) => refusal.into(),
            AskError::Broken(cause) => Self::internal(cause),
        }
    }
}
