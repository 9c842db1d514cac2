//! `GET /v1/events`: the outbox as lines of JSON, a page at a time; `stream` is the same without an end.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use tidings_model::{AppNo, Code, EventId, EventType, Refusal};
use tidings_store::{EventPage, EventQuery};

use super::query::Query;
use super::{Face, accept, answer, caller};
use crate::error::Failure;
use crate::executor::{EventsError, FollowError};

mod stream;

const NEXT_CURSOR: HeaderName = HeaderName::from_static("tidings-next-cursor");

pub(crate) async fn get(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    let app = caller::of(request.extensions())?.app();
    if accept::wants_stream(request.headers()) {
        return stream::open(&face, app, request.uri().query().unwrap_or_default(), request.headers()).await;
    }
    let (query, wait) = read(app, request.uri().query().unwrap_or_default())?;
    let page = face.executor.events(query, wait).await?;
    Ok(lines(&page))
}

fn read(app: AppNo, text: &str) -> Result<(EventQuery, Duration), Failure> {
    let query = Query::read(text, &["cursor", "types", "limit", "wait_s"])?;
    let after = query.text("cursor").map(|text| cursor("cursor", text)).transpose()?;
    let types = query.text("types").map(types).transpose()?;
    let limit = query.number("limit", 100, (1, 1000))?;
    let wait = query.number("wait_s", 0, (0, 60))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok((EventQuery { app: Some(app), sink: None, after, types, limit }, Duration::from_secs(wait)))
}

fn cursor(field: &'static str, text: &str) -> Result<EventId, Failure> {
    text.parse().map_err(|_| Failure::invalid(field, "must be the id of an event, or a Tidings-Next-Cursor"))
}

fn types(text: &str) -> Result<Vec<EventType>, Failure> {
    text.split(',').map(|name| EventType::parse(name).ok_or_else(unknown_type)).collect()
}

fn unknown_type() -> Failure {
    let known: Vec<&str> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
    Failure::invalid("types", format!("must be some of {}, separated by commas", known.join(", ")))
}

fn lines(page: &EventPage) -> Response {
    let body: String = page.events.iter().map(tidings_outbox::line).collect();
    let mut response = ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response();
    answer::set(&mut response, NEXT_CURSOR, &page.next.to_string());
    response
}

impl From<EventsError> for Failure {
    fn from(error: EventsError) -> Self {
        match error {
            EventsError::Expired { oldest } => {
                let mut refusal = Refusal::new(
                    Code::CursorExpired,
                    "the cursor is older than the log; go on from the oldest, and read afresh what you keep",
                )
                .field("cursor");
                refusal.oldest = Some(oldest.to_string());
                refusal.into()
            }
            EventsError::Broken(cause) => Self::internal(cause),
        }
    }
}

impl From<FollowError> for Failure {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Refused(refusal) => refusal.into(),
            FollowError::Events(error) => error.into(),
        }
    }
}
