//! `/v1/users/{uid}` and `/v1/users:status`: a user, his devices, and what may be done to him.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tidings_json::elements;
use tidings_model::{Code, Millis, Named, Uid};
use tidings_store::{Depth, UsersQuery};

use super::path::Named as Last;
use super::query::Query;
use super::{Face, answer, body, caller, device};
use crate::error::Failure;
use crate::executor::User;
use tidings_json::{Object, array};

/// Uids in one question.
pub(crate) const UIDS_MAX: usize = 1000;

pub(crate) async fn get(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    match addressed(&request)? {
        (named, None) => {
            no_query(&request)?;
            Ok(answer::json(written(&face.executor.user(named).await?)))
        }
        (_, Some("disconnect")) => Ok(only("POST")),
        (_, Some(_)) => Err(nothing(&request)),
    }
}

pub(crate) async fn post(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    match addressed(&request)? {
        (named, Some("disconnect")) => {
            no_query(&request)?;
            let running = face.executor.admit()?;
            let closed = face.executor.disconnect(running, named).await?;
            Ok(answer::json(Object::new().raw("closed", closed).finish()))
        }
        (_, None) => Ok(only("GET, HEAD, DELETE")),
        (_, Some(_)) => Err(nothing(&request)),
    }
}

pub(crate) async fn delete(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    match addressed(&request)? {
        (named, None) => {
            no_query(&request)?;
            let running = face.executor.admit()?;
            face.executor.erase(running, named).await?;
            Ok(StatusCode::ACCEPTED.into_response())
        }
        (_, Some("disconnect")) => Ok(only("POST")),
        (_, Some(_)) => Err(nothing(&request)),
    }
}

/// `POST /v1/users:status`.
pub(crate) async fn status(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    no_query(&request)?;
    let (head, body) = request.into_parts();
    let app = caller::of(&head.extensions)?.app();
    let uids = asked(&head.headers, body).await?;
    let users = face.executor.users(UsersQuery { app, uids, depth: Depth::Skipped }).await?;
    Ok(answer::json(Object::new().raw("users", array(users.iter().map(shortly))).finish()))
}

async fn asked(headers: &HeaderMap, body: axum::body::Body) -> Result<Vec<Uid>, Failure> {
    let body = body::object(headers, body).await?;
    let mut uids = None;
    for (key, value) in body.members().into_iter().flatten() {
        match &*key {
            "uids" => uids = Some(read_uids(value)?),
            other => return Err(Failure::unknown_field(other, "uids")),
        }
    }
    uids.ok_or_else(|| Failure::invalid("uids", "is missing"))
}

fn read_uids(raw: &str) -> Result<Vec<Uid>, Failure> {
    let uids: Vec<&str> = elements(raw).ok_or_else(|| Failure::invalid("uids", "must be an array"))?.collect();
    if uids.len() > UIDS_MAX {
        return Err(Failure::invalid("uids", format!("has {} entries, the limit is {UIDS_MAX}", uids.len())));
    }
    uids.into_iter().map(|raw| Uid::from_json(raw).map_err(|why| Failure::invalid("uids", format!("has an entry that {why}")))).collect()
}

/// Whom a path names, and the verb behind the name.
fn addressed(request: &Request) -> Result<(Named, Option<&str>), Failure> {
    let app = caller::of(request.extensions())?.app();
    let Last { name, verb } = Last::read(request.uri().path(), "uid")?;
    Ok((Named { app, uid: uid(&name)? }, verb))
}

pub(crate) fn uid(name: &str) -> Result<Uid, Failure> {
    Uid::parse(name).map_err(|why| Failure::invalid("uid", why))
}

pub(crate) fn no_query(request: &Request) -> Result<(), Failure> {
    Query::read(request.uri().query().unwrap_or_default(), &[]).map(drop)
}

pub(super) fn nothing(request: &Request) -> Failure {
    Failure::new(Code::NotFound, format!("there is nothing at {}", super::shown(request.uri().path())))
}

pub(super) fn only(methods: &'static str) -> Response {
    let failure = Failure::new(Code::MethodNotAllowed, format!("here only {methods} is answered"));
    let mut response = failure.into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    response
}

fn written(user: &User) -> String {
    let mut object = Object::new();
    seen(&mut object, user).raw("devices", array(user.devices.iter().map(device::written))).finish()
}

fn shortly(user: &User) -> String {
    Object::new()
        .text("uid", user.uid.as_str())
        .raw("known", user.is_known)
        .raw("online", user.is_online())
        .text_or_null("last_seen", user.last_seen().map(Millis::rfc3339).as_deref())
        .raw("devices", user.devices.len())
        .finish()
}

fn seen<'a>(object: &'a mut Object, user: &User) -> &'a mut Object {
    object
        .text("uid", user.uid.as_str())
        .raw("online", user.is_online())
        .text_or_null("last_seen", user.last_seen().map(Millis::rfc3339).as_deref())
}
