//! A running door, and a client that sends exactly what it is told.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tidings_api::{Backend, Config, Executor, Metrics, StandingKey};
use tidings_json::Json;
use tidings_model::{
    Answer, AppNo, Attached, Dev, DeviceId, DirectProof, Fact, Limits, Position, Print, Proof, Proofs, Register, Report, Request, SocketId,
    State, Uid,
};
use tidings_store::{Lane, Owner, Store};
use tokio::runtime::{Builder, Runtime};

pub(crate) struct House {
    pub addr: SocketAddr,
    pub store: Store,
    backend: Option<Backend>,
    owner: Option<Owner>,
    runtime: Runtime,
    dir: TempDir,
}

impl House {
    pub(crate) fn open() -> Self {
        Self::open_in(tempfile::tempdir().unwrap(), Limits::default())
    }

    pub(crate) fn open_in(dir: TempDir, limits: Limits) -> Self {
        Self::open_as(dir, limits, None, |_| {})
    }

    pub(crate) fn open_standing(dir: TempDir, limits: Limits, standing: Option<StandingKey>) -> Self {
        Self::open_as(dir, limits, standing, |_| {})
    }

    /// On a listener that others can reach, which takes a key.
    pub(crate) fn open_to_others(standing: StandingKey) -> Self {
        let bind = |config: &mut Config| config.bind.set_ip(Ipv4Addr::UNSPECIFIED.into());
        Self::open_as(tempfile::tempdir().unwrap(), Limits::default(), Some(standing), bind)
    }

    /// `adjust` may change what the door is told.
    pub(crate) fn open_with(dir: TempDir, limits: Limits, adjust: impl FnOnce(&mut Config)) -> Self {
        Self::open_as(dir, limits, None, adjust)
    }

    fn open_as(dir: TempDir, limits: Limits, standing: Option<StandingKey>, adjust: impl FnOnce(&mut Config)) -> Self {
        let config = tidings_store::Config {
            dir: dir.path().join("data"),
            limits: limits.clone(),
            workers: 1,
            build: "test".to_owned(),
            accept_clock: false,
        };
        let (store, owner) = Store::open(config).unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut config = Config {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            legacy_ttl_s: 86_400,
            uid_events: false,
            demo: None,
            tls: None,
            metrics: Metrics::none(),
        };
        adjust(&mut config);
        let executor = Executor::new(store.clone(), limits, standing);
        let backend = runtime.block_on(async { Backend::start(&config, executor) }).unwrap();
        Self { addr: backend.addr(), store, backend: Some(backend), owner: Some(owner), runtime, dir }
    }

    /// Stops, and starts again on the same folder.
    pub(crate) fn reopen(mut self) -> Self {
        self.close();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        Self::open_in(dir, Limits::default())
    }

    pub(crate) fn drain(&self) {
        self.backend.as_ref().unwrap().drain();
    }

    /// Waits for the door's end.
    pub(crate) fn close_door(&mut self) {
        self.runtime.block_on(self.backend.take().unwrap().close());
    }

    pub(crate) fn close_store(&mut self) {
        self.owner.take().unwrap().close().unwrap();
    }

    pub(crate) fn close(&mut self) {
        self.close_door();
        self.close_store();
    }

    /// Asks the store as a device's worker does.
    pub(crate) fn ask(&self, request: Request) -> Answer {
        let (answered, answer) = sync_channel(1);
        let reply = Box::new(move |answer| answered.send(answer).unwrap());
        assert!(self.store.ask(Lane::Devices, request, reply).is_ok(), "the lane is full");
        answer.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    pub(crate) fn register(&self, uid: &str, socket: u64) -> Attached {
        self.attach(registration(uid, socket))
    }

    fn attach(&self, register: Register) -> Attached {
        match self.ask(Request::Register(register)) {
            Answer::Attached(attached) => attached,
            other => panic!("{other:?}"),
        }
    }

    /// A device with an id of its own.
    pub(crate) fn register_device(&self, uid: &str, device: &str, socket: u64) -> Attached {
        let device_id = Some(DeviceId::parse(device).unwrap());
        self.attach(Register { device_id, ..registration(uid, socket) })
    }

    /// What a worker says of a direct message that has arrived.
    pub(crate) fn prove(&self, dev: Dev, message: Position, proof: Proof) {
        let direct = vec![DirectProof { message, dev, state: State::Reached, proof, after_ms: 17 }];
        assert!(matches!(self.ask(Request::Prove(Proofs { cursors: vec![(dev, message)], direct })), Answer::Done));
    }

    /// A caller that has asked, and has not been answered.
    pub(crate) fn begin(&self, target: &str, lines: &[&str], body: &str) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(request("POST", target, lines, body).as_bytes()).unwrap();
        stream
    }

