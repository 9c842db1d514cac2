//! Sockets without a runtime, and the bytes that both ends of every measurement share.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sockopt};

/// A device's handshake. 16 bytes in base64; a client that checks nothing needs no secret.
const KEY: &str = "dGlkaW5ncyBsaXN0ZW5zIQ==";
/// Nothing here sends more than this at once.
pub(crate) const BUFFER: usize = 64 << 10;
const BACKLOG: i32 = 4096;
/// One source address for so many sockets: a fuller one makes the kernel search long for a free port.
const SOCKETS_PER_SOURCE: usize = 1000;

fn socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, Some(ipproto::TCP))?)
}

/// The `number`th socket to `to`, from a loopback address that it shares with 999 others; connected once it is writable.
pub(crate) fn dial(to: SocketAddr, number: usize) -> io::Result<OwnedFd> {
    let fd = socket()?;
    sockopt::set_tcp_nodelay(&fd, true)?;
    let host = u8::try_from(2 + number / SOCKETS_PER_SOURCE).map_err(|_| io::Error::other("too many sockets for 127.0.0.0/24"))?;
    rustix::net::bind(&fd, &SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)))?;
    match rustix::net::connect(&fd, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(fd),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn listen() -> io::Result<(OwnedFd, SocketAddr)> {
    let fd = socket()?;
    sockopt::set_tcp_nodelay(&fd, true)?;
    rustix::net::bind(&fd, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    rustix::net::listen(&fd, BACKLOG)?;
    let addr = rustix::net::getsockname(&fd)?.try_into()?;
    Ok((fd, addr))
}

/// Whole or an error: nothing here may fill a socket's buffer.
pub(crate) fn send(fd: impl AsFd, bytes: &[u8]) -> io::Result<()> {
    match rustix::net::send(fd, bytes, SendFlags::NOSIGNAL)? {
        sent if sent == bytes.len() => Ok(()),
        sent => Err(io::Error::other(format!("{sent} of {} bytes sent: the socket is full", bytes.len()))),
    }
}

pub(crate) fn handshake(host: SocketAddr) -> Vec<u8> {
    format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\nUser-Agent: tidings-bench\r\n\r\n"
    )
    .into_bytes()
}

/// What the loop answers to [`handshake`].
pub(crate) fn upgraded() -> Vec<u8> {
    let accept = tidings_engineio::websocket::accept(KEY).expect("16 bytes in base64");
    format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
        .into_bytes()
}

/// Where a head's blank line ends.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// The bytes between the first `before` and the next `end`.
pub(crate) fn between<'a>(bytes: &'a [u8], before: &[u8], end: u8) -> Option<&'a [u8]> {
    let start = bytes.windows(before.len()).position(|window| window == before)? + before.len();
    let rest = bytes.get(start..)?;
    rest.iter().position(|byte| *byte == end).map(|len| &rest[..len])
}

pub(crate) fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
