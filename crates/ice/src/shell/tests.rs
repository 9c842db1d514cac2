use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use super::*;
use crate::encoding::Encapsulation;
use crate::header::{CLOSE, LEN, VALIDATE};
use crate::limits::Limits;
use crate::proxy::Address;
use crate::reply::Reply;
use crate::request::{Context, Mode};

/// Answers `echo` with its parameters; `wait` once it may.
#[derive(Default)]
struct Servant {
    begun: Notify,
    may_end: Notify,
    ended: AtomicU32,
}

impl Dispatch for Servant {
    async fn dispatch(&self, request: Request, _peer: SocketAddr) -> Answer {
        match request.operation.as_str() {
            "echo" => Answer::Ok(request.params.body),
            "wait" => {
                self.begun.notify_one();
                self.may_end.notified().await;
                self.ended.fetch_add(1, Ordering::Relaxed);
                Answer::Ok(Bytes::new())
            }
            "panic" => panic!("asked to"),
            _ => Answer::OperationNotExist,
        }
    }
}

/// A server of ours, stopped by `stop`, and over when `tasks` is empty.
struct Ours {
    servant: Arc<Servant>,
    port: u16,
    stop: oneshot::Sender<()>,
    tasks: JoinSet<()>,
}

impl Ours {
    async fn start(settings: ServerSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (stop, stopped) = oneshot::channel::<()>();
        let servant = Arc::new(Servant::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, Arc::clone(&servant), settings, async move { stopped.await.unwrap_or_default() }));
        Self { servant, port, stop, tasks }
    }

    async fn stop(mut self) {
        self.stop.send(()).expect("it serves");
        while self.tasks.join_next().await.is_some() {}
    }

    async fn raw(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.expect("a connection")
    }
}

fn address(port: u16) -> Address {
    format!("push:tcp -p {port}").parse().expect("an address")
}

fn client(port: u16) -> Client {
    Client::new(address(port), ClientSettings::default())
}

async fn invoke(proxy: &Proxy, operation: &str, mode: Mode) -> Result<Outcome, InvokeError> {
    proxy.invoke(operation, mode, &Context::new(), Bytes::from_static(b"\x02hi")).await
}

/// A peer whose every word is the test's.
struct Fake {
    listener: TcpListener,
    port: u16,
}

impl Fake {
    async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        Self { listener, port }
    }

    async fn accept(&self) -> TcpStream {
        let (mut stream, _) = self.listener.accept().await.expect("a connection");
        stream.write_all(&VALIDATE).await.expect("written");
        stream
    }
}

/// One message.
async fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut message = vec![0; LEN];
    stream.read_exact(&mut message).await.expect("a head");
    let size = i32::from_le_bytes(message[10..14].try_into().expect("four bytes"));
    message.resize(usize::try_from(size).expect("a size"), 0);
    stream.read_exact(&mut message[LEN..]).await.expect("a body");
    message
}

async fn answer(stream: &mut TcpStream, request: &[u8]) {
    let id = i32::from_le_bytes(request[14..18].try_into().expect("four bytes"));
    stream.write_all(&Reply::Ok(Encapsulation::default()).message(id)).await.expect("written");
}

#[tokio::test]
async fn calls_go_over_and_come_back() {
    let server = Ours::start(ServerSettings::default()).await;
    let client = client(server.port);
    let proxy = client.proxy();
    assert_eq!(invoke(&proxy, "echo", Mode::Normal).await, Ok(Encapsulation::v1_1(&b"\x02hi"[..])));
    assert_eq!(invoke(&proxy, "nothing", Mode::Normal).await, Err(InvokeError::OperationNotExist));
    assert!(matches!(invoke(&proxy, "panic", Mode::Normal).await, Err(InvokeError::Remote { status: 7, .. })));
    assert_eq!(proxy.connection(), 1);
    client.close().await;
    let closed = InvokeError::NotExecuted(NotExecuted::ClientClosed);
    assert_eq!(invoke(&proxy, "echo", Mode::Normal).await, Err(closed));
    server.stop().await;
}

#[tokio::test]
async fn what_runs_at_the_shutdown_is_answered() {
    let server = Ours::start(ServerSettings::default()).await;
    let (client, servant) = (client(server.port), Arc::clone(&server.servant));
    let proxy = client.proxy();
    let (call, ()) = tokio::join!(invoke(&proxy, "wait", Mode::Normal), async {
        servant.begun.notified().await;
        tokio::join!(server.stop(), async { servant.may_end.notify_one() });
    });
    assert_eq!(call, Ok(Encapsulation::default()));
    client.close().await;
}

#[tokio::test]
async fn a_client_that_is_closed_lets_its_call_end() {
    let server = Ours::start(ServerSettings::default()).await;
    let (client, servant) = (client(server.port), Arc::clone(&server.servant));
    let proxy = client.proxy();
    let (call, ()) = tokio::join!(invoke(&proxy, "wait", Mode::Normal), async {
        servant.begun.notified().await;
        tokio::join!(client.close(), async { servant.may_end.notify_one() });
    });
    assert_eq!(call, Ok(Encapsulation::default()));
    server.stop().await;
}