    /// The message that the log has at its end, once there is one behind `after`.
    pub(crate) fn message_behind(&self, after: Position) -> Position {
        loop {
            let upto = self.store.durable();
            let batch = self.store.read(after, upto, usize::MAX).unwrap();
            if let Some(entry) = batch.entries.iter().rfind(|entry| matches!(&*entry.fact, Fact::Published(_))) {
                return entry.at;
            }
            std::thread::yield_now();
        }
    }

    pub(crate) fn report(&self, of: &Attached, status: &str) {
        let report = Report {
            app: AppNo::DEFAULT,
            reg: Some(of.reg),
            dev: of.dev,
            id: None,
            inferred: None,
            written: of.at,
            status: Json::parse(status.as_bytes()).unwrap(),
        };
        assert!(matches!(self.ask(Request::Report(report)), Answer::Done));
    }

    pub(crate) fn call(&self, request: &str) -> Reply {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        Reply::read(&mut stream)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(70))).unwrap();
        stream
    }

    pub(crate) fn get(&self, target: &str, lines: &[&str]) -> Reply {
        self.call(&request("GET", target, lines, ""))
    }

    pub(crate) fn post(&self, target: &str, lines: &[&str], body: &str) -> Reply {
        self.call(&request("POST", target, lines, body))
    }

    pub(crate) fn patch(&self, target: &str, lines: &[&str], body: &str) -> Reply {
        self.call(&request("PATCH", target, lines, body))
    }

    pub(crate) fn delete(&self, target: &str, lines: &[&str]) -> Reply {
        self.call(&request("DELETE", target, lines, ""))
    }

    /// A new key, whole.
    pub(crate) fn key(&self, lines: &[&str], wish: Value) -> String {
        let reply = self.post("/v1/keys", lines, &wish.to_string());
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["key"].as_str().unwrap().to_owned()
    }

    pub(crate) fn message(&self, body: &str) -> Reply {
        self.post("/message", &["Accept: application/json"], body)
    }
}

pub(crate) fn bearer(key: &str) -> String {
    format!("Authorization: Bearer {key}")
}

fn registration(uid: &str, socket: u64) -> Register {
    let (app, addr) = (AppNo::DEFAULT, IpAddr::V4(Ipv4Addr::LOCALHOST));
    Register { app, uid: Uid::parse(uid).unwrap(), device_id: None, print: Print(1), addr, socket: SocketId(socket) }
}

/// A request with a Host, one that ends its connection.
pub(crate) fn request(method: &str, target: &str, lines: &[&str], body: &str) -> String {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    if method == "POST" || !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text + "\r\n" + body
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    /// To the end of the connection.
    pub(crate) fn read(stream: &mut TcpStream) -> Self {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap()[9..12].parse().unwrap();
        let headers =
            lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// The events of a page.
    pub(crate) fn lines(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{self:?}");
        self.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// An error that keeps every promise, with its code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        let error = self.json()["error"].clone();
        assert_eq!((self.status, error["code"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(error["request_id"].as_str(), self.header("tidings-request-id"));
        let keys: Vec<&str> = error.as_object().unwrap().keys().map(String::as_str).collect();
        let oldest = keys.contains(&"oldest");
        let promised = ["code", "message", "field", "retryable", "retry_after_ms", "limit", "actual", "oldest", "request_id"];
        let promised: Vec<&str> = promised.into_iter().filter(|key| *key != "oldest" || oldest).collect();
        assert_eq!(keys, promised);
        error
    }
}
