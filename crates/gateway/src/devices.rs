//! The devices' door: a house whose sessions are `delivery`'s, joined to the store.
//!
//! It carries questions to the store and answers back, and keeps a worker's place in the log: a skipped or late item is
//! read from the log first. It decides nothing about either.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use tidings_delivery::{
    Client as Peer, Config as Sessions, Counters, Found as Place, Output as Wish, Query, Registration, Roster, Traveller,
};
pub use tidings_delivery::{Heard, Saying, Ticket};
use tidings_engineio::{Input, Moment, Opening, Response, Sid};
use tidings_model::{Answer, Claim, Code, FeedItem, Millis, Page, Position, Refusal, Request, SocketId, Verdict};
use tidings_store::{Lane, PageReply, ReadError, Reply, Store};

use crate::metrics::{Gauge, Numbers};
use crate::{
    Client, Config, Document, Door, Found, Gateway, Mailbox, Output, Reception, Sender, Slot, StartError, Visit, Visitor, clock, inbox,
};

mod companion;

pub use companion::{Companion, Voice};

/// Bytes of the log that are read at once where the feed was skipped.
const CATCH_UP_BYTES: usize = 4 << 20;

/// What other threads tell a worker of this door.
pub enum Mail {
    Feed(FeedItem),
    Answer(Ticket, Answer),
    Page(Ticket, Result<Page, ReadError>),
    Verdict(u32, SocketId, Verdict),
    /// A companion's late word.
    Say(Ticket, Saying),
    /// A companion's late answer to a visit.
    Visited(Visitor, Document),
}

/// Takes a verdict back to the worker that asked for it.
pub type VerdictReply = Box<dyn FnOnce(Verdict) + Send>;

/// Who says whether a claim is good: at once or later, on whatever thread, but always.
pub type Verifier = Arc<dyn Fn(Claim, VerdictReply) + Send + Sync>;

/// One worker's devices.
pub struct Devices {
    worker: usize,
    roster: Roster,
    store: Store,
    /// None: registration is open.
    verifier: Option<Verifier>,
    mail: Sender<Mail>,
    /// Requests that the store's lane had no room for, in order.
    unsent: VecDeque<(Ticket, Request)>,
    now: Moment,
    companion: Option<Box<dyn Companion>>,
    /// Answers to visits.
    visited: VecDeque<(Visitor, Document)>,
    counters: Arc<std::sync::Mutex<Counters>>,
}

/// The open door of the devices.
pub struct DeviceDoor {
    gateway: Gateway<Traveller>,
    counters: Vec<Arc<std::sync::Mutex<Counters>>>,
}

/// Opens the door: `workers` threads, each with its roster, following the store's log from where it stands now.
/// `sessions` is what each roster is told; worker numbers are filled in. With a `verifier` nobody registers unchecked.
pub fn start(config: &Config, sessions: &Sessions, store: &Store, verifier: Option<&Verifier>) -> Result<DeviceDoor, StartError> {
    start_with(config, sessions, store, verifier, |_| None)
}

/// As `start`, with a companion for each worker: what hears the events in `sessions.heard` and answers visits.
pub fn start_with(
    config: &Config,
    sessions: &Sessions,
    store: &Store,
    verifier: Option<&Verifier>,
    companion: impl Fn(Voice) -> Option<Box<dyn Companion>>,
) -> Result<DeviceDoor, StartError> {
    let inboxes: Vec<(Sender<Mail>, Mailbox<Mail>)> =
        (0..sessions.workers).map(|_| inbox()).collect::<io::Result<_>>().map_err(StartError::System)?;
    let mut counters = Vec::new();
    let mut houses = Vec::new();
    for (worker, (sender, mailbox)) in inboxes.into_iter().enumerate() {
        let mut devices = Devices::new(worker, sessions, store, verifier, &sender);
        devices.companion = companion(Voice::new(sender.clone()));
        counters.push(Arc::clone(&devices.counters));
        store.follow(worker, Box::new(move |item| sender.feed(Mail::Feed(item)).is_ok()));
        houses.push((devices, mailbox));
    }
    Ok(DeviceDoor { gateway: Gateway::start(config, houses)?, counters })
}

/// The door's numbers, readable while it is open and after.
pub struct Watch {
    gauges: Vec<Arc<Gauge>>,
    counters: Vec<Arc<std::sync::Mutex<Counters>>>,
}

impl Watch {
    /// Summed over the workers, as of each one's last turn and last rest.
    pub fn read(&self) -> (Numbers, Counters) {
        let doors = self.gauges.iter().fold(Numbers::default(), |sum, gauge| sum + gauge.read());
        let counters = |each: &Arc<std::sync::Mutex<Counters>>| *each.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        (doors, self.counters.iter().map(counters).fold(Counters::default(), |sum, each| sum + each))
    }
}

