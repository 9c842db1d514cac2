//! Server-sent events (the HTML standard, section 9.2): the outbox as it grows, for as long as its reader stays.
//!
//! Nothing waits in memory but the page that is being written: the next one is read once the socket has room.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use tidings_model::{AppNo, Scope};
use tidings_store::{EventPage, EventQuery};

use super::super::query::Query;
use super::super::{Face, caller};
use super::{cursor, types};
use crate::error::Failure;
use crate::executor::{Executor, Following, Knock, Needs};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A line at least so often, or a proxy takes the silence for an end; so often, too, the caller's key is looked at.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events read at once.
const PAGE: usize = 100;
/// How soon a browser comes back, in milliseconds.
const HELLO: &str = "retry: 2000\n\n";

pub(super) async fn open(face: &Face, app: AppNo, text: &str, headers: &HeaderMap) -> Result<Response, Failure> {
    let following = face.executor.follow(read(app, text, headers)?).await?;
    let reader = Reader { executor: face.executor.clone(), headers: headers.clone(), following, greeted: false };
    let body = Body::from_stream(unfold(reader, |mut reader| async move {
        let text = reader.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), reader))
    }));
    // nginx gathers an answer before it passes it on, unless it is told.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), "no");
    Ok(([(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache"), unbuffered], body).into_response())
}

/// A browser that comes back asks for the same address, and says in `Last-Event-ID` how far it came.
fn read(app: AppNo, text: &str, headers: &HeaderMap) -> Result<EventQuery, Failure> {
    let query = Query::read(text, &["cursor", "types"])?;
    let asked = query.text("cursor").map(|text| cursor("cursor", text)).transpose()?;
    let last = headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?")).filter(|last| !last.is_empty());
    let last = last.map(|text| cursor("Last-Event-ID", text)).transpose()?;
    let types = query.text("types").map(types).transpose()?;
    Ok(EventQuery { app: Some(app), sink: None, after: last.or(asked), types, limit: PAGE })
}

/// The one who is written to.
struct Reader {
    executor: Executor,
    /// As they came: what was shown may end while it is read.
    headers: HeaderMap,
    following: Following,
    greeted: bool,
}

impl Reader {
    /// What is written next. None: the end; who asks again is told why.
    async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Some(HELLO.to_owned());
        }
        let page = match self.following.next(HEARTBEAT).await {
            Ok(page) => page?,
            Err(error) => {
                tracing::warn!(?error, "a stream of events ended");
                return None;
            }
        };
        self.may_read().then(|| written(&page))
    }

    fn may_read(&self) -> bool {
        let shown = caller::Shown::read(&self.headers);
        let Ok(app) = caller::app(&self.headers) else { return false };
        self.executor.still(&Knock { credential: shown.credential(), needs: Needs::Scope(Scope::Read), app }).is_ok()
    }
}

/// The events; behind them, and alone where there were none, a comment and how far was looked.
fn written(page: &EventPage) -> String {
    let mut text = String::new();
    for event in &page.events {
        // A line of JSON ends with its own newline.
        text.push_str(&format!("id: {}\ndata: {}\n", event.id, tidings_outbox::line(event)));
    }
    if page.events.is_empty() {
        text.push_str(&format!(": nothing new\nid: {}\n\n", page.next));
    }
    text
}
