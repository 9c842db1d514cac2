//! Workers with real sockets on loopback, and a house that does what the clients say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "../client/socket.rs"]
mod socket;
#[path = "../client/web.rs"]
mod web;

mod house;
mod http;
mod leaks;
mod moves;
mod sockets;
mod stop;
mod visits;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tidings_gateway::{Config, Deadlines, Gateway, Sender, inbox};

use house::{Diary, House, Mail, Session};
use socket::{Frame, Socket};
use web::{Answer, Web};

const SOON: Duration = Duration::from_secs(5);

struct Server {
    gateway: Gateway<Session>,
    diary: Diary,
    senders: Vec<Sender<Mail>>,
}

impl Server {
    fn start(workers: u16) -> Self {
        Self::with(workers, |_| {})
    }

    fn with(workers: u16, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { bind: vec![SocketAddr::from(([127, 0, 0, 1], 0))], ..Config::default() };
        change(&mut config);
        let (diary, mut senders, mut houses) = (Diary::default(), Vec::new(), Vec::new());
        for worker in 0..workers {
            let (sender, mailbox) = inbox().unwrap();
            senders.push(sender);
            houses.push((House::new(worker, &diary), mailbox));
        }
        Self { gateway: Gateway::start(&config, houses).unwrap(), diary, senders }
    }

    fn web(&self) -> Web {
        Web::connect(self.gateway.addr()).unwrap()
    }

    /// A polling session's sid.
    fn session(&self) -> String {
        let mut web = self.web();
        web.get("").text()
    }

    fn socket(&self) -> Socket {
        let mut socket = self.socket_of("EIO=4&transport=websocket");
        assert_eq!(socket.text().len(), 24, "its sid");
        socket
    }

    fn socket_of(&self, query: &str) -> Socket {
        Socket::open(self.gateway.addr(), &format!("/socket.io/?{query}")).unwrap().unwrap_or_else(|answer| panic!("refused: {answer:?}"))
    }
}

/// Requests of a polling session; `""` is the handshake.
fn target(sid: &str) -> String {
    let sid = if sid.is_empty() { String::new() } else { format!("&sid={sid}") };
    format!("/socket.io/?EIO=4&transport=polling{sid}")
}

fn get(sid: &str) -> String {
    format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", target(sid))
}

fn post(sid: &str, body: &str) -> String {
    format!("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", target(sid), body.len())
}

impl Web {
    /// Nothing comes but the end.
    fn is_ended(&mut self) -> bool {
        self.read.is_empty() && matches!(self.more(), Err(error) if error.kind() != std::io::ErrorKind::WouldBlock)
    }

    fn get(&mut self, sid: &str) -> Answer {
        self.write(get(sid)).unwrap();
        self.answer().unwrap()
    }

    fn post(&mut self, sid: &str, body: &str) -> Answer {
        self.write(post(sid, body)).unwrap();
        self.answer().unwrap()
    }
}

impl Socket {
    fn text(&mut self) -> String {
        match self.next(SOON).unwrap() {
            Frame::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    /// It ends with FIN, whatever comes before.
    fn ends(&mut self) {
        loop {
            if let Err(error) = self.next(SOON) {
                assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
                return;
            }
        }
    }
}

/// What another thread is about to make true.
#[expect(clippy::disallowed_methods, reason = "a test's patience")]
fn eventually(mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < end, "it never comes true");
        std::thread::yield_now();
    }
}

fn short_deadlines(config: &mut Config) {
    let short = Duration::from_millis(150);
    config.deadlines = Deadlines { head: short, body: short, idle: short * 4, sending: short, linger: short };
}
