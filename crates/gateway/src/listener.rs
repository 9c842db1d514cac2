//! One listening socket, shared by all workers: each has it in its epoll, exclusively, so a connection wakes one of them.
//!
//! Not SO_REUSEPORT: that would let a second server start on the same port and take half of the devices.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, ipproto, sockopt};

mod options;

/// After a restart the whole fleet dials within a second or two.
const BACKLOG: i32 = 4096;

#[derive(Debug)]
pub(crate) struct Listener {
    fd: OwnedFd,
    addr: SocketAddr,
}

/// What became of an accept.
#[derive(Debug)]
pub(crate) enum Accepted {
    Connection(OwnedFd, IpAddr),
    /// Nobody waits.
    Nobody,
    /// No file descriptors or memory: pause.
    Starved,
    /// The listener was stopped.
    Stopped,
}

impl Listener {
    /// `patience`: see TCP_USER_TIMEOUT.
    pub(crate) fn bind(addr: SocketAddr, patience: Duration) -> io::Result<Self> {
        let family = if addr.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        // Connections of a server that just ended may not keep the port; another listener still does.
        sockopt::set_socket_reuseaddr(&fd, true)?;
        options::set(fd.as_fd(), patience)?;
        rustix::net::bind(&fd, &addr)?;
        rustix::net::listen(&fd, BACKLOG)?;
        let addr = rustix::net::getsockname(&fd)?.try_into()?;
        Ok(Self { fd, addr })
    }

    /// With the port that was really bound.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn accept(&self) -> Accepted {
        match rustix::net::acceptfrom_with(&self.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok((fd, peer)) => Accepted::Connection(fd, peer.and_then(ip).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))),
            Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS) => Accepted::Starved,
            Err(Errno::INVAL | Errno::BADF) => Accepted::Stopped,
            Err(_) => Accepted::Nobody,
        }
    }

    /// From now on connections are refused, whoever else still holds the socket.
    pub(crate) fn stop(&self) {
        let _ = rustix::net::shutdown(&self.fd, Shutdown::Both);
    }
}

fn ip(peer: rustix::net::SocketAddrAny) -> Option<IpAddr> {
    SocketAddr::try_from(peer).ok().map(|peer| peer.ip())
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn any() -> Listener {
        Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Duration::from_secs(45)).unwrap()
    }

    #[test]
    fn an_accepted_connection_has_every_option_of_its_listener() {
        let listener = any();
        let mut stream = TcpStream::connect(listener.addr()).unwrap();
        // This one is a property of the listener: there is no connection before the client's first byte.
        assert!(options::int(listener.as_fd(), libc::TCP_DEFER_ACCEPT) > 0);
        assert!(matches!(listener.accept(), Accepted::Nobody));
        std::io::Write::write_all(&mut stream, b"x").unwrap();
        let fd = loop {
            match listener.accept() {
                Accepted::Connection(fd, peer) => {
                    assert_eq!(peer, IpAddr::from([127, 0, 0, 1]));
                    break fd;
                }
                Accepted::Nobody => std::thread::yield_now(),
                other => panic!("{other:?}"),
            }
        };
        assert!(sockopt::tcp_nodelay(&fd).unwrap());
        assert_eq!(sockopt::tcp_user_timeout(&fd).unwrap(), 45_000);
        assert_eq!(options::int(fd.as_fd(), libc::TCP_NOTSENT_LOWAT), 16 * 1024);
        assert!(rustix::fs::fcntl_getfl(&fd).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
    }

    #[test]
    fn a_second_server_on_the_port_is_refused() {
        let first = any();
        let second = Listener::bind(first.addr(), Duration::from_secs(45));
        assert_eq!(second.map(|listener| listener.addr()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_stopped_listener_refuses_though_it_is_still_held() {
        let listener = any();
        listener.stop();
        assert!(TcpStream::connect(listener.addr()).is_err());
        assert!(matches!(listener.accept(), Accepted::Stopped));
    }
}
