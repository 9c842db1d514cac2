//! `POST /v1/messages` and `:batch`: the whole way to send.

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tidings_json::{Json, Kind, kind};
use tidings_model::{Accepted, AppNo, Code, Counted, Draft, Idempotency, Limits, Refusal};

use super::answer::RequestId;
use super::wish::Wish;
use super::{Face, accepted, answer, body, caller, idempotency, prefer};
use crate::error::Failure;
use crate::executor::{Caller, Pending, Running, Waited};
use tidings_json::Object;

pub(crate) async fn post(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let (head, body) = request.into_parts();
    let caller = caller::of(&head.extensions)?;
    let app = caller.app();
    let wait = prefer::wait(&head.headers)?;
    let body = body::object(&head.headers, body).await?;
    let idempotency = idempotency::of(&head.headers, app, "messages", &body)?;
    let (draft, dry_run) = draft(&face, app, body.as_str(), idempotency)?;
    if dry_run {
        let counted = face.executor.count(&caller, draft).await.map_err(named)?;
        return Ok(answer::json(accepted::counted(&counted)));
    }
    match wait {
        Some(patience) => {
            let (accepted, waited) = face.executor.publish_and_wait(&caller, &running, draft, patience).await.map_err(named)?;
            let mut response = told(&accepted, &waited);
            prefer::applied(&mut response, &waited, patience);
            Ok(response)
        }
        None => {
            let accepted = face.executor.publish(&caller, &running, draft).stored().await.map_err(named)?;
            Ok(told(&accepted, &Waited::No))
        }
    }
}

/// What is asked for, for one app, and whether it is only a rehearsal. A rehearsal uses no key.
fn draft(face: &Face, app: AppNo, object: &str, idempotency: Option<Idempotency>) -> Result<(Draft, bool), Failure> {
    let Wish { to, content, lifetime, strictness, dry_run } = Wish::read(object)?;
    face.check_uids("to", &to)?;
    let idempotency = idempotency.filter(|_| !dry_run);
    Ok((Draft { lifetime, strictness, idempotency, ..Draft::new(app, to, content) }, dry_run))
}

/// The store speaks of a token; here it stands in `to`.
fn named(refusal: Refusal) -> Failure {
    Failure::from(refusal).renamed("token", "to.token")
}

fn told(accepted: &Accepted, waited: &Waited) -> Response {
    let status = if matches!(waited, Waited::Proven(_)) { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = (status, answer::json(accepted::stored(accepted, waited))).into_response();
    if accepted.replayed {
        answer::set(&mut response, idempotency::REPLAY, "true");
    }
    response
}

pub(crate) async fn post_batch(
    State(face): State<Face>,
    Extension(RequestId(id)): Extension<RequestId>,
    request: Request,
) -> Result<Response, Failure> {
    let running = face.executor.admit()?;
    let (head, body) = request.into_parts();
    let caller = caller::of(&head.extensions)?;
    let body = body::object(&head.headers, body).await?;
    let items = items(&body)?;
    let mut steps = Vec::with_capacity(items.len());
    for (number, item) in items.iter().enumerate() {
        // Asked for in their order, so they stand in the log in that order.
        steps.push(begin(&face, &running, &Item { by: &caller, headers: &head.headers, number, item }).await);
    }
    let (mut results, mut stored, mut replayed) = (Vec::with_capacity(steps.len()), 0, 0);
    for step in steps {
        let result = end(step).await;
        if let Ok(Done::Stored(accepted)) = &result {
            stored += 1;
            replayed += usize::from(accepted.replayed);
        }
        results.push(written(&result, &id));
    }
    let mut response = answer::json(Object::new().raw("results", accepted::list(results.into_iter())).finish());
    if stored > 0 && stored == replayed {
        answer::set(&mut response, idempotency::REPLAY, "true");
    }
    Ok(response)
}

struct Item<'a> {
    by: &'a Caller,
    headers: &'a HeaderMap,
    number: usize,
    item: &'a str,
}

/// One item of a batch, under way.
enum Step {
    Pending(Pending),
    Done(Done),
}

enum Done {
    Stored(Accepted),
    Counted(Counted),
}

fn items(body: &Json) -> Result<Vec<&str>, Failure> {
    let mut messages = None;
    for (key, value) in body.members().into_iter().flatten() {
        match &*key {
            "messages" => messages = Some(value),
            other => return Err(Failure::unknown_field(other, "messages")),
        }
    }
    let items = messages.and_then(tidings_json::elements).ok_or_else(|| Failure::invalid("messages", "must be an array"))?;
    let items: Vec<&str> = items.collect();
    if (1..=Limits::BATCH).contains(&items.len()) {
        return Ok(items);
    }
    let refusal = Refusal::new(Code::InvalidField, format!("messages holds {}, it must be 1 to {}", items.len(), Limits::BATCH));
    Err(refusal.field("messages").sizes(Limits::BATCH as u64, items.len() as u64).into())
}

async fn begin(face: &Face, running: &Running, asked: &Item<'_>) -> Result<Step, Failure> {
    let Item { by, headers, number, item } = *asked;
    let app = by.app();
    if kind(item) != Kind::Object {
        return Err(Failure::invalid("messages", "must hold objects"));
    }
    let idempotency = idempotency::of_item(headers, app, number, &Json::trusted(item))?;
    let (draft, dry_run) = draft(face, app, item, idempotency)?;
    if dry_run {
        return Ok(Step::Done(Done::Counted(face.executor.count(by, draft).await.map_err(named)?)));
    }
    Ok(Step::Pending(face.executor.publish(by, running, draft)))
}

async fn end(step: Result<Step, Failure>) -> Result<Done, Failure> {
    match step? {
        Step::Pending(pending) => pending.stored().await.map(Done::Stored).map_err(named),
        Step::Done(done) => Ok(done),
    }
}

fn written(result: &Result<Done, Failure>, request_id: &str) -> String {
    match result {
        Ok(Done::Stored(stored)) => accepted::stored(stored, &Waited::No),
        Ok(Done::Counted(counted)) => accepted::counted(counted),
        Err(failure) => failure.body(request_id),
    }
}
