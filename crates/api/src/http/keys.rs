//! `/v1/keys`: who may call. A key is told once, when it is drawn.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tidings_json::Json;
use tidings_model::{ApiKey, Millis, Scope, Scopes};

use super::fields::Fields;
use super::{Face, PathText, answer, body, caller, named};
use crate::error::Failure;
use crate::executor::{Given, KeyEdit, KeyWish};
use tidings_json::{Object, array};

const NAME_MAX: usize = 100;

pub(crate) async fn list(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let caller = caller::of(request.extensions())?;
    let keys = face.executor.keys(&caller);
    Ok(answer::json(Object::new().raw("keys", array(keys.iter().map(|key| written(&face, key, None)))).finish()))
}

pub(crate) async fn create(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let (head, body) = request.into_parts();
    let caller = caller::of(&head.extensions)?;
    let body = body::object(&head.headers, body).await?;
    let fields = Fields::read(&body, &["name", "app", "scopes", "expires_at"])?;
    let wish = KeyWish {
        app: fields.text("app")?,
        name: name(&fields)?.unwrap_or_default(),
        scopes: scopes(&fields)?.ok_or_else(|| Failure::invalid("scopes", "is missing"))?,
        until: until(&fields)?.flatten(),
    };
    let Given { key, text } = face.executor.create_key(&caller, running, wish).await?;
    Ok((StatusCode::CREATED, answer::json(written(&face, &key, text.as_deref()))).into_response())
}

pub(crate) async fn get(State(face): State<Face>, path: PathText, request: Request) -> Result<Response, Failure> {
    let caller = caller::of(request.extensions())?;
    let key = face.executor.key(&caller, &named(path, "key")?)?;
    Ok(answer::json(written(&face, &key, None)))
}

pub(crate) async fn change(State(face): State<Face>, path: PathText, request: Request) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let (head, body) = request.into_parts();
    let caller = caller::of(&head.extensions)?;
    let id = named(path, "key")?;
    // Before the body: what is not the caller's is not there, whatever it would change.
    face.executor.key(&caller, &id)?;
    let body = body::object(&head.headers, body).await?;
    let fields = Fields::read(&body, &["name", "scopes", "expires_at", "rotate", "retire"])?;
    let edit = KeyEdit {
        name: name(&fields)?,
        scopes: scopes(&fields)?,
        until: until(&fields)?,
        rotate: fields.flag("rotate")?.unwrap_or(false),
        retire: fields.flag("retire")?.unwrap_or(false),
    };
    let Given { key, text } = face.executor.change_key(&caller, running, &id, edit).await?;
    Ok(answer::json(written(&face, &key, text.as_deref())))
}

pub(crate) async fn remove(State(face): State<Face>, path: PathText, request: Request) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let caller = caller::of(request.extensions())?;
    face.executor.remove_key(&caller, running, &named(path, "key")?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn name(fields: &Fields<'_>) -> Result<Option<String>, Failure> {
    let name = fields.text("name")?;
    let is_bad = name.as_ref().is_some_and(|name| name.chars().count() > NAME_MAX || name.chars().any(char::is_control));
    if is_bad { Err(Failure::invalid("name", "must be at most 100 characters, none of them a control character")) } else { Ok(name) }
}

fn scopes(fields: &Fields<'_>) -> Result<Option<Scopes>, Failure> {
    let Some(names) = fields.texts("scopes")? else { return Ok(None) };
    let known = || Scope::ALL.map(Scope::as_str).join(", ");
    let wrong = || Failure::invalid("scopes", format!("must be some of {}", known()));
    if names.is_empty() {
        return Err(wrong());
    }
    names.iter().map(|name| Scope::parse(name).ok_or_else(wrong)).collect::<Result<Scopes, _>>().map(Some)
}

/// None: not given; Some(None): null, it never ends by itself.
fn until(fields: &Fields<'_>) -> Result<Option<Option<Millis>>, Failure> {
    match fields.raw("expires_at") {
        None => Ok(None),
        Some("null") => Ok(Some(None)),
        Some(_) => {
            let text = fields.text("expires_at")?.unwrap_or_default();
            let time = Millis::parse_rfc3339(&text)
                .ok_or_else(|| Failure::invalid("expires_at", "must be a time as RFC 3339 writes it, in UTC: 2026-11-23T10:00:00Z"))?;
            Ok(Some(Some(time)))
        }
    }
}

fn written(face: &Face, key: &ApiKey, text: Option<&str>) -> String {
    let mut object = Object::new();
    object
        .text("id", key.id.as_str())
        .text("name", &key.name)
        .text("app", &face.executor.app_name(key.app))
        .raw("scopes", array(key.scopes.iter().map(|scope| Json::string(scope.as_str()))))
        .text("created_at", &key.created.rfc3339())
        .text_or_null("expires_at", key.until.map(Millis::rfc3339).as_deref());
    if let Some(text) = text {
        object.text("key", text);
    }
    object.finish()
}
