//! What a roster wants done: bytes and ends for the shell, questions for the store.

use tidings_engineio::{Action, Moment};
use tidings_model::{BroadcastQuery, Claim, MailboxQuery, Request, SocketId};

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

#[derive(Debug)]
pub enum Output {
    Do(u32, Action),
    /// Call `handle_timeout` for this slot at that time at the latest.
    Wake(u32, Moment),
    Move(u32, u16),
    Gone(u32),
    /// For the verifier; the verdict comes back with the slot and the socket.
    Check(u32, SocketId, Box<Claim>),
    /// For the writer; the answer comes back with the ticket. Order matters and nothing may be dropped.
    Ask(Ticket, Request),
    /// For a reader; the page comes back with the ticket.
    Read(Ticket, Query),
}
