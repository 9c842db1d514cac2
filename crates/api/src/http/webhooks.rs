//! `/v1/webhooks`: where events are carried to. A secret is told once, when it is drawn.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tidings_json::{Json, Object, array};
use tidings_model::{EventId, EventType, SinkConf, SinkError, SinkState, Tracked, nearest};
use tidings_outbox::{Tried, revealed};

use super::fields::Fields;
use super::path::Named;
use super::users::{no_query, nothing, only};
use super::{Face, answer, body, caller};
use crate::error::Failure;
use crate::executor::{Caller, Hooked, Replay, ReplayError, WebhookEdit, WebhookWish};

pub(crate) async fn list(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let caller = caller::of(request.extensions())?;
    let webhooks = face.executor.webhooks(&caller);
    let written = array(webhooks.iter().map(|tracked| written(&face, &Hooked { webhook: tracked.clone(), secret: None })));
    Ok(answer::json(Object::new().raw("webhooks", written).finish()))
}

pub(crate) async fn create(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let (head, body) = request.into_parts();
    let caller = caller::of(&head.extensions)?;
    let body = body::object(&head.headers, body).await?;
    let fields = Fields::read(&body, &["url", "types"])?;
    let url = fields.text("url")?.ok_or_else(|| Failure::invalid("url", "is missing"))?;
    let wish = WebhookWish { url, types: types(&fields)?.flatten() };
    let made = face.executor.create_webhook(&caller, running, wish).await?;
    Ok((StatusCode::CREATED, answer::json(written(&face, &made))).into_response())
}

pub(crate) async fn get(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let caller = caller::of(request.extensions())?;
    let Some(id) = plain(&request)? else { return Ok(only("POST")) };
    no_query(&request)?;
    let webhook = face.executor.webhook(&caller, &id)?;
    Ok(answer::json(written(&face, &Hooked { webhook, secret: None })))
}

pub(crate) async fn change(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let Some(id) = plain(&request)? else { return Ok(only("POST")) };
    let (head, body) = request.into_parts();
    let caller = caller::of(&head.extensions)?;
    // Before the body: what is not the caller's is not there, whatever it would change.
    face.executor.webhook(&caller, &id)?;
    let body = body::object(&head.headers, body).await?;
    let fields = Fields::read(&body, &["url", "types", "state", "rotate", "retire"])?;
    let edit = WebhookEdit {
        url: fields.text("url")?,
        types: types(&fields)?,
        state: state(&fields)?,
        rotate: fields.flag("rotate")?.unwrap_or(false),
        retire: fields.flag("retire")?.unwrap_or(false),
    };
    let changed = face.executor.change_webhook(&caller, running, &id, edit).await?;
    Ok(answer::json(written(&face, &changed)))
}

pub(crate) async fn remove(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let caller = caller::of(request.extensions())?;
    let Some(id) = plain(&request)? else { return Ok(only("POST")) };
    face.executor.remove_webhook(&caller, running, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The verbs: `:test` and `:replay`.
pub(crate) async fn post(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let path = request.uri().path().to_owned();
    let Named { name, verb } = Named::read(&path, "id")?;
    match verb {
        Some("test") => {
            no_query(&request)?;
            test(&face, &name, caller::of(request.extensions())?).await
        }
        Some("replay") => replay(&face, &name, request).await,
        None => Ok(only("GET, HEAD, PATCH, DELETE")),
        Some(_) => Err(nothing(&request)),
    }
}

async fn test(face: &Face, id: &str, caller: Caller) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let tried = face.executor.test_webhook(&caller, running, id).await?;
    Ok(answer::json(outcome(&tried)))
}

async fn replay(face: &Face, id: &str, request: Request) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let (head, body) = request.into_parts();
    let caller = caller::of(&head.extensions)?;
    face.executor.webhook(&caller, id)?;
    let body = body::object(&head.headers, body).await?;
    let fields = Fields::read(&body, &["cursor", "from"])?;
    let from = match (event_id(&fields, "cursor")?, event_id(&fields, "from")?) {
        (Some(cursor), None) => Replay::After(cursor),
        (None, Some(event)) => Replay::From(event),
        (None, None) => {
            return Err(Failure::invalid(
                "cursor",
                "is missing: the id of the last event not to tell again, or `from`, the first one to tell",
            ));
        }
        (Some(_), Some(_)) => return Err(Failure::invalid("from", "stands beside cursor; give one of them")),
    };
    let webhook = face.executor.replay_webhook(&caller, running, id, from).await?;
    Ok(answer::json(written(face, &Hooked { webhook, secret: None })))
}

