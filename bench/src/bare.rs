//! The limits: one thread, one epoll, a prebuilt frame, one `send` per socket and message; with `--commit` one `write` and
//! one `fdatasync` per batch of waiting callers. No session, no timer, no buffer, no store beside that.
//!
//! It understands only what the generator sends, and is a server only so far that the same generator can measure it.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags};
use tidings_engineio::Message as _;
use tidings_engineio::websocket::{self, Message, Opcode, Reader};

use crate::wire;
