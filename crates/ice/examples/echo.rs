//! A `PushService` without a product behind it: it answers from its arguments, and tells a listener what it is asked to.
//! The interop tests' subject. `echo [--listener PROXY] [--cert PEM --key PEM [--client-ca PEM]] [--ca PEM]`, paths of files;
//! prints its port, and drains at SIGTERM.

#![expect(clippy::print_stdout, reason = "the port goes to whoever started it")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use tidings_ice::exception::{self, Written};
use tidings_ice::push::{
    self, Accepted, Attributes, Call, Done, Event, Extras, InvalidTarget, Kind, MessageStatus, Notice, PushError, Registration, Report,
    ServiceInfo,
};
use tidings_ice::shell::tls::{self, Pair};
use tidings_ice::shell::{Client, ClientSettings, Dispatch, InvokeError, NotExecuted, Proxy, ServerSettings, serve};
use tidings_ice::{Answer, Context, Encoding, Request};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

struct Echo {
    listener: Option<Proxy>,
    /// Sends and recalls that ran.
    ran: AtomicI32,
}

impl Dispatch for Echo {
    async fn dispatch(&self, request: Request, _peer: SocketAddr) -> Answer {
        if request.identity.name != push::SERVICE_IDENTITY || !request.identity.category.is_empty() {
            return Answer::ObjectNotExist;
        }
        if !request.facet.is_empty() {
            return Answer::FacetNotExist;
        }
        if let Some(answer) = push::builtin(&request, &push::SERVICE_TYPES) {
            return answer;
        }
        let encoding = request.params.encoding;
        match Call::decode(&request) {
            Ok(call) => self.call(call, &request.context, encoding).await,
            Err(no_call) => no_call.into(),
        }
    }
}

impl Echo {
    async fn call(&self, call: Call, context: &Context, encoding: Encoding) -> Answer {
        let done = match call {
            Call::Info => Ok(Done::Info(info())),
            Call::Broadcast { payload, extras } => Ok(Done::Accepted(accepted(&payload, extras, context))),
            Call::Send { uid, payload, extras } => match self.send(&uid, &payload, encoding).await {
                Ok(outcome) => Ok(Done::Accepted(Accepted { state: outcome, ..accepted(&payload, extras, context) })),
                Err(answer) => return answer,
            },
            Call::SendMany { uids, payload, extras } => Ok(named(uids, &payload, extras, context)),
            Call::SendTokens { tokens, payload, extras } => Ok(named(tokens, &payload, extras, context)),
            Call::SendTopic { topic, payload, extras } => Ok(named(vec![topic], &payload, extras, context)),
            Call::Status { id } => status(id),
            Call::Recall { .. } => {
                self.ran.fetch_add(1, Ordering::Relaxed);
                Ok(Done::Nothing)
            }
            Call::Online { uids } => Ok(Done::Online(uids.into_iter().filter(|uid| uid.starts_with("on")).collect())),
            Call::Disconnect { .. } => Ok(Done::Disconnected(self.ran.load(Ordering::Relaxed))),
        };
        done.map_or_else(|error| error.answer(encoding), |done| Answer::Ok(done.encode()))
    }

    /// What a uid asks for: `raise:<kind>`, `slow:<ms>`, `panic`, `large:<bytes>`, `notify:<operation>`; any other is counted.
    async fn send(&self, uid: &str, payload: &str, encoding: Encoding) -> Result<String, Answer> {
        self.ran.fetch_add(1, Ordering::Relaxed);
        match uid.split_once(':') {
            Some(("raise", kind)) => return Err(raised(kind, encoding)),
            Some(("slow", ms)) => tokio::time::sleep(Duration::from_millis(ms.parse().unwrap_or_default())).await,
            Some(("large", bytes)) => return Ok("x".repeat(bytes.parse().unwrap_or_default())),
            Some(("notify", operation)) => return Ok(self.notify(operation, payload).await),
            Some(_) | None => assert_ne!(uid, "panic", "asked to"),
        }
        Ok("accepted".to_owned())
    }

    async fn notify(&self, operation: &str, mark: &str) -> String {
        let Some(listener) = &self.listener else { return "no listener".to_owned() };
        let notice = notice(operation, mark);
        match listener.invoke(notice.operation(), Notice::MODE, &Context::new(), notice.encode()).await {
            Ok(result) => format!("ok {}", result.body.len()),
            Err(error) => told(&error),
        }
    }
}

fn told(error: &InvokeError) -> String {
    match error {
        InvokeError::User(exception) => match PushError::decode(exception) {
            Ok(raised) => format!("raised {} {:?} {}", raised.type_id, raised.error.kind, raised.error),
            Err(undecodable) => undecodable.to_string(),
        },
        InvokeError::NotExecuted(NotExecuted::Dial(error)) => format!("dial {error}"),
        InvokeError::Remote { status, .. } => format!("status {status}"),
        other => format!("{:?} {other}", other.execution()),
    }
}

fn info() -> ServiceInfo {
    ServiceInfo { api_version: push::API_VERSION, max_frame_bytes: 1 << 20, features: vec!["echo".to_owned()], ..ServiceInfo::default() }
}

