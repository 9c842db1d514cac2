//! The business server is asked itself: one POST for each claim.
//!
//! One thread with a runtime of its own, so many calls at once, so many claims waiting, and 5 s for each from the moment it was
//! made: what is beyond that is refused at once, as a device can come again and a queue would only grow older.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::TokioExecutor;
use tidings_model::{Claim, Code, Refusal};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::refusals::{MISSING, forbidden};
use crate::registrar::Reply;
use crate::verifier::is_bounded;

mod answer;
mod question;

/// From the claim to its verdict.
const WITHIN: Duration = Duration::from_secs(5);
/// Calls at once.
const CALLS_MAX: usize = 64;
/// Claims that wait for a call to end.
const WAITING_MAX: usize = 4096;
/// Bytes of an answer that are read.
const ANSWER_MAX: usize = 64 * 1024;

/// Where the business server is asked: http or https, without a user in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(Uri);

impl Target {
    /// Errors go on from the key's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|_| "is no URL, like https://example.com/tidings/register".to_owned())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("must begin with http:// or https://".to_owned());
        }
        if uri.authority().is_none_or(|authority| authority.as_str().contains('@') || authority.host().is_empty()) {
            return Err("must name a host, and no user before it".to_owned());
        }
        Ok(Self(uri))
    }
}

/// The path may be a secret: the host is what is said.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.host().unwrap_or("?"))
    }
}

struct Asked {
    claim: Claim,
    reply: Reply,
    by: Instant,
}

/// The thread that asks. Dropped, it ends what it is at.
pub(crate) struct Callback {
    claims: Sender<Asked>,
    /// Dropped: the thread ends, whatever waits.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Callback {
    /// Fails where the system refuses a thread, or has no certificates to trust though the target is https.
    pub(crate) fn start(target: &Target) -> io::Result<Self> {
        let caller = Arc::new(Caller { wire: Wire::to(target)?, target: target.clone(), fails: AtomicBool::new(false) });
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (claims, asked) = channel(WAITING_MAX);
        let (stop, stopped) = oneshot::channel();
        let run = move || runtime.block_on(call_all(caller, asked, stopped));
        let thread = thread::Builder::new().name("tidings-callback".to_owned()).spawn(run)?;
        Ok(Self { claims, stop: Some(stop), thread: Some(thread) })
    }

    pub(crate) fn ask(&self, claim: Claim, reply: Reply) {
        if let Err(refusal) = is_askable(&claim) {
            return reply(Err(refusal));
        }
        let asked = Asked { claim, reply, by: Instant::now() + WITHIN };
        if let Err(error) = self.claims.try_send(asked) {
            let refusal = Refusal::new(Code::Overloaded, "too many registrations wait for the business server, try again");
            (error.into_inner().reply)(Err(refusal));
        }
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been told of by its hook.
            let _ = thread.join();
        }
    }
}

fn is_askable(claim: &Claim) -> Result<(), Refusal> {
    is_bounded(claim)?;
    claim.credential.as_ref().map(|_| ()).ok_or_else(|| forbidden(MISSING))
}

/// Plain HTTP needs no certificates to trust.
enum Wire {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Wire {
    fn to(target: &Target) -> io::Result<Self> {
        let builder = Client::builder(TokioExecutor::new());
        if target.0.scheme_str() == Some("http") {
            return Ok(Self::Plain(builder.build_http()));
        }
        let roots = HttpsConnectorBuilder::new().with_provider_and_native_roots(rustls::crypto::ring::default_provider())?;
        let connector = roots.https_only().enable_http1().build();
        Ok(Self::Tls(builder.build(connector)))
    }

    fn send(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        match self {
            Self::Plain(client) => client.request(request),
            Self::Tls(client) => client.request(request),
        }
    }
}

struct Caller {
    wire: Wire,
    target: Target,
    /// The last call failed: a change is logged, not every claim of a storm.
    fails: AtomicBool,
}

/// Why there was neither a yes nor a no.
enum CallError {
    /// Nobody could be asked, or the answer broke off.
    Broken(String),
    Late,
}

/// Until it is stopped; what is under way then is dropped.
async fn call_all(caller: Arc<Caller>, mut asked: Receiver<Asked>, mut stopped: oneshot::Receiver<()>) {
    let mut calls = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            Some(_) = calls.join_next(), if !calls.is_empty() => {}
            next = asked.recv(), if calls.len() < CALLS_MAX => {
                let Some(asked) = next else { return };
                let caller = Arc::clone(&caller);
                calls.spawn(async move { caller.serve(asked).await });
            }
        }
    }
}

impl Caller {
    async fn serve(&self, asked: Asked) {
        let Asked { claim, reply, by } = asked;
        let verdict = match timeout_at(by, self.call(&claim)).await.unwrap_or(Err(CallError::Late)) {
            Ok((status, body)) => {
                self.note(if matches!(status, 200 | 403) { None } else { Some(format!("it answered {status}")) });
                answer::verdict(&claim, status, &body)
            }
            Err(CallError::Broken(why)) => {
                self.note(Some(why));
                Err(Refusal::new(Code::Overloaded, "the business server cannot be asked about this credential now, try again"))
            }
            Err(CallError::Late) => {
                self.note(Some("it did not answer in time".to_owned()));
                let message = format!("the business server did not answer within {} s, try again", WITHIN.as_secs());
                Err(Refusal::new(Code::Timeout, message))
            }
        };
        reply(verdict);
    }

    async fn call(&self, claim: &Claim) -> Result<(u16, Bytes), CallError> {
        let broken = |why: &dyn std::error::Error| CallError::Broken(innermost(why));
        let request = Request::post(self.target.0.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("tidings/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(Bytes::from(question::of(claim))))
            .map_err(|error| broken(&error))?;
        let response = self.wire.send(request).await.map_err(|error| broken(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
        let body = body.map_err(|error| CallError::Broken(innermost(&*error)))?;
        Ok((status, body.to_bytes()))
    }

    fn note(&self, failure: Option<String>) {
        let failed = self.fails.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(why) if !failed => warn!(host = ?self.target, why, "the business server cannot be asked who may register"),
            None if failed => info!(host = ?self.target, "the business server answers again"),
            Some(_) | None => {}
        }
    }
}

/// A client's error says little at its surface.
fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map_or_else(String::new, ToString::to_string)
}

#[cfg(test)]
mod tests;
