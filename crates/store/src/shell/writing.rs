//! The writer's thread: requests in, batches to the committer, what landed to the notifier.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Receiver, Select, Sender, TryRecvError};
use tidings_model::{Answer, Code, Millis, Refusal};

use super::committer::Appended;
use super::{Asked, Disk, Outgoing, Shared, answers_only};
use crate::log::AppendError;
use crate::log::folder::Folder;
use crate::writer::{Flight, Gate, Writer};
use crate::{Health, ReadError, Reply};

/// What the thread listens to and speaks to.
pub(crate) struct Channels {
    pub lanes: [Receiver<Asked>; 2],
    pub flights: Sender<Flight>,
    pub landed: Receiver<Appended>,
    pub outgoing: Sender<Outgoing>,
    /// Its other end is dropped when the store closes.
    pub until: Receiver<()>,
}

pub(crate) struct Writing {
    shared: Arc<Shared>,
    writer: Writer<Disk, Reply>,
    channels: Channels,
    /// The lane that is taken from next.
    turn: usize,
    closing: bool,
    /// When free space was last asked for.
    looked: Option<Millis>,
}

/// Decisions between two looks at what has landed.
const STRIDE: usize = 64;
/// At most this long without a look at the disk.
const LOOK_MS: u64 = 1000;

const STOPPED: &str = "the store has stopped; nothing was stored";

/// Nothing more may be decided.
struct Stop;

impl Writing {
    pub(crate) fn new(shared: Arc<Shared>, writer: Writer<Disk, Reply>, channels: Channels) -> Self {
        Self { shared, writer, channels, turn: 0, closing: false, looked: None }
    }

    /// Until the store closes and everything is answered, or it stops itself.
    pub(crate) fn run(mut self) {
        while !self.is_done() {
            if self.round().is_err() {
                return self.refuse_until_closed();
            }
        }
        // Nothing comes any more: the lanes' other ends are shut. What slipped in is refused.
        self.refuse_waiting(Code::Draining, "the server is stopping");
    }

    fn is_done(&self) -> bool {
        let is_idle = !self.writer.is_flying() && (!self.writer.has_open() || self.writer.gate() != Gate::Open);
        self.closing && is_idle && self.channels.lanes.iter().all(Receiver::is_empty)
    }

    fn round(&mut self) -> Result<(), Stop> {
        self.wait();
        self.take_landed()?;
        self.take_requests()?;
        if self.has_room() {
            self.read(|writer, now| writer.timers(now))?;
        }
        // The next round's reads see at least what the views are about to say that they have.
        self.writer.beneath().state.rest();
        self.hand_over();
        self.gauge();
        self.send_ready();
        Ok(())
    }

    /// Until there is something to do.
    fn wait(&mut self) {
        let mut select = Select::new();
        select.recv(&self.channels.landed);
        if !self.closing {
            select.recv(&self.channels.until);
        }
        if !self.writer.is_full() {
            select.recv(&self.channels.lanes[0]);
            select.recv(&self.channels.lanes[1]);
        }
        let _ = select.ready_timeout(self.patience());
        self.closing = self.closing || self.channels.until.try_recv() == Err(TryRecvError::Disconnected);
    }

    fn patience(&self) -> Duration {
        if self.closing {
            return Duration::from_millis(1);
        }
        if self.writer.gate() != Gate::Open {
            return Duration::from_millis(100);
        }
        let now = self.shared.time.now();
        let due = self.writer.next_timer().map_or(LOOK_MS, |due| due.0.saturating_sub(now.0));
        Duration::from_millis(due.min(LOOK_MS))
    }

    fn take_landed(&mut self) -> Result<(), Stop> {
        while let Ok(result) = self.channels.landed.try_recv() {
            let stops = match &result {
                Err(error @ (AppendError::Fenced { .. } | AppendError::Unknown { goes_on: false, .. })) => Some(error.to_string()),
                Ok(_) | Err(AppendError::Full | AppendError::Unknown { goes_on: true, .. }) => None,
            };
            let landed = self.writer.land(result);
            // Whoever is answered `storage_unavailable` sees a read-only store.
            self.show_health();
            self.send(landed);
            if let Some(why) = stops {
                self.shared.stop(why);
                return Err(Stop);
            }
            self.hand_over();
        }
        Ok(())
    }

