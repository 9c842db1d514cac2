//! `/v1/topics/{topic}`: who is in a topic, and how many devices that is.
//!
//! A topic is not made and not deleted: one that nobody was ever in is one without devices.

use axum::extract::{Request, State};
use axum::response::Response;
use tidings_json::{Json, Object, array};
use tidings_model::{Code, Refusal, Subscribe, Subscribers, TopicName};

use super::answer::RequestId;
use super::wish::{many, token, uid};
use super::{Face, answer, body, caller, path, users};
use crate::error::Failure;

const UNDER: &str = "/v1/topics/";
const SUBSCRIBERS: &str = "/subscribers";

pub(crate) async fn get(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let app = caller::of(request.extensions())?.app();
    let topic = named(request.uri().path().strip_prefix(UNDER))?;
    users::no_query(&request)?;
    let devices = face.executor.devices_in(app, topic.clone()).await?;
    Ok(answer::json(Object::new().text("topic", topic.as_str()).raw("devices", devices).finish()))
}

pub(crate) async fn subscribe(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    change(&face, request, true).await
}

pub(crate) async fn unsubscribe(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    change(&face, request, false).await
}

async fn change(face: &Face, request: Request, on: bool) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let topic = named(request.uri().path().strip_prefix(UNDER).and_then(|rest| rest.strip_suffix(SUBSCRIBERS)))?;
    users::no_query(&request)?;
    let (head, body) = request.into_parts();
    let app = caller::of(&head.extensions)?.app();
    let request_id = head.extensions.get().map_or("", |RequestId(id)| id);
    let who = who(&body::object(&head.headers, body).await?)?;
    let values = values(&who);
    let each = face.executor.subscribe(running, Subscribe { app, topic, on, who }).await?;
    let results = values.iter().zip(each).map(|(value, each)| result(value, each, request_id));
    Ok(answer::json(Object::new().raw("results", array(results)).finish()))
}

fn named(part: Option<&str>) -> Result<TopicName, Failure> {
    let name = path::decoded(part.unwrap_or_default()).ok_or_else(|| Failure::invalid("topic", "is not percent-encoded UTF-8"))?;
    TopicName::parse(&name).map_err(|why| Failure::invalid("topic", why))
}

const KNOWN: &str = "uids and tokens";

fn who(body: &Json) -> Result<Subscribers, Failure> {
    let mut found = None;
    for (key, value) in body.members().into_iter().flatten() {
        let one = match &*key {
            "uids" => Subscribers::Uids(many("uids", value, |raw| uid("uids", raw))?),
            "tokens" => Subscribers::Tokens(many("tokens", value, |raw| token("tokens", raw))?),
            other => return Err(Failure::unknown_field(other, KNOWN)),
        };
        if found.replace(one).is_some() {
            let refusal = Refusal::new(Code::AmbiguousTarget, format!("only one of {KNOWN} may be there"));
            return Err(refusal.field("tokens").into());
        }
    }
    found.ok_or_else(|| Refusal::new(Code::MissingTarget, format!("one of {KNOWN} must be there")).field("uids").into())
}

fn values(who: &Subscribers) -> Vec<String> {
    match who {
        Subscribers::Uids(uids) => uids.iter().map(|uid| uid.as_str().to_owned()).collect(),
        Subscribers::Tokens(tokens) => tokens.iter().map(|token| token.as_str().to_owned()).collect(),
    }
}

fn result(value: &str, each: Result<u32, Refusal>, request_id: &str) -> String {
    let mut object = Object::new();
    object.text("value", value);
    match each {
        Ok(devices) => object.raw("devices", devices).finish(),
        Err(refusal) => object.raw("error", Failure::from(refusal).error(request_id)).finish(),
    }
}
