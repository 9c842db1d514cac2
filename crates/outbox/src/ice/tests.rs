//! The carrier against listeners made of the Ice crate's own server, and against a peer whose every word is the test's.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Mutex;

use tidings_ice::push::{self, Kind, PushError};
use tidings_ice::shell::{Dispatch, ServerSettings, serve};
use tidings_ice::{Answer, Encoding, Request};
use tidings_model::{AppName, EventId, Millis, Position, Told, What, Who};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use super::*;

mod fallback;
mod trouble;

const EVENT_LISTENER: &[&str] = &["events"];
const PUSH_LISTENER: &[&str] = &["registered", "reported", "registeredBatch", "reportedBatch"];
const OLD_LISTENER: &[&str] = &["registered", "reported"];

/// An object with these operations.
#[derive(Default)]
struct Servant {
    has: Mutex<&'static [&'static str]>,
    /// What the next calls of what it has are answered; then Ok.
    answers: Mutex<VecDeque<Answer>>,
    /// The operations called, with the ids they told, and a "?" where it has none.
    heard: Mutex<Vec<String>>,
    contexts: Mutex<usize>,
    begun: Notify,
}

impl Dispatch for Servant {
    async fn dispatch(&self, request: Request, _peer: SocketAddr) -> Answer {
        *self.contexts.lock().unwrap() += request.context.len();
        if request.identity.name != push::LISTENER_IDENTITY {
            return Answer::ObjectNotExist;
        }
        if let Some(answer) = push::builtin(&request, &push::LISTENER_TYPES) {
            return answer;
        }
        if !self.has.lock().unwrap().contains(&request.operation.as_str()) {
            self.heard.lock().unwrap().push(format!("{}?", request.operation));
            return Answer::OperationNotExist;
        }
        match Notice::decode(&request) {
            Ok(notice) => self.hear(notice).await,
            Err(no_call) => no_call.into(),
        }
    }
}

impl Servant {
    async fn hear(&self, notice: Notice) -> Answer {
        self.heard.lock().unwrap().push(format!("{} {}", notice.operation(), told(&notice).join(" ")));
        self.begun.notify_one();
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(Answer::Internal(text)) if text == "never" => std::future::pending().await,
            answer => answer.unwrap_or_else(|| Answer::Ok(Bytes::new())),
        }
    }

    fn will(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

fn told(notice: &Notice) -> Vec<&str> {
    match notice {
        Notice::Registered(one) => vec![&one.event_id],
        Notice::Reported(one) => vec![&one.event_id],
        Notice::RegisteredBatch(all) => all.iter().map(|one| one.event_id.as_str()).collect(),
        Notice::ReportedBatch(all) => all.iter().map(|one| one.event_id.as_str()).collect(),
        Notice::Events(all) => all.iter().map(|one| one.event_id.as_str()).collect(),
    }
}

/// A business server.
struct Business {
    servant: Arc<Servant>,
    port: u16,
    stop: oneshot::Sender<()>,
    tasks: JoinSet<()>,
}

impl Business {
    async fn open(has: &'static [&'static str]) -> Self {
        Self::open_at(0, has).await
    }

    async fn open_at(port: u16, has: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel::<()>();
        let servant = Arc::new(Servant { has: Mutex::new(has), ..Servant::default() });
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, Arc::clone(&servant), ServerSettings::default(), async move { stopped.await.unwrap_or_default() }));
        Self { servant, port, stop, tasks }
    }

    fn carrier(&self) -> IceCarrier {
        IceCarrier::new(target(&format!("pushListener:tcp -p {}", self.port)))
    }

    /// Closes gracefully; the port is free again.
    async fn close(mut self) -> u16 {
        self.stop.send(()).unwrap();
        while self.tasks.join_next().await.is_some() {}
        self.port
    }
}

fn target(proxy: &str) -> Target {
    Target::new(proxy.parse().unwrap(), &Certificates::default()).unwrap()
}

fn id(n: u32) -> EventId {
    EventId { at: Position::new(0, 5), n }
}

/// One event a letter: `r` registered, `s` a status reported, `o` online.
fn batch(kinds: &str) -> Vec<Event> {
    let what = |kind| match kind {
        'r' => What::Registered { who: Who::default(), first: true },
        's' => What::Reported(Told::default()),
        _ => What::Online { who: Who::default() },
    };
    (0..).zip(kinds.chars()).map(|(n, kind)| Event { id: id(n), app: AppName::root(), at: Millis(1), what: what(kind) }).collect()
}

fn taken(n: u32) -> Outcome {
    Outcome::Taken { upto: id(n) }
}

fn raised(kind: Kind) -> Answer {
    PushError { kind, reason: "code".to_owned(), text: "text".to_owned(), ..PushError::default() }.answer(Encoding::V1_1)
}

fn failed() -> Answer {
    Answer::Internal("a traceback".to_owned())
}