fn accepted(payload: &str, extras: Extras, context: &Context) -> Accepted {
    let mut extra: Attributes = extras.options.unwrap_or_default();
    let texts = [("requestId", extras.request_id), ("collapseKey", extras.collapse_key), ("eventName", extras.event_name)];
    extra.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))));
    extra.extend(extras.ttl_seconds.map(|ttl| ("ttlSeconds".to_owned(), ttl.to_string())));
    extra.extend(context.iter().map(|(name, value)| (format!("context.{name}"), value.clone())));
    extra.insert("payload".to_owned(), payload.chars().take(64).collect());
    let devices = i32::try_from(payload.len()).unwrap_or(i32::MAX);
    Accepted { id: "m1".to_owned(), seq: "7".to_owned(), state: "accepted".to_owned(), devices, extra, ..Accepted::default() }
}

fn named(targets: Vec<String>, payload: &str, extras: Extras, context: &Context) -> Done {
    let invalid = targets.into_iter().map(|value| InvalidTarget { value, reason: "unknown_target".to_owned() }).collect();
    Done::Accepted(Accepted { invalid, ..accepted(payload, extras, context) })
}

fn status(id: String) -> Result<Done, Box<PushError>> {
    if id == "nope" {
        return Err(Box::new(error(Kind::NotFound { id })));
    }
    let counts = BTreeMap::from([("queued".to_owned(), 3), ("reached".to_owned(), 1)]);
    let created_ms = 1_767_225_600_000;
    Ok(Done::Status(MessageStatus { id, targets: 3, counts, waiting: 2, created_ms, ..MessageStatus::default() }))
}

fn error(kind: Kind) -> PushError {
    let extra = Some(BTreeMap::from([("limit".to_owned(), "4096".to_owned())]));
    PushError { kind, reason: "some_code".to_owned(), text: "some text".to_owned(), request_id: Some("q-1".to_owned()), extra }
}

fn raised(kind: &str, encoding: Encoding) -> Answer {
    let kind = match kind {
        "InvalidArgument" => Kind::InvalidArgument { field: "payload".to_owned() },
        "Unauthorized" => Kind::Unauthorized,
        "NotFound" => Kind::NotFound { id: "x".to_owned() },
        "TooLarge" => Kind::TooLarge { max_bytes: 4096, actual_bytes: 5120 },
        "Busy" => Kind::Busy { retry_after_ms: Some(1500) },
        "BusyUnset" => Kind::Busy { retry_after_ms: None },
        "Newer" => return newer(encoding),
        _ => Kind::Plain,
    };
    error(kind).answer(encoding)
}

/// A subtype that no client knows yet.
fn newer(encoding: Encoding) -> Answer {
    let newer = Written::new("::Push::Newer").member(&7).member(&"?".to_owned());
    let base = Written::new("::Push::PushError").member(&"newer".to_owned()).member(&"text".to_owned());
    Answer::User(exception::encode(vec![newer, base], encoding))
}

fn notice(operation: &str, mark: &str) -> Notice {
    let registration = Registration { event_id: "5-0".to_owned(), uid: mark.to_owned(), first: true, ..Registration::default() };
    let report = Report { event_id: "6-0".to_owned(), message_id: mark.to_owned(), at_ms: 9, ..Report::default() };
    let event = Event { event_id: "7-0".to_owned(), r#type: "device.online".to_owned(), payload: mark.to_owned(), ..Event::default() };
    match operation {
        "registered" => Notice::Registered(registration),
        "reported" => Notice::Reported(report),
        "registeredBatch" => Notice::RegisteredBatch(vec![registration.clone(), registration]),
        "reportedBatch" => Notice::ReportedBatch(vec![report.clone(), report]),
        _ => Notice::Events(vec![event.clone(), event]),
    }
}

/// The files named on the command line.
struct Files(BTreeMap<String, String>);

impl Files {
    fn given() -> Self {
        let words: Vec<String> = std::env::args().skip(1).collect();
        Self(words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
    }

    fn read(&self, option: &str) -> Fallible<Option<Vec<u8>>> {
        Ok(self.0.get(option).map(std::fs::read).transpose()?)
    }

    fn server(&self) -> Fallible<ServerSettings> {
        let (cert, key, ca) = (self.read("--cert")?, self.read("--key")?, self.read("--client-ca")?);
        let pair = cert.as_deref().zip(key.as_deref()).map(|(cert, key)| Pair { cert, key });
        let tls = pair.map(|pair| tls::server(pair, ca.as_deref())).transpose()?;
        Ok(ServerSettings { tls: tls.map(|tls| watch::channel(tls).1), ..ServerSettings::default() })
    }

    fn client(&self) -> Fallible<Option<Client>> {
        let (cert, key, ca) = (self.read("--cert")?, self.read("--key")?, self.read("--ca")?);
        let pair = cert.as_deref().zip(key.as_deref()).map(|(cert, key)| Pair { cert, key });
        let tls = ca.map(|ca| tls::client(&ca, pair)).transpose()?;
        let settings = ClientSettings { tls, call: Duration::from_secs(3), ..ClientSettings::default() };
        Ok(self.0.get("--listener").map(|text| text.parse()).transpose()?.map(|address| Client::new(address, settings)))
    }
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let files = Files::given();
    let client = files.client()?;
    let port = files.0.get("--port").map_or("0", String::as_str);
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("{}", listener.local_addr()?.port());
    let echo = Arc::new(Echo { listener: client.as_ref().map(Client::proxy), ran: AtomicI32::new(0) });
    let mut terminate = signal(SignalKind::terminate())?;
    serve(listener, Arc::clone(&echo), files.server()?, async move { terminate.recv().await.unwrap_or_default() }).await;
    if let Some(client) = client {
        client.close().await;
    }
    println!("drained {}", echo.ran.load(Ordering::Relaxed));
    Ok(())
}
