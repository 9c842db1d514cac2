//! Webhooks: batches of events as signed POSTs, as Standard Webhooks has them.
//!
//! It knows one wire and what an answer means; cursors and schedules are its caller's. What a receiver's body says is not kept:
//! its status decides, and nobody reads the inside of a network through us.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use tidings_json::Object;
use tidings_model::{AppName, Event, Millis, SinkId, SinkSecret, Webhook as Conf};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{Carrier, Outcome};
use letter::Letter;
use reply::{Verdict, verdict};
use wire::Wire;

mod address;
mod allow;
mod letter;
mod reply;
mod secret;
mod target;
mod wire;

pub use allow::Allowed;
pub use secret::revealed;
pub use target::Target;

/// From the first byte of a connect to the head of an answer.
const WITHIN: Duration = Duration::from_secs(10);
/// For the rest of an answer, so that its connection can be used again; nobody waits for more.
const REST_WITHIN: Duration = Duration::from_secs(1);
/// Bytes of it.
const REST_MAX: u64 = 64 * 1024;

/// The type of an event that tells nothing.
const TRIAL: &str = "webhook.test";

/// What all webhooks share. A handle; cloning is cheap.
#[derive(Clone)]
pub struct Webhooks(Arc<Shared>);

struct Shared {
    allowed: Arc<Allowed>,
    wire: Wire,
}

impl Webhooks {
    pub fn new(allowed: Allowed) -> Self {
        let allowed = Arc::new(allowed);
        Self(Arc::new(Shared { wire: Wire::new(Arc::clone(&allowed)), allowed }))
    }

    pub fn allowed(&self) -> &Allowed {
        &self.0.allowed
    }

    /// The way to one receiver. `sink`: what it is known by, for ever. None: its URL is none, though it was checked once. Whether it may
    /// still be called is looked at with each call.
    pub fn to(&self, sink: &SinkId, webhook: &Conf) -> Option<Webhook> {
        let target = Target::read(&webhook.url).ok()?;
        Some(Webhook { shared: self.clone(), sink: sink.clone(), target, secrets: webhook.secrets.clone() })
    }
}

impl Default for Webhooks {
    /// To public addresses only.
    fn default() -> Self {
        Self::new(Allowed::default())
    }
}

/// One receiver.
pub struct Webhook {
    shared: Webhooks,
    sink: SinkId,
    target: Target,
    secrets: Vec<SinkSecret>,
}

/// What came of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// None: there was no answer.
    pub status: Option<u16>,
    pub took: Duration,
    /// None: it was taken.
    pub error: Option<String>,
}

impl Carrier for Webhook {
    async fn carry(&mut self, batch: &[Event]) -> Outcome {
        let Some(last) = batch.last() else { return later("there is nothing to carry".to_owned()) };
        let letter = Letter::of(self.sink.as_str(), batch);
        match self.post(&letter).await {
            Ok((_, Verdict::Taken)) => Outcome::Taken { upto: last.id },
            Ok((_, Verdict::Refused(why))) => Outcome::Refused { why },
            Ok((_, Verdict::Later { after, why })) => Outcome::Later { after, why },
            Err(error) => later(error.to_string()),
        }
    }
}

fn later(why: String) -> Outcome {
    Outcome::Later { after: None, why }
}

impl Webhook {
    /// Sends one event that tells nothing, of the type `webhook.test`. `nonce`: 64 random bits, so that its id is no other's.
    pub async fn test(&self, app: &AppName, nonce: u64) -> Tried {
        let id = format!("test_{nonce:016x}");
        let event = trial(&id, app, Millis(since_1970(now()).as_millis().try_into().unwrap_or(u64::MAX)));
        let began = Instant::now();
        let posted = self.post(&Letter::trial(&id, &event)).await;
        let took = began.elapsed();
        match posted {
            Ok((status, Verdict::Taken)) => Tried { status: Some(status.as_u16()), took, error: None },
            Ok((status, Verdict::Refused(why) | Verdict::Later { why, .. })) => {
                Tried { status: Some(status.as_u16()), took, error: Some(why) }
            }
            Err(error) => Tried { status: None, took, error: Some(error.to_string()) },
        }
    }

    async fn post(&self, letter: &Letter) -> Result<(StatusCode, Verdict), PostError> {
        // Again with each try: what may be reached can have changed since the URL was taken.
        self.target.check(self.shared.allowed()).map_err(PostError::Forbidden)?;
        let sending = self.shared.0.wire.send(self.request(letter, since_1970(now()).as_secs())?).map_err(PostError::Unready)?;
        let response = timeout_at(Instant::now() + WITHIN, sending).await;
        let response = response.map_err(|_| PostError::Late)?.map_err(|error| PostError::Broken(innermost(&error)))?;
        let (status, verdict) = (response.status(), verdict(response.status(), response.headers(), now()));
        drain(response).await;
        Ok((status, verdict))
    }

    fn request(&self, letter: &Letter, timestamp: u64) -> Result<Request<Full<Bytes>>, PostError> {
        Request::post(self.target.uri())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("Tidings/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &letter.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", letter.sign(&self.secrets, timestamp))
            .body(Full::new(letter.body.clone()))
            .map_err(|error| PostError::Broken(error.to_string()))
    }
}

/// The rest of an answer says nothing to us. What does not end soon ends with its connection.
async fn drain(response: Response<Incoming>) {
    if response.body().size_hint().lower() > REST_MAX {
        return;
    }
    let rest = Limited::new(response.into_body(), REST_MAX as usize).collect();
    // A body that breaks off, is long or slow changes nothing: its status was read.
    let _ = timeout(REST_WITHIN, rest).await;
}

fn trial(id: &str, app: &AppName, at: Millis) -> String {
    Object::new().text("id", id).text("type", TRIAL).text("app", app.as_str()).text("at", &at.rfc3339()).raw("data", "{}").finish()
}

/// Why there was no answer. The words name no path: it may be a secret.
#[derive(Debug)]
enum PostError {
    Forbidden(String),
    Unready(String),
    Broken(String),
    Late,
}

impl fmt::Display for PostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden(why) => write!(f, "its URL {why}"),
            Self::Unready(why) => f.write_str(why),
            Self::Broken(why) => write!(f, "could not be reached: {why}"),
            Self::Late => write!(f, "did not answer within {} s", WITHIN.as_secs()),
        }
    }
}

/// A client's error says little at its surface.
fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map_or_else(String::new, ToString::to_string)
}

#[expect(clippy::disallowed_methods, reason = "receivers judge a signature by the wall clock")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests;