    fn take_requests(&mut self) -> Result<(), Stop> {
        let now = self.shared.time.now();
        let mut taken = 0;
        while !self.writer.is_full() {
            let Some((request, reply)) = self.next_request() else { return Ok(()) };
            self.read(|writer, _| writer.take(now, reply, &request))?;
            taken += 1;
            if taken % STRIDE == 0 {
                self.take_landed()?;
            }
        }
        Ok(())
    }

    /// From the lanes in turn, so that neither starves the other.
    fn next_request(&mut self) -> Option<Asked> {
        for _ in 0..2 {
            self.turn ^= 1;
            if let Ok(asked) = self.channels.lanes[self.turn].try_recv() {
                return Some(asked);
            }
        }
        None
    }

    /// An error beneath stops the store.
    fn read(&mut self, decide: impl FnOnce(&mut Writer<Disk, Reply>, Millis) -> Result<(), ReadError>) -> Result<(), Stop> {
        let now = self.shared.time.now();
        decide(&mut self.writer, now).map_err(|error| {
            self.shared.stop(format!("what was stored cannot be read: {error}"));
            Stop
        })
    }

    /// Whether facts may be appended: read-only before the disk is full, so that what is decided still fits.
    fn has_room(&mut self) -> bool {
        let now = self.shared.time.now();
        let is_open = self.writer.gate() == Gate::Open;
        if is_open && self.looked.is_some_and(|looked| now.0 < looked.0 + LOOK_MS) {
            return true;
        }
        self.looked = Some(now);
        let reserve = self.shared.limits.disk_reserve_bytes;
        let needed = if is_open { reserve } else { reserve + reserve / 4 };
        // A file system that cannot say is tried as it is.
        let free = Folder::free(&self.shared.dir).unwrap_or(u64::MAX);
        if is_open && free < needed {
            tracing::warn!(free, reserve, "less space is left than the reserve; nothing more is taken");
            let dropped = self.writer.close_gate();
            self.show_health();
            self.send(answers_only(dropped));
        }
        free >= needed
    }

    /// Takes note of what the views have seen, and shows how things stand.
    fn gauge(&mut self) {
        self.writer.merged(self.shared.progress.mark());
        let counts = &self.shared.counts;
        counts.refused.store(self.writer.refused(), Ordering::Relaxed);
        counts.sockets.store(self.writer.sockets(), Ordering::Relaxed);
        counts.undurable.store(self.writer.undurable(), Ordering::Release);
        self.show_health();
    }

    fn show_health(&self) {
        let health = match self.writer.gate() {
            Gate::Open => Health::Open,
            Gate::ReadOnly { since, .. } => Health::ReadOnly { since },
        };
        self.shared.set_health(health);
    }

    /// The batch leaves as soon as the log is free: the fsync is the window.
    fn hand_over(&mut self) {
        if let Some(flight) = self.writer.hand_over() {
            // One batch flies at a time, so the channel has room for it.
            let _ = self.channels.flights.send(flight);
        }
    }

    fn send_ready(&mut self) {
        let ready = self.writer.ready();
        if !ready.is_empty() {
            self.send(answers_only(ready));
        }
    }

    fn send(&self, outgoing: Outgoing) {
        // The notifier outlives this thread.
        let _ = self.channels.outgoing.send(outgoing);
    }

    /// The store has stopped: everybody is told so, until the owner closes it.
    fn refuse_until_closed(mut self) {
        let dropped = self.writer.close_gate();
        self.send(answers_only(dropped));
        self.send_ready();
        while !self.closing || self.writer.is_flying() {
            self.refuse_waiting(Code::StorageUnavailable, STOPPED);
            self.wait();
            if let Ok(result) = self.channels.landed.try_recv() {
                let landed = self.writer.land(result);
                self.send(landed);
            }
        }
        self.refuse_waiting(Code::StorageUnavailable, STOPPED);
    }

    fn refuse_waiting(&self, code: Code, why: &'static str) {
        let waiting = self.channels.lanes.iter().flat_map(Receiver::try_iter);
        let answers: Vec<_> = waiting.map(|(_, reply)| (reply, Answer::Refused(Refusal::new(code, why)))).collect();
        if !answers.is_empty() {
            self.send(answers_only(answers));
        }
    }
}