impl DeviceDoor {
    pub fn watch(&self) -> Watch {
        Watch { gauges: self.gateway.gauges(), counters: self.counters.clone() }
    }

    pub fn gateway(&self) -> &Gateway<Traveller> {
        &self.gateway
    }

    pub fn into_gateway(self) -> Gateway<Traveller> {
        self.gateway
    }
}

impl Devices {
    fn new(worker: usize, sessions: &Sessions, store: &Store, verifier: Option<&Verifier>, mail: &Sender<Mail>) -> Self {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).expect("the system has random bits");
        let registration = if verifier.is_some() { Registration::Checked } else { Registration::Open };
        let config = Sessions { worker: worker as u16, seed: u64::from_le_bytes(seed), registration, ..sessions.clone() };
        let now = clock::now();
        let clock = Millis(store.now().0.saturating_sub(now.0));
        // The apps are as they are at that position, or later: the log says the rest again.
        let processed = store.durable();
        let roster = Roster::new(config, clock, processed, store.directory().without_keys());
        let counters = Arc::default();
        Self {
            worker,
            roster,
            store: store.clone(),
            verifier: verifier.cloned(),
            mail: mail.clone(),
            unsent: VecDeque::new(),
            now,
            companion: None,
            visited: VecDeque::new(),
            counters,
        }
    }

    /// Reads the log up to `upto`, as far as anything in it concerns this worker.
    fn catch_up(&mut self, now: Moment, upto: Position) {
        loop {
            let after = self.roster.processed();
            if after >= upto || self.store.upto(self.worker) <= after {
                return self.roster.advance(upto);
            }
            match self.store.read(after, upto, CATCH_UP_BYTES) {
                Ok(batch) if batch.upto > after => {
                    self.roster.facts(now, Arc::new(batch));
                    self.roster.finish(now);
                }
                Ok(_) => return,
                Err(error) => {
                    // The store stops the process for it; until then nothing is skipped.
                    return tracing::error!(%error, worker = self.worker, "the log cannot be read");
                }
            }
        }
    }

    fn feed(&mut self, now: Moment, item: FeedItem) {
        if item.prev > self.roster.processed() && !self.roster.has_more() {
            self.catch_up(now, item.prev);
        }
        self.roster.facts(now, item.batch);
    }

    fn answer(&mut self, now: Moment, ticket: Ticket, answer: Answer) {
        if let Answer::Attached(attached) = &answer {
            self.roster.finish(now);
            self.catch_up(now, attached.at);
        }
        self.roster.answer(now, ticket, answer);
    }

    fn page(&mut self, now: Moment, ticket: Ticket, page: Result<Page, ReadError>) {
        if let Err(error) = &page {
            tracing::warn!(%error, "a mailbox could not be read");
        }
        self.roster.page(now, ticket, page.as_ref().ok());
    }

    /// Order is kept: while something waits, everything waits, and a register is told so.
    fn ask(&mut self, ticket: Ticket, request: Request) {
        let refused = if self.unsent.is_empty() { self.send(ticket, request) } else { Some((ticket, request)) };
        let Some((ticket, request)) = refused else { return };
        if matches!(request, Request::Register(_) | Request::Report(_) | Request::Emit(_)) {
            let refusal = Refusal::new(Code::Overloaded, "the server is busy, try again");
            return self.roster.answer(self.now, ticket, Answer::Refused(refusal));
        }
        self.unsent.push_back((ticket, request));
    }

    /// Gives back what the lane had no room for.
    fn send(&mut self, ticket: Ticket, request: Request) -> Option<(Ticket, Request)> {
        let mail = self.mail.clone();
        let reply: Reply = Box::new(move |answer| {
            if ticket != Ticket::NOBODY {
                // A worker that has ended needs no answer.
                let _ = mail.tell(Mail::Answer(ticket, answer));
            }
        });
        self.store.ask(Lane::Devices, request, reply).err().map(|(request, _)| (ticket, request))
    }

    fn resend(&mut self) {
        while let Some((ticket, request)) = self.unsent.pop_front() {
            if let Some(refused) = self.send(ticket, request) {
                return self.unsent.push_front(refused);
            }
        }
    }

    fn check(&mut self, slot: u32, socket: SocketId, claim: Claim) {
        let Some(verifier) = &self.verifier else { return };
        let mail = self.mail.clone();
        verifier(claim, Box::new(move |verdict| drop(mail.tell(Mail::Verdict(slot, socket, verdict)))));
    }

    fn heard(&mut self, from: Ticket, heard: Heard) {
        let said = self.companion.as_mut().map(|companion| companion.hear(from, heard)).unwrap_or_default();
        self.say(said);
    }

    fn gone(&mut self, slot: u32) {
        let said = self.companion.as_mut().map(|companion| companion.gone(slot)).unwrap_or_default();
        self.say(said);
    }

    fn say(&mut self, said: Vec<(Ticket, Saying)>) {
        for (to, saying) in said {
            self.roster.say(self.now, to, &saying);
        }
    }

    fn read(&mut self, ticket: Ticket, query: Query) {
        let mail = self.mail.clone();
        let reply: PageReply = Box::new(move |page| {
            let _ = mail.tell(Mail::Page(ticket, page));
        });
        let refused = match query {
            Query::Mailbox(query) => self.store.mailbox(query, reply).is_err(),
            Query::Broadcasts(query) => self.store.broadcasts(query, reply).is_err(),
        };
        if refused {
            self.roster.page(self.now, ticket, None);
        }
    }
}

