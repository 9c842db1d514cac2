//! The HTTP face: routes and shapes that decide nothing.
//!
//! Every answer passes `answer::finish` (request id, the body of an error), every call the `guard` of its route first;
//! `routes` is the table of both.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use tidings_model::{Code, EventName, Target, Token};

use crate::calls::Tally;
use crate::error::Failure;
use crate::executor::{Executor, Needs};

mod accept;
mod accepted;
pub(crate) mod answer;
mod apps;
pub(crate) mod body;
mod caller;
mod calls;
pub(crate) mod demo;
mod device;
mod events;
mod fields;
mod guard;
mod health;
pub(crate) mod idempotency;
mod keyless;
mod keys;
mod message;
mod messages;
pub(crate) mod metrics;
mod path;
mod prefer;
mod query;
mod recall;
pub(crate) mod routes;
mod timeline;
mod topics;
pub(crate) mod users;
mod webhooks;
pub(crate) mod wish;

use guard::Gate;
pub use keyless::keyless_admits;
pub(crate) use message::Wish;

/// What the handlers call.
#[derive(Clone)]
pub(crate) struct Face {
    pub executor: Executor,
    /// The lifetime of what comes through `/message`.
    pub legacy_ttl_s: u32,
    /// Who reaches the listener is on this machine.
    pub is_local: bool,
    /// The demo page is served.
    pub demo: Option<demo::Demo>,
    pub metrics: metrics::Metrics,
    pub tally: Arc<Tally>,
    /// Direct messages travel under the uid, too.
    pub uid_events: bool,
}

impl Face {
    fn check_uids(&self, to: &'static str, target: &Target) -> Result<(), Failure> {
        if self.uid_events { check_uids(to, target) } else { Ok(()) }
    }
}

/// Where messages are named by the uid, it must be no name that clients keep for themselves. `to`: where the target stands.
pub(crate) fn check_uids(to: &'static str, target: &Target) -> Result<(), Failure> {
    let field = match target {
        Target::Uids(uids) if uids.iter().any(|uid| EventName::is_reserved(uid.as_str())) => "uid",
        Target::TokenOrUid(either) if Token::parse(either).is_err() && EventName::is_reserved(either) => "id",
        Target::All | Target::Uids(_) | Target::Tokens(_) | Target::TokenOrUid(_) | Target::Topic(_) => return Ok(()),
    };
    let field = if to.is_empty() { field } else { to };
    Err(Failure::invalid(field, "names a uid that is a reserved event name, and direct messages are named by the uid here"))
}

pub(crate) fn router(face: Face, ids: answer::RequestIds) -> Router {
    let tally = Arc::clone(&face.tally);
    let is_local = face.is_local;
    let gate = |needs| from_fn_with_state(Gate { executor: face.executor.clone(), needs, is_local }, guard::guard);
    let is_shown = |route: &&routes::Route| face.demo.is_some() || !route.is_demo();
    let mut router = Router::new();
    for route in routes::ROUTES.iter().filter(is_shown) {
        router = router.route(route.path, (route.serve)().route_layer(gate(route.needs)));
    }
    router
        .fallback(unknown_path.layer(gate(Needs::Key)))
        .method_not_allowed_fallback(wrong_method.layer(gate(Needs::Key)))
        .with_state(face)
        .layer(from_fn_with_state(ids, answer::finish))
        .layer(from_fn_with_state(tally, calls::count))
}

/// The one segment of a path that is a name.
type PathText = Result<Path<String>, PathRejection>;

/// The name as it is meant, without its percent signs. What is no text names nothing.
fn named(path: PathText, what: &'static str) -> Result<String, Failure> {
    path.map(|Path(text)| text).map_err(|_| Failure::new(Code::NotFound, format!("there is no such {what}")))
}

/// What there is, as a document.
pub(crate) async fn openapi() -> Response {
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
