//! The HTTP face: routes and shapes that decide nothing.
//!
//! Every answer passes `answer::finish` (request id, the body of an error), every call `keyless::guard` first.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use tidings_model::{Code, EventName, Target, Token};

use crate::error::Failure;
use crate::executor::Executor;

mod accept;
mod accepted;
pub(crate) mod answer;
pub(crate) mod body;
mod caller;
pub(crate) mod calls;
pub(crate) mod demo;
mod device;
mod event;
mod events;
mod health;
mod idempotency;
mod keyless;
mod message;
mod messages;
pub(crate) mod metrics;
mod path;
mod prefer;
mod query;
mod time;
mod timeline;
pub(crate) mod users;
mod wish;

pub use keyless::keyless_admits;
pub(crate) use message::Wish;

/// What the handlers call.
#[derive(Clone)]
pub(crate) struct Face {
    pub executor: Executor,
    /// The lifetime of what comes through `/message`.
    pub legacy_ttl_s: u32,
    /// The demo page is served.
    pub demo: Option<demo::Demo>,
    pub metrics: metrics::Metrics,
    pub tally: Arc<calls::Tally>,
    /// Direct messages travel under the uid, too.
    pub uid_events: bool,
}

impl Face {
    /// A uid that names an event must be no name that clients keep for themselves. `to`: where the target stands.
    fn check_uids(&self, to: &'static str, target: &Target) -> Result<(), Failure> {
        let reserved = |text: &str| self.uid_events && EventName::is_reserved(text);
        let field = match target {
            Target::Uids(uids) if uids.iter().any(|uid| reserved(uid.as_str())) => "uid",
            Target::TokenOrUid(either) if Token::parse(either).is_err() && reserved(either) => "id",
            Target::All | Target::Uids(_) | Target::Tokens(_) | Target::TokenOrUid(_) => return Ok(()),
        };
        let field = if to.is_empty() { field } else { to };
        Err(Failure::invalid(field, "names a uid that is a reserved event name, and direct messages are named by the uid here"))
    }
}

pub(crate) fn router(face: Face, ids: answer::RequestIds) -> Router {
    let tally = Arc::clone(&face.tally);
    let demo = if face.demo.is_some() { demo::routes() } else { Router::new() };
    Router::new()
        .route("/message", post(message::post))
        .route("/v1/messages", post(messages::post))
        .route("/v1/messages:batch", post(messages::post_batch))
        .route("/v1/devices/{token}", get(device::get))
        .route("/v1/users/{uid}", get(users::get).post(users::post).delete(users::delete))
        .route("/v1/users/{uid}/timeline", get(timeline::get))
        .route("/v1/users:status", post(users::status))
        .route("/v1/events", get(events::get))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::get))
        .route("/openapi.json", get(openapi))
        .merge(demo)
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(face)
        .layer(from_fn(keyless::guard))
        .layer(from_fn_with_state(ids, answer::finish))
        .layer(from_fn_with_state(tally, calls::count))
}

/// What there is, as a document.
async fn openapi() -> Response {
    answer::json(crate::openapi::openapi().to_owned())
}

async fn unknown_path(request: Request) -> Failure {
    Failure::new(Code::NotFound, format!("there is nothing at {}", shown(request.uri().path())))
}

async fn wrong_method(request: Request) -> Failure {
    Failure::new(Code::MethodNotAllowed, format!("{} is not for {}; see Allow", request.method(), shown(request.uri().path())))
}

/// A path is told back only as far as it can be read.
fn shown(path: &str) -> &str {
    path.get(..100).unwrap_or(path)
}