/// The id of a path that has no verb; None: it has one, for which POST is.
fn plain(request: &Request) -> Result<Option<String>, Failure> {
    let Named { name, verb } = Named::read(request.uri().path(), "id")?;
    match verb {
        None => Ok(Some(name)),
        Some("test" | "replay") => Ok(None),
        Some(_) => Err(nothing(request)),
    }
}

fn event_id(fields: &Fields<'_>, key: &'static str) -> Result<Option<EventId>, Failure> {
    let Some(text) = fields.text(key)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Failure::invalid(key, "must be the id of an event"))
}

fn state(fields: &Fields<'_>) -> Result<Option<SinkState>, Failure> {
    let Some(text) = fields.text("state")? else { return Ok(None) };
    SinkState::parse(&text).map(Some).ok_or_else(|| Failure::invalid("state", "must be active or paused"))
}

/// None: not given; Some(None): null, all.
fn types(fields: &Fields<'_>) -> Result<Option<Option<Vec<EventType>>>, Failure> {
    match fields.raw("types") {
        None => Ok(None),
        Some("null") => Ok(Some(None)),
        Some(_) => named(&fields.texts("types")?.unwrap_or_default()).map(|types| Some(Some(types))),
    }
}

fn named(names: &[String]) -> Result<Vec<EventType>, Failure> {
    let mut types = Vec::new();
    for name in names {
        let found = EventType::parse(name).ok_or_else(|| unknown(name))?;
        if !types.contains(&found) {
            types.push(found);
        }
    }
    if types.is_empty() { Err(Failure::invalid("types", "must name some types; null means all")) } else { Ok(types) }
}

fn unknown(name: &str) -> Failure {
    let known = EventType::ALL.iter().map(|kind| kind.as_str());
    let meant = nearest(name, known).unwrap_or_default();
    let shown: String = name.chars().take(64).collect();
    Failure::invalid("types", format!("has `{shown}`, which is no type of event; the nearest is {meant}"))
}

fn written(face: &Face, Hooked { webhook: tracked, secret }: &Hooked) -> String {
    let Tracked { sink, standing } = &**tracked;
    let mut object = Object::new();
    object.text("id", sink.id.as_str());
    if let SinkConf::Webhook(webhook) = &sink.conf {
        let types = webhook.types.as_ref().map(|types| array(types.iter().map(|kind| Json::string(kind.as_str()))));
        object.text("url", &webhook.url).raw_or_null("types", types);
    }
    object
        .text("app", &sink.app.map_or_else(String::new, |app| face.executor.app_name(app)))
        .text("state", standing.state.as_str())
        .text("cursor", &standing.cursor.to_string())
        .raw_or_null("last_error", standing.last_error.as_ref().map(failure))
        .raw("parked", array(standing.parked.iter().map(|id| Json::string(&id.to_string()))));
    if let Some(secret) = secret {
        object.text("secret", &revealed(secret));
    }
    object.finish()
}

fn failure(error: &SinkError) -> String {
    Object::new().text("at", &error.at.rfc3339()).text("message", &error.why).finish()
}

fn outcome(tried: &Tried) -> String {
    Object::new()
        .raw("ok", tried.error.is_none())
        .raw_or_null("status", tried.status)
        .raw("ms", tried.took.as_millis())
        .text_or_null("error", tried.error.as_deref())
        .finish()
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Refused(refusal) => refusal.into(),
            ReplayError::Events(error) => error.into(),
        }
    }
}
