//! A connection between one phone and one worker: bytes on their way, and what the network does to them.

use std::collections::VecDeque;

use bytes::Bytes;
use tidings_engineio::{Response, Sid};
use tidings_model::Position;

/// On its way to the server.
#[derive(Clone, Debug)]
pub enum Up {
    /// A WebSocket text message (already a whole message).
    Text(&'static str),
    Owned(String),
    /// The answer to a WebSocket ping.
    Pong(Vec<u8>),
    /// A GET with the phone's number for it: `t`, or ours by `_n`.
    Get {
        stamp: Option<String>,
        number: Option<u32>,
    },
    Post(String),
    /// FIN or RST.
    End,
    /// The upgrade: a second connection asks, says `2probe`, says `5`.
    Probe,
    ProbeText(&'static str),
}

/// On its way to the phone.
#[derive(Clone, Debug)]
pub enum Down {
    /// Written at this moment (ms), by a worker that had dealt with the log so far.
    Bytes(Bytes, u64, Position),
    ProbeBytes(Bytes),
    Answer(Response),
    /// The answer to a POST: nothing to be learnt.
    Ok,
    /// The GET's connection died without an answer.
    Died,
    End,
}

#[derive(Debug)]
pub struct Wire {
    pub phone: usize,
    pub worker: usize,
    pub slot: u32,
    pub sid: Option<Sid>,
    pub up: VecDeque<Up>,
    pub down: VecDeque<Down>,
    /// Bytes that a reader who does not read leaves in the kernel.
    pub down_bytes: usize,
    pub blocked: bool,
    /// Neither side hears the other, and neither knows.
    pub half_open: bool,
    /// The server has forgotten it.
    pub server_gone: bool,
    /// The phone has forgotten it.
    pub phone_gone: bool,
    /// GETs that wait at the server, oldest first; false: its connection died, and the server has not noticed.
    pub gets: VecDeque<bool>,
}

/// What the kernel takes for a reader who does not read.
pub const WINDOW: usize = 1200;

impl Wire {
    pub fn new(phone: usize, worker: usize, slot: u32) -> Self {
        Self {
            phone,
            worker,
            slot,
            sid: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            down_bytes: 0,
            blocked: false,
            half_open: false,
            server_gone: false,
            phone_gone: false,
            gets: VecDeque::new(),
        }
    }

    pub fn is_dead(&self) -> bool {
        self.server_gone && self.phone_gone
    }
}
