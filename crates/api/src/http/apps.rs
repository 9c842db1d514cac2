//! `/v1/apps`: the tenants.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tidings_json::Json;
use tidings_model::{App, AppName, Millis, NewApp};

use super::fields::Fields;
use super::{Face, PathText, answer, body, caller, named};
use crate::error::Failure;
use crate::executor::AppEdit;
use tidings_json::{Object, array};

/// Patterns of an app, and the characters of one.
const PATTERNS_MAX: usize = 100;
const PATTERN_MAX: usize = 128;

const WARNING: &str = "there is more than one app now: Engine.IO 3 sockets that have not registered get nothing on / until they do";

pub(crate) async fn list(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let caller = caller::of(request.extensions())?;
    let apps = face.executor.apps(&caller);
    Ok(answer::json(Object::new().raw("apps", array(apps.iter().map(|app| written(app, None)))).finish()))
}

pub(crate) async fn create(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let (head, body) = request.into_parts();
    let caller = caller::of(&head.extensions)?;
    let body = body::object(&head.headers, body).await?;
    let new = new_app(&Fields::read(&body, &["name", "disabled", "client_topics"])?)?;
    let (app, is_second) = face.executor.create_app(&caller, running, new).await?;
    let warning = is_second.then_some(WARNING);
    Ok((StatusCode::CREATED, answer::json(written(&app, warning))).into_response())
}

fn new_app(fields: &Fields<'_>) -> Result<NewApp, Failure> {
    let name = fields.text("name")?.ok_or_else(|| Failure::invalid("name", "is missing"))?;
    let name = AppName::parse(&name).map_err(|why| Failure::invalid("name", why))?;
    Ok(NewApp { name, disabled: fields.flag("disabled")?.unwrap_or(false), client_topics: topics(fields)?.unwrap_or_default() })
}

fn topics(fields: &Fields<'_>) -> Result<Option<Vec<String>>, Failure> {
    let topics = fields.texts("client_topics")?;
    let fits = |pattern: &String| !pattern.is_empty() && pattern.len() <= PATTERN_MAX && !pattern.chars().any(char::is_control);
    let is_bad = topics.as_ref().is_some_and(|topics| topics.len() > PATTERNS_MAX || !topics.iter().all(fits));
    if is_bad { Err(Failure::invalid("client_topics", "must be at most 100 patterns of 1 to 128 bytes")) } else { Ok(topics) }
}

pub(crate) async fn get(State(face): State<Face>, path: PathText, request: Request) -> Result<Response, Failure> {
    let caller = caller::of(request.extensions())?;
    let app = face.executor.app(&caller, &app_name(path)?)?;
    Ok(answer::json(written(&app, None)))
}

pub(crate) async fn change(State(face): State<Face>, path: PathText, request: Request) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let (head, body) = request.into_parts();
    let caller = caller::of(&head.extensions)?;
    let name = app_name(path)?;
    // Before the body: what is not the caller's is not there, whatever it would change.
    face.executor.app(&caller, &name)?;
    let body = body::object(&head.headers, body).await?;
    let fields = Fields::read(&body, &["disabled", "client_topics"])?;
    let edit = AppEdit { disabled: fields.flag("disabled")?, client_topics: topics(&fields)? };
    let app = face.executor.change_app(&caller, running, &name, edit).await?;
    Ok(answer::json(written(&app, None)))
}

pub(crate) async fn remove(State(face): State<Face>, path: PathText, request: Request) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let caller = caller::of(request.extensions())?;
    face.executor.remove_app(&caller, running, &app_name(path)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `%2Fshop`, or `shop`.
fn app_name(path: PathText) -> Result<String, Failure> {
    let text = named(path, "app")?;
    Ok(if text.starts_with('/') { text } else { format!("/{text}") })
}

fn written(app: &App, warning: Option<&str>) -> String {
    let mut object = Object::new();
    object
        .text("name", app.name.as_str())
        .raw("disabled", app.disabled)
        .raw("client_topics", array(app.client_topics.iter().map(|pattern| Json::string(pattern))))
        .text_or_null("created_at", app.created.map(Millis::rfc3339).as_deref());
    if let Some(warning) = warning {
        object.text("warning", warning);
    }
    object.finish()
}
