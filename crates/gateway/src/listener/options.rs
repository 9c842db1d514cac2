//! The socket options that every connection of a door has. Set on the listener, they are inherited at accept, which saves a
//! system call each for every connection. Two of them have no safe wrapper in our libraries.
#![expect(unsafe_code, reason = "TCP_NOTSENT_LOWAT and TCP_DEFER_ACCEPT are not in rustix: one setsockopt of an int each")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use rustix::net::sockopt;

/// Unsent bytes above which a socket is not writable: it keeps the kernel's share of a silent reader at 18 KiB, not 3.8 MiB.
const UNSENT_MAX: i32 = 16 * 1024;
/// Connections without a first byte stay in the kernel for this long.
const DEFER_SECONDS: i32 = 10;

/// `patience`: how long the peer may leave bytes unacknowledged.
pub(super) fn set(fd: BorrowedFd<'_>, patience: Duration) -> io::Result<()> {
    sockopt::set_tcp_nodelay(fd, true)?;
    sockopt::set_tcp_user_timeout(fd, u32::try_from(patience.as_millis()).unwrap_or(u32::MAX))?;
    set_int(fd, libc::TCP_NOTSENT_LOWAT, UNSENT_MAX)?;
    set_int(fd, libc::TCP_DEFER_ACCEPT, DEFER_SECONDS)
}

fn set_int(fd: BorrowedFd<'_>, option: i32, value: i32) -> io::Result<()> {
    let size = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the pointer is to an int that lives through the call, and `size` is its size.
    let done = unsafe { libc::setsockopt(fd.as_raw_fd(), libc::IPPROTO_TCP, option, (&raw const value).cast(), size) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
pub(super) fn int(fd: BorrowedFd<'_>, option: i32) -> i32 {
    let (mut value, mut size) = (0i32, size_of::<i32>() as libc::socklen_t);
    // SAFETY: both pointers are to locals that live through the call, and `size` is the first one's size.
    let done = unsafe { libc::getsockopt(fd.as_raw_fd(), libc::IPPROTO_TCP, option, (&raw mut value).cast(), &raw mut size) };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
    value
}
