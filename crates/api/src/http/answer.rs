//! What every answer has: a request id, and in an error the body that says so.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tidings_model::Code;
use tracing::{debug, error};

use crate::error::{Failure, status};
use crate::executor::Allowance;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("tidings-request-id");

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATE_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Gives each request a name that no other request of any process is likely to have. Not a secret.
#[derive(Clone)]
pub(crate) struct RequestIds(Arc<Counter>);

/// The name of a request, for handlers that write errors themselves.
#[derive(Clone)]
pub(crate) struct RequestId(pub Arc<str>);

struct Counter {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        let process = RandomState::new().build_hasher().finish();
        Self(Arc::new(Counter { process, next: AtomicU64::new(1) }))
    }

    pub(crate) fn next(&self) -> String {
        format!("{:016x}-{:x}", self.0.process, self.0.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// A failure travels through the router as it is; [`finish`] writes it.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = code_of(&self).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

fn code_of(failure: &Failure) -> StatusCode {
    StatusCode::from_u16(status(failure.code())).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The outermost layer.
pub(crate) async fn finish(State(ids): State<RequestIds>, mut request: Request, next: Next) -> Response {
    let id = ids.next();
    request.extensions_mut().insert(RequestId(id.as_str().into()));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        write_failure(&mut response, &failure, &id);
    }
    debug!(request_id = id, %method, path, status = response.status().as_u16(), "request answered");
    set(&mut response, REQUEST_ID, &id);
    response
}

fn write_failure(response: &mut Response, failure: &Failure, id: &str) {
    if failure.code() == Code::Internal {
        error!(request_id = id, cause = failure.cause(), "a request broke");
    }
    *response.body_mut() = Body::from(failure.body(id));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    if response.status() == StatusCode::UNAUTHORIZED {
        // Not Basic: a browser would ask for it, and show it to every page that calls.
        set(response, header::WWW_AUTHENTICATE, "Bearer");
    }
    if let Some(spent) = failure.spent() {
        // Written last, so it stands for the limit that refused.
        limited(response, spent);
    }
    if let Some(seconds) = failure.retry_after_s() {
        set(response, header::RETRY_AFTER, &seconds.to_string());
    }
}

/// `RateLimit-*`.
pub(crate) fn limited(response: &mut Response, allowance: Allowance) {
    set(response, RATE_LIMIT, &allowance.limit.to_string());
    set(response, RATE_REMAINING, &allowance.remaining.to_string());
    set(response, RATE_RESET, &allowance.reset_ms.div_ceil(1000).to_string());
}

/// Sets a header whose value is ours, hence always writable.
pub(crate) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// 200 with JSON.
pub(crate) fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