#[tokio::test]
async fn a_dispatch_outlives_its_connection() {
    let server = Ours::start(ServerSettings::default()).await;
    let servant = Arc::clone(&server.servant);
    let mut peer = server.raw().await;
    peer.write_all(&Request { operation: "wait".to_owned(), ..Request::default() }.message(1)).await.expect("written");
    servant.begun.notified().await;
    drop(peer);
    servant.may_end.notify_one();
    server.stop().await;
    assert_eq!(servant.ended.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_a_graceful_close_left_is_repeated_whatever_it_does() {
    let fake = Fake::bind().await;
    let client = client(fake.port);
    let proxy = client.proxy();
    let (call, ()) = tokio::join!(invoke(&proxy, "send", Mode::Normal), async {
        let mut first = fake.accept().await;
        read(&mut first).await;
        first.write_all(&CLOSE).await.expect("written");
        let mut second = fake.accept().await;
        let request = read(&mut second).await;
        answer(&mut second, &request).await;
    });
    assert_eq!((call, proxy.connection()), (Ok(Encapsulation::default()), 2));
}

#[tokio::test]
async fn what_was_lost_is_repeated_only_where_it_may_run_twice() {
    let fake = Fake::bind().await;
    let client = client(fake.port);
    let proxy = client.proxy();
    let cut = async { drop(read(&mut fake.accept().await).await) };
    let (call, ()) = tokio::join!(invoke(&proxy, "send", Mode::Normal), cut);
    assert_eq!(call, Err(InvokeError::Lost));
    assert_eq!(call.map_err(|error| error.execution()), Err(Execution::Maybe));

    let (call, ()) = tokio::join!(invoke(&proxy, "events", Mode::Idempotent), async {
        drop(read(&mut fake.accept().await).await);
        let mut second = fake.accept().await;
        let request = read(&mut second).await;
        answer(&mut second, &request).await;
    });
    assert_eq!((call, proxy.connection()), (Ok(Encapsulation::default()), 3));
}

#[tokio::test]
async fn a_call_that_nobody_answers_times_out_and_is_not_repeated() {
    let fake = Fake::bind().await;
    let settings = ClientSettings { call: Duration::from_millis(300), ..ClientSettings::default() };
    let client = Client::new(address(fake.port), settings);
    let proxy = client.proxy();
    let (call, mut stream) = tokio::join!(invoke(&proxy, "events", Mode::Idempotent), async {
        let mut stream = fake.accept().await;
        read(&mut stream).await;
        stream
    });
    assert_eq!(call, Err(InvokeError::Timeout));
    // The connection lives, and the next message on it is the next call.
    let (call, ()) = tokio::join!(invoke(&proxy, "registered", Mode::Idempotent), async {
        let request = read(&mut stream).await;
        assert!(request.windows(10).any(|text| text == b"registered"));
        answer(&mut stream, &request).await;
    });
    assert_eq!((call, proxy.connection()), (Ok(Encapsulation::default()), 1));
}

#[tokio::test]
async fn nobody_there_is_certainly_not_executed() {
    let fake = Fake::bind().await;
    let port = fake.port;
    drop(fake);
    let client = client(port);
    let error = invoke(&client.proxy(), "send", Mode::Normal).await.expect_err("nobody listens");
    assert!(matches!(&error, InvokeError::NotExecuted(NotExecuted::Dial(dial)) if dial.endpoint.port == port), "{error}");
    assert_eq!(error.execution(), Execution::Never);
}

#[tokio::test]
async fn what_does_not_speak_ice_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let client = client(listener.local_addr().expect("an address").port());
    let proxy = client.proxy();
    let (call, ()) = tokio::join!(invoke(&proxy, "send", Mode::Normal), async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("written");
    });
    assert!(call.expect_err("it is HTTP").to_string().ends_with("not the Ice protocol 1.0"));
}

#[tokio::test]
async fn a_peer_that_drops_who_is_silent_hears_our_heartbeats() {
    let fake = Fake::bind().await;
    let limits = Limits { heartbeat: Duration::from_millis(20), ..Limits::client() };
    let client = Client::new(address(fake.port), ClientSettings { limits, ..ClientSettings::default() });
    let proxy = client.proxy();
    let ((), call) = tokio::join!(
        async {
            let mut stream = fake.accept().await;
            let request = read(&mut stream).await;
            for _ in 0..3 {
                assert_eq!(read(&mut stream).await, VALIDATE);
            }
            answer(&mut stream, &request).await;
        },
        invoke(&proxy, "events", Mode::Idempotent)
    );
    assert_eq!(call, Ok(Encapsulation::default()));
}

#[tokio::test]
async fn one_connection_too_many_is_closed_as_it_comes() {
    let server = Ours::start(ServerSettings { connections: 1, ..ServerSettings::default() }).await;
    let mut first = server.raw().await;
    assert_eq!(read(&mut first).await, VALIDATE);
    let mut byte = [0];
    assert_eq!(server.raw().await.read(&mut byte).await.ok(), Some(0));
    first.write_all(&Request { operation: "echo".to_owned(), ..Request::default() }.message(1)).await.expect("written");
    assert_eq!(read(&mut first).await[8], 2);
    drop(first);
    server.stop().await;
}

#[tokio::test]
async fn a_message_that_would_fill_the_memory_of_all_costs_its_connection() {
    let server = Ours::start(ServerSettings { buffered: 50_000, ..ServerSettings::default() }).await;
    let mut hoarder = server.raw().await;
    read(&mut hoarder).await;
    let params = Encapsulation::v1_1(vec![0; 100_000]);
    let message = Request { operation: "echo".to_owned(), params, ..Request::default() }.message(1);
    // It may be closed while it writes.
    drop(hoarder.write_all(&message).await);
    let mut byte = [0];
    assert!(matches!(hoarder.read(&mut byte).await, Ok(0) | Err(_)));
    let client = client(server.port);
    assert_eq!(invoke(&client.proxy(), "echo", Mode::Normal).await, Ok(Encapsulation::v1_1(&b"\x02hi"[..])));
    client.close().await;
    server.stop().await;
}
