//! What a webhook calls: one thread that takes batches of events, counts them, and answers 200, or 503 while it is to be down.
//! It keeps the connection, looks at no signature, and serves one connection at a time, as one batch is under way at most.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::wire;

/// What each event of a batch begins with, and nothing within one.
const EVENT: &[u8] = br#"{"id":""#;
/// How often a silent connection looks whether the run is over.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) struct Receiver {
    pub addr: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    is_up: AtomicBool,
    is_over: AtomicBool,
    events: AtomicU64,
    batches: AtomicU64,
    bytes: AtomicU64,
    refused: AtomicU64,
}

/// What it has taken so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub events: u64,
    pub batches: u64,
    /// Of the batches' bodies.
    pub bytes: u64,
    /// Batches answered 503.
    pub refused: u64,
}

impl Receiver {
    /// Down at first.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (addr, state) = (listener.local_addr()?, Arc::new(State::default()));
        let theirs = state.clone();
        let thread = Builder::new().name("receiver".into()).spawn(move || theirs.serve(&listener))?;
        Ok(Self { addr, state, thread: Some(thread) })
    }

    pub(crate) fn set_up(&self, is_up: bool) {
        self.state.is_up.store(is_up, Ordering::Release);
    }

    pub(crate) fn taken(&self) -> Taken {
        let read = |count: &AtomicU64| count.load(Ordering::Acquire);
        let State { events, batches, bytes, refused, .. } = &*self.state;
        Taken { events: read(events), batches: read(batches), bytes: read(bytes), refused: read(refused) }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Release);
        // Wakes it where it waits for somebody to connect.
        drop(TcpStream::connect(self.addr));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl State {
    fn serve(&self, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.is_over.load(Ordering::Acquire) {
                return;
            }
            // A connection that breaks is the sender's affair: it comes again.
            let _ = stream.and_then(|stream| self.talk(stream));
        }
    }

    fn talk(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOOK))?;
        let (mut bytes, mut scratch) = (Vec::new(), vec![0; wire::BUFFER]);
        while !self.is_over.load(Ordering::Acquire) {
            match stream.read(&mut scratch) {
                Ok(0) => return Ok(()),
                Ok(len) => bytes.extend_from_slice(&scratch[..len]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => continue,
                Err(error) => return Err(error),
            }
            while let Some((head, end)) = request(&bytes)? {
                let answer = self.take(&bytes[head..end]);
                bytes.drain(..end);
                stream.write_all(answer)?;
            }
        }
        Ok(())
    }

    fn take(&self, body: &[u8]) -> &'static [u8] {
        if !self.is_up.load(Ordering::Acquire) {
            self.refused.fetch_add(1, Ordering::AcqRel);
            return b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        }
        self.events.fetch_add(events(body), Ordering::AcqRel);
        self.batches.fetch_add(1, Ordering::AcqRel);
        self.bytes.fetch_add(body.len() as u64, Ordering::AcqRel);
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    }
}

/// Where the first request's body begins and ends, once it is whole.
fn request(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(head) = wire::head_end(bytes) else { return Ok(None) };
    let text = bytes[..head].to_ascii_lowercase();
    let body = wire::between(&text, b"content-length: ", b'\r').and_then(wire::number);
    let end = head + body.ok_or_else(|| io::Error::other("a batch without a length"))?;
    Ok((bytes.len() >= end).then_some((head, end)))
}

fn events(body: &[u8]) -> u64 {
    let mut count = 0;
    let mut rest = body;
    while let Some(at) = rest.iter().position(|byte| *byte == b'{') {
        rest = &rest[at..];
        count += u64::from(rest.starts_with(EVENT));
        rest = &rest[1..];
    }
    count
}

#[cfg(test)]
mod tests;
