//! Connections in: in small batches, so that a storm spreads over the workers; none beyond the limit; no spinning without
//! file descriptors.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rustix::event::epoll::{self, EventFlags};
use rustix::net::{RecvFlags, SendFlags};
use tracing::debug;

use super::conn::Conn;
use super::conns::Key;
use super::{LISTENERS, Letter, Worker};
use crate::Door;
use crate::crowd::Place;
use crate::http::{Page, Reply};
use crate::inbox::Sender;
use crate::listener::Accepted;
use crate::tls::Tls;

/// Accepts a turn. What is left wakes another worker, or this one again.
const BATCH: usize = 16;
/// What a worker may have more than another: a part of that, and these.
const SLACK_PART: u64 = 16;
const SLACK: u64 = 64;
/// The address has as many connections as it may.
struct Crowded;

/// Until accepting is tried again after starvation.
const PAUSE: Duration = Duration::from_millis(100);

impl<D: Door> Worker<D> {
    pub(super) fn listen(&self) -> std::io::Result<()> {
        for (listener, number) in self.parts.shared.listeners.iter().zip(LISTENERS..) {
            epoll::add(self.conns.epoll(), listener, Key::other(number).data(), EventFlags::IN | EventFlags::EXCLUSIVE)?;
        }
        Ok(())
    }

    pub(super) fn deafen(&self) {
        for listener in &self.parts.shared.listeners {
            // It may be out already.
            let _ = epoll::delete(self.conns.epoll(), listener);
        }
    }

    pub(super) fn accept(&mut self, listener: u32) {
        for _ in 0..BATCH {
            let Some(listener) = self.parts.shared.listeners.get(listener as usize) else { return };
            match listener.accept() {
                Accepted::Connection(fd, peer) => self.welcome(fd, peer),
                Accepted::Nobody => return,
                Accepted::Stopped => return self.deafen(),
                Accepted::Starved => {
                    debug!(worker = self.parts.number, "no file descriptors, accepting pauses");
                    self.numbers.pauses += 1;
                    self.deafen();
                    self.waits.accept_at = Some(self.turn.now + PAUSE);
                    return;
                }
            }
        }
    }

    fn welcome(&mut self, fd: OwnedFd, peer: IpAddr) {
        let shared = &self.parts.shared;
        self.numbers.accepted += 1;
        if shared.connections.fetch_add(1, Relaxed) >= shared.connections_max {
            shared.connections.fetch_sub(1, Relaxed);
            self.numbers.refused += 1;
            return self.turn_away(&fd);
        }
        let Ok(place) = self.place_for(peer) else {
            self.forget();
            self.numbers.refused += 1;
            return self.turn_away(&fd);
        };
        let tls = match &shared.certificate {
            None => None,
            Some(certificate) => match Tls::accept(certificate) {
                Some(tls) => Some(tls),
                None => return self.forget(),
            },
        };
        let conn = Conn::http(fd, tls, peer, place);
        if let Some(peer) = self.lighter_peer() {
            if peer.tell(Letter::Pass(Box::new(conn))).is_err() {
                self.forget();
            }
            return;
        }
        match self.conns.insert(conn) {
            Some(key) => self.conns.timers.set(key.index, self.turn.now + self.parts.shared.deadlines.head),
            None => self.forget(),
        }
    }

    /// Its place among the connections of its address, where these are counted.
    fn place_for(&self, peer: IpAddr) -> Result<Option<Box<Place>>, Crowded> {
        let shared = &self.parts.shared;
        let Some(crowd) = shared.crowd.as_ref().filter(|_| !shared.site.proxies.trusts(peer)) else { return Ok(None) };
        crowd.admit(peer).map(|place| Some(Box::new(place))).ok_or(Crowded)
    }

    /// The kernel likes to wake the same worker: one that has clearly more than another gives its newcomers away.
    fn lighter_peer(&self) -> Option<&Sender<Letter<D::Traveller>>> {
        let shared = &self.parts.shared;
        let (least, peer) = shared.gauges.iter().map(|gauge| gauge.connections()).zip(&shared.peers).min_by_key(|(count, _)| *count)?;
        (self.conns.len() as u64 > least + least / SLACK_PART + SLACK).then_some(peer)
    }

    /// One connection fewer.
    pub(super) fn forget(&self) {
        self.parts.shared.connections.fetch_sub(1, Relaxed);
    }

    /// Reads the request away first: a close with unread bytes is an RST, which may overtake the answer.
    /// Over TLS nothing can be said before a handshake, and that is what there is no room for.
    fn turn_away(&mut self, fd: &OwnedFd) {
        if self.parts.shared.certificate.is_some() {
            return;
        }
        let _ = rustix::net::recv(fd, self.buffers.read.as_mut_slice(), RecvFlags::empty());
        self.buffers.page.clear();
        Page::Status(503).render(&mut self.buffers.page, &Reply::closing(), &self.parts.shared.site.cors);
        let _ = rustix::net::send(fd, &self.buffers.page, SendFlags::NOSIGNAL);
    }
}