/// A house that is full of unsent requests looks again so soon.
const RESEND: std::time::Duration = std::time::Duration::from_millis(5);

impl Door for Devices {
    type Mail = Mail;
    type Traveller = Traveller;

    fn vacancy(&self) -> Slot {
        Slot(self.roster.vacancy())
    }

    fn open(&mut self, now: Moment, opening: Opening<'_>, client: Client<'_>) -> Result<(), Response> {
        self.now = now;
        let Client { addr, agent, proxied, trusted, place: _ } = client;
        self.roster.open(now, opening, Peer { addr, agent, proxied, trusted })
    }

    fn find(&self, sid: &Sid) -> Found {
        match self.roster.find(sid) {
            Place::Here(slot) => Found::Here(Slot(slot)),
            Place::Elsewhere(worker) => Found::Elsewhere { worker },
            Place::Unknown => Found::Unknown,
        }
    }

    fn input(&mut self, now: Moment, slot: Slot, input: Input<'_>) {
        self.now = now;
        self.roster.handle_input(now, slot.0, input);
    }

    fn timeout(&mut self, now: Moment, slot: Slot) {
        self.now = now;
        self.roster.handle_timeout(now, slot.0);
    }

    fn visit(&mut self, _: Moment, visitor: Visitor, visit: Visit<'_>) -> Reception {
        self.companion.as_mut().map_or(Reception::Unknown, |companion| companion.visit(visitor, visit))
    }

    fn mail(&mut self, now: Moment, mail: Mail) {
        self.now = now;
        match mail {
            Mail::Feed(item) => self.feed(now, item),
            Mail::Answer(ticket, answer) => self.answer(now, ticket, answer),
            Mail::Page(ticket, page) => self.page(now, ticket, page),
            Mail::Verdict(slot, socket, verdict) => self.roster.checked(now, slot, socket, verdict),
            Mail::Say(ticket, saying) => self.roster.say(now, ticket, &saying),
            Mail::Visited(visitor, document) => self.visited.push_back((visitor, document)),
        }
    }

    fn output(&mut self) -> Option<Output> {
        if let Some((visitor, document)) = self.visited.pop_front() {
            return Some(Output::Answer(visitor, document));
        }
        loop {
            match self.roster.poll_output(self.now)? {
                Wish::Do(slot, action) => return Some(Output::Do(Slot(slot), action)),
                Wish::Wake(slot, at) => return Some(Output::Wake(Slot(slot), at)),
                Wish::Move(slot, to) => return Some(Output::Move(Slot(slot), to)),
                Wish::Check(slot, socket, claim) => self.check(slot, socket, *claim),
                Wish::Gone(slot) => {
                    self.gone(slot);
                    return Some(Output::Gone(Slot(slot)));
                }
                Wish::Left(slot) => self.gone(slot),
                Wish::Heard(from, heard) => self.heard(from, heard),
                Wish::Ask(ticket, request) => self.ask(ticket, request),
                Wish::Read(ticket, query) => self.read(ticket, query),
            }
        }
    }

    fn has_more(&self) -> bool {
        self.roster.has_more()
    }

    fn rest(&mut self, now: Moment) -> Option<Moment> {
        self.now = now;
        // An empty inbox while the store is further: an item was skipped.
        let upto = self.store.upto(self.worker);
        if upto > self.roster.processed() && !self.roster.has_more() {
            self.catch_up(now, upto);
        }
        self.resend();
        let due = self.roster.rest(now);
        if let Ok(mut counters) = self.counters.try_lock() {
            *counters = self.roster.counters();
        }
        if self.unsent.is_empty() { due } else { Some(due.map_or(now + RESEND, |due| due.min(now + RESEND))) }
    }

    fn depart(&mut self, slot: Slot, to: u16) -> Traveller {
        self.roster.depart(slot.0, to).expect("the worker moves sessions that are here")
    }

    fn arrive(&mut self, now: Moment, traveller: Traveller) -> Slot {
        self.now = now;
        Slot(self.roster.arrive(now, traveller))
    }

    fn len(&self) -> usize {
        self.roster.len()
    }

    fn drain(&mut self, now: Moment) {
        self.now = now;
        self.roster.drain(now);
    }
}
