//! TLS on a door: what a connection's bytes pass through between the kernel and its worker.
//!
//! rustls does the protocol; this is its plumbing without an extra copy of our own, a task or a lock per connection. The
//! certificate may be changed while the door is open: connections that are open keep the one they began with.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, PoisonError, RwLock};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use rustls::{ServerConfig, ServerConnection};

/// What new connections are served with.
#[derive(Clone, Debug)]
pub struct Certificate(Arc<RwLock<Arc<ServerConfig>>>);

impl Certificate {
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }

    /// From the next connection on.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One connection's session with its peer.
#[derive(Debug)]
pub(crate) struct Tls(ServerConnection);

/// What rustls may hold of ours while the kernel takes nothing: one record's worth is given to it at a time.
const RECORD: usize = 16 * 1024;

impl Tls {
    /// None: the configuration is refused, which is found when it is loaded.
    pub(crate) fn accept(certificate: &Certificate) -> Option<Box<Self>> {
        ServerConnection::new(certificate.current()).ok().map(|session| Box::new(Self(session)))
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    /// Encrypted bytes wait for the kernel: it must be asked again when it takes more.
    pub(crate) fn is_blocked(&self) -> bool {
        self.0.wants_write()
    }

    /// Decrypted bytes, as `recv(2)` would give them: 0 at the peer's end, `AGAIN` when there are none.
    pub(crate) fn recv(&mut self, fd: &OwnedFd, into: &mut [u8]) -> Result<usize, Errno> {
        loop {
            match self.0.reader().read(into) {
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // An end without close_notify: an old client's, or an attacker's who cannot say more than that.
                Err(_) => return Ok(0),
            }
            if self.0.read_tls(&mut Raw(fd)).map_err(errno)? == 0 {
                // The session sees the end; what it still has is given first.
                return self.0.reader().read(into).or(Ok(0));
            }
            let processed = self.0.process_new_packets();
            // Its part of the handshake, or an alert that says why not.
            self.flush(fd)?;
            processed.map_err(|_| Errno::PROTO)?;
        }
    }

    /// Encrypts and sends; how many of `bytes` were taken. Taken bytes may still wait here: see `is_blocked`.
    pub(crate) fn send(&mut self, fd: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
        let mut taken = 0;
        self.flush(fd)?;
        while taken < bytes.len() && !self.is_blocked() {
            let record = &bytes[taken..bytes.len().min(taken + RECORD)];
            taken += self.0.writer().write(record).map_err(errno)?;
            self.flush(fd)?;
        }
        if taken == 0 && self.is_blocked() { Err(Errno::AGAIN) } else { Ok(taken) }
    }

    /// The last word before the FIN, as far as the kernel takes it.
    pub(crate) fn say_goodbye(&mut self, fd: &OwnedFd) {
        self.0.send_close_notify();
        // A peer that is gone needs no word.
        let _ = self.flush(fd);
    }

    /// Gives the kernel what it takes. Whether something is left is told by `is_blocked`.
    fn flush(&mut self, fd: &OwnedFd) -> Result<(), Errno> {
        while self.0.wants_write() {
            match self.0.write_tls(&mut Raw(fd)).map_err(errno) {
                Ok(_) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The socket as rustls wants it.
struct Raw<'a>(&'a OwnedFd);

impl Read for Raw<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(self.0, into, RecvFlags::empty()).map(|(len, _)| len)?)
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// INTR is retried like AGAIN, at the next event or turn.
fn errno(error: io::Error) -> Errno {
    match Errno::from_io_error(&error) {
        Some(Errno::INTR) | None if error.kind() == io::ErrorKind::WouldBlock => Errno::AGAIN,
        Some(errno) => errno,
        None => Errno::PROTO,
    }
}
