//! A worker's mail from other threads.
//!
//! Two queues behind one short lock. *Control* is never refused: each item answers something that the worker itself asked or
//! owns, so its own asking bounds it. The *feed* is what the world pushes: it holds 64 items and refuses when full, for the
//! worker can read the log from its position. The worker is woken only if it sleeps.

use std::collections::VecDeque;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

/// Items that the feed holds.
pub const FEED_MAX: usize = 64;

/// Whom the worker wants to be woken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sleep {
    Awake,
    /// It leaves the feed alone for a moment.
    ForControl,
    ForAll,
}

#[derive(Debug)]
struct Queues<M> {
    control: VecDeque<M>,
    feed: VecDeque<M>,
    sleep: Sleep,
    /// The worker has ended.
    closed: bool,
}

#[derive(Debug)]
struct Shared<M> {
    queues: Mutex<Queues<M>>,
    bell: OwnedFd,
}

impl<M> Shared<M> {
    fn lock(&self) -> MutexGuard<'_, Queues<M>> {
        // Nothing under the lock can panic half-way.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        // It can only be full of rings already.
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }
}

/// Why an item was not taken; it comes back.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused<M> {
    /// The feed is full.
    Full(M),
    /// The worker has ended.
    Ended(M),
}

impl<M> fmt::Display for Refused<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the worker's feed is full",
            Self::Ended(_) => "the worker has ended",
        })
    }
}

/// The sending end; any number of them.
#[derive(Debug)]
pub struct Sender<M>(Arc<Shared<M>>);

impl<M> Clone for Sender<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> Sender<M> {
    /// Control: refused only when the worker has ended.
    pub fn tell(&self, item: M) -> Result<(), Refused<M>> {
        let mut queues = self.0.lock();
        if queues.closed {
            return Err(Refused::Ended(item));
        }
        queues.control.push_back(item);
        let rings = queues.sleep != Sleep::Awake;
        self.wake(queues, rings);
        Ok(())
    }

    pub fn feed(&self, item: M) -> Result<(), Refused<M>> {
        let mut queues = self.0.lock();
        if queues.closed {
            return Err(Refused::Ended(item));
        }
        if queues.feed.len() >= FEED_MAX {
            return Err(Refused::Full(item));
        }
        queues.feed.push_back(item);
        let rings = queues.sleep == Sleep::ForAll;
        self.wake(queues, rings);
        Ok(())
    }

    fn wake(&self, mut queues: MutexGuard<'_, Queues<M>>, rings: bool) {
        if rings {
            queues.sleep = Sleep::Awake;
        }
        drop(queues);
        if rings {
            self.0.ring();
        }
    }
}

/// The worker's end.
#[derive(Debug)]
pub struct Mailbox<M>(Arc<Shared<M>>);

impl<M> Mailbox<M> {
    pub fn sender(&self) -> Sender<M> {
        Sender(Arc::clone(&self.0))
    }

    /// Becomes readable when somebody writes to a sleeping worker.
    pub(crate) fn bell(&self) -> BorrowedFd<'_> {
        self.0.bell.as_fd()
    }

    /// Everything of control, in order, into an empty queue.
    pub(crate) fn take_control(&self, into: &mut VecDeque<M>) {
        debug_assert!(into.is_empty(), "what was taken is dealt with");
        std::mem::swap(&mut self.0.lock().control, into);
    }

    pub(crate) fn take_feed(&self, into: &mut VecDeque<M>) {
        debug_assert!(into.is_empty(), "what was taken is dealt with");
        std::mem::swap(&mut self.0.lock().feed, into);
    }

    /// From now on the bell rings for the next item. False, and nothing changes, if one is there already. `leave_feed`: what is
    /// in the feed, and what comes there, may wait.
    pub(crate) fn sleep(&self, leave_feed: bool) -> bool {
        let mut queues = self.0.lock();
        let empty = queues.control.is_empty() && (leave_feed || queues.feed.is_empty());
        queues.sleep = match (empty, leave_feed) {
            (false, _) => Sleep::Awake,
            (true, true) => Sleep::ForControl,
            (true, false) => Sleep::ForAll,
        };
        empty
    }

    /// The worker is up: no rings are needed.
    pub(crate) fn wake(&self) {
        self.0.lock().sleep = Sleep::Awake;
    }

    /// Forgets the rings that were.
    pub(crate) fn hush(&self) {
        let mut rings = [0; 8];
        let _ = rustix::io::read(&self.0.bell, &mut rings);
    }
}

impl<M> Drop for Mailbox<M> {
    fn drop(&mut self) {
        let mut queues = self.0.lock();
        queues.closed = true;
        let left = (std::mem::take(&mut queues.control), std::mem::take(&mut queues.feed));
        drop(queues);
        drop(left);
    }
}

/// A worker's inbox, made before the worker so that others can hold its sending end.
pub fn inbox<M>() -> std::io::Result<(Sender<M>, Mailbox<M>)> {
    let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let queues = Mutex::new(Queues { control: VecDeque::new(), feed: VecDeque::new(), sleep: Sleep::Awake, closed: false });
    let shared = Arc::new(Shared { queues, bell });
    Ok((Sender(Arc::clone(&shared)), Mailbox(shared)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rings(mailbox: &Mailbox<u32>) -> u64 {
        let mut rings = [0; 8];
        rustix::io::read(mailbox.bell(), &mut rings).map_or(0, |_| u64::from_ne_bytes(rings))
    }

    #[test]
    fn the_feed_refuses_when_full_and_control_never_does() {
        let (sender, mailbox) = inbox().unwrap();
        for i in 0..FEED_MAX as u32 {
            sender.feed(i).unwrap();
        }
        assert_eq!(sender.feed(99), Err(Refused::Full(99)));
        for i in 0..1000 {
            sender.tell(i).unwrap();
        }
        let mut taken = VecDeque::new();
        mailbox.take_control(&mut taken);
        assert!(taken.iter().copied().eq(0..1000));
        taken.clear();
        mailbox.take_feed(&mut taken);
        assert!(taken.iter().copied().eq(0..FEED_MAX as u32));
        sender.feed(99).unwrap();
    }

    #[test]
    fn the_bell_rings_only_for_a_sleeper_and_once() {
        let (sender, mailbox) = inbox().unwrap();
        sender.tell(1).unwrap();
        assert_eq!(rings(&mailbox), 0);
        assert!(!mailbox.sleep(false), "there is mail");
        mailbox.take_control(&mut VecDeque::new());
        assert!(mailbox.sleep(false));
        sender.tell(2).unwrap();
        sender.feed(3).unwrap();
        assert_eq!(rings(&mailbox), 1);
    }

    #[test]
    fn the_feed_may_be_left_for_a_moment_but_control_wakes() {
        let (sender, mailbox) = inbox().unwrap();
        sender.feed(1).unwrap();
        assert!(!mailbox.sleep(false));
        assert!(mailbox.sleep(true));
        sender.feed(2).unwrap();
        assert_eq!(rings(&mailbox), 0);
        sender.tell(3).unwrap();
        assert_eq!(rings(&mailbox), 1);
    }

    #[test]
    fn mail_to_an_ended_worker_comes_back() {
        let (sender, mailbox) = inbox().unwrap();
        drop(mailbox);
        assert_eq!(sender.tell(1), Err(Refused::Ended(1)));
        assert_eq!(sender.feed(2), Err(Refused::Ended(2)));
    }
}
