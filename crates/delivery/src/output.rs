//! What a roster wants done: bytes and ends for the shell, questions for the store.

use tidings_engineio::{Action, Moment};
use tidings_model::{AppNo, BroadcastQuery, Claim, MailboxQuery, Request, SocketId};

/// A question's return address: a session's slot, which of its tenants asked, and the Socket.IO ack that waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    pub slot: u32,
    pub tenant: u32,
    pub ack: Option<u64>,
}

impl Ticket {
    /// The roster itself: a batch of proofs.
    pub const ROSTER: Self = Self { slot: u32::MAX, tenant: 0, ack: None };
    /// Nobody waits for the answer.
    pub const NOBODY: Self = Self { slot: u32::MAX, tenant: 1, ack: None };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    Mailbox(MailboxQuery),
    Broadcasts(BroadcastQuery),
}

/// An event beyond the contract, as a device sent it; its arguments are raw JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The app that the device belongs to.
    pub app: AppNo,
    pub name: String,
    pub args: Vec<String>,
}

/// What a socket is told by whoever hears such events. Live only: nothing of it is kept, and a socket that does not read
/// goes without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saying {
    /// The answer to the event that asked for it; one JSON value.
    Ack(String),
    /// `args` are JSON values, separated by commas.
    Event { name: String, args: String },
}

#[derive(Debug)]
pub enum Output {
    Do(u32, Action),
    /// Call `handle_timeout` for this slot at that time at the latest.
    Wake(u32, Moment),
    Move(u32, u16),
    Gone(u32),
    /// For the verifier; the verdict comes back with the slot and the socket.
    Check(u32, SocketId, Box<Claim>),
    /// A socket that may have been heard has left its namespace, and stays connected.
    Left(u32),
    /// An event named in `Config::heard`. The ticket is the socket; its `ack` is what an answer goes to, if one is wanted.
    Heard(Ticket, Heard),
    /// For the writer; the answer comes back with the ticket. Order matters and nothing may be dropped.
    Ask(Ticket, Request),
    /// For a reader; the page comes back with the ticket.
    Read(Ticket, Query),
}
