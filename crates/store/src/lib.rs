//! Everything durable, and the one owner of SQLite: the log of facts, the writer that decides them, the views derived
//! from them, and the reads of both.
//!
//! It deliberately knows no socket, no wire and no JSON shape of a door. Requests, answers and facts are `model`'s words;
//! `Store` is the handle, `Owner` has the threads. `MemStore` is the same deciding over memory, one step at a time.

mod ask;
mod backup;
mod log;
mod memory;
mod open;
mod shell;
mod snapshot;
mod store;
mod views;
mod writer;

pub use ask::{
    Depth, EventPage, EventQuery, EventsError, Fate, Happened, Happening, Lane, Mailbox, Outcome, PageReply, ReadError, Registration,
    Reply, Shares, Standing, Timeline, TimelineQuery, TokenNames, UsersQuery, Whole, Whom,
};
pub use backup::{Backup, BackupError, backup, newest_time, restore};
pub use log::folder::holder;
pub use memory::{Appended, Fault, MemStore, Told};
pub use open::{CloseError, Config, FatalWatch, OpenError, Owner};
pub use store::{Counters, Health, Store};

#[cfg(test)]
mod tests;
