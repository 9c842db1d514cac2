//! Everything in one thread: workers, store, wires, phones. Each method is one small step; histories choose among them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use tidings_delivery::{Client, Config, Found, Output, Query, Registration, Roster, Ticket};
use tidings_engineio::{Action, Exchange, Form, Input, Link, Message, Moment, Opening, Revision, Sid, Transport};
use tidings_json::Json;
use tidings_model::{
    Answer, AppNo, Claim, Code, Content, Draft, Fact, FeedItem, Lifetime, Limits, Millis, Position, Recall, Refusal, RegNo, Request,
    SocketId, Subscribe, Subscribers, Target, TopicName, TopicNo, Uid,
};
use tidings_store::{Appended, Fault, MemStore};

use crate::dice::Dice;
use crate::model::{Doubt, Identity, Model, Seen, Sent};
use crate::phone::{Heard, Kind, Life};
use crate::wire::{Down, Up, WINDOW, Wire};

/// A worker's inbox takes so many feed items.
const INBOX: usize = 4;
/// A library that calls `disconnect()` is gone so much later at most.
const LEAVES_WITHIN: u64 = 17;

#[derive(Clone, Debug)]
enum Asked {
    Roster(usize, Ticket),
    Publish(usize),
    /// Something of a backend that only the sockets tell of.
    Backend,
}

pub struct Phone {
    pub kind: Kind,
    pub uid: usize,
    /// `?uid=` in its URL.
    pub in_query: bool,
    pub addr: IpAddr,
    pub life: Option<Life>,
    /// Another phone of the same model, user and address: the server cannot tell them apart.
    pub twin: bool,
    /// Does not read.
    pub stalled: bool,
    /// The app attaches its listener so long after `_register`.
    pub listens_after: u64,
}

pub struct World {
    pub now: Moment,
    pub dice: Dice,
    pub store: MemStore,
    pub rosters: Vec<Roster>,
    config: Config,
    wakes: Vec<BTreeMap<u32, Moment>>,
    feeds: Vec<VecDeque<FeedItem>>,
    answers: VecDeque<(u64, Answer)>,
    asked: BTreeMap<u64, Asked>,
    next_ticket: u64,
    reads: VecDeque<(usize, Ticket, Query)>,
    /// What a verifier is asked where registration is checked: worker, slot, socket.
    checks: VecDeque<(usize, u32, SocketId, Box<Claim>)>,
    /// It refuses some of them, though they come from who they say.
    pub is_strict: bool,
    /// The wires whose sockets have been somebody's.
    admitted: BTreeSet<usize>,
    pub wires: Vec<Wire>,
    /// (worker, slot) -> wire
    seats: BTreeMap<(usize, u32), usize>,
    pub phones: Vec<Phone>,
    pub model: Model,
    /// Which phone, as whom, a socket of the store's is.
    sockets: BTreeMap<SocketId, Identity>,
    /// Whose a registration is, and which a topic is.
    regs: BTreeMap<RegNo, usize>,
    topics: BTreeMap<TopicNo, usize>,
    leaving: Vec<(u64, usize)>,
    pub fault: Option<String>,
    /// The queue memory that was lent out at the worst moment.
    pub repeats: u64,
    /// A worker gave messages again because it did not know whether they had met a listener.
    restarted: bool,
    /// When the frame that a phone reads now was written, and how far its worker had dealt with the log before.
    written: Option<(Millis, Position)>,
    /// By worker: how far it had dealt with the log when all that came of it was written.
    known: Vec<Position>,
    /// The model has heard the log up to here.
    heard: Position,
    /// What happened, where somebody wants to read it.
    pub trace: Option<Vec<String>>,
    /// What the workers asked, where somebody wants to check it.
    pub journal: Option<Journal>,
}

/// What left the workers for the store, in order.
#[derive(Debug, Default)]
pub struct Journal {
    /// For the writer.
    pub asked: Vec<(Moment, Request)>,
    /// For the readers of mail.
    pub reads: Vec<(Moment, Query)>,
    /// How often a worker read the log because its inbox had a gap.
    pub log_reads: usize,
}

/// Log time when a history begins.
const START: u64 = 1_700_000_000_000;

impl World {
    pub fn new(seed: u64, config: Config, phones: usize) -> Self {
        let mut dice = Dice::new(seed);
        let workers = config.workers;
        let store = MemStore::new(config.limits.clone(), workers, seed);
        let phones = (0..phones).map(|n| Phone {
            kind: *dice.pick(&Kind::ALL),
            uid: dice.below(3),
            in_query: dice.once_in(3),
            addr: addr_of(n),
            life: None,
            twin: false,
            stalled: false,
            listens_after: [0, 16, 300, 900][dice.below(4)],
        });
        let mut phones: Vec<Phone> = phones.collect();
        if dice.once_in(3) {
            make_twins(&mut phones);
        }
        let mut world = Self {
            now: Moment(1000),
            store,
            rosters: Vec::new(),
            wakes: Vec::new(),
            feeds: Vec::new(),
            answers: VecDeque::new(),
            asked: BTreeMap::new(),
            next_ticket: 0,
            reads: VecDeque::new(),
            checks: VecDeque::new(),
            is_strict: false,
            admitted: BTreeSet::new(),
            wires: Vec::new(),
            seats: BTreeMap::new(),
            phones,
            model: Model::default(),
            sockets: BTreeMap::new(),
            regs: BTreeMap::new(),
            topics: BTreeMap::new(),
            leaving: Vec::new(),
            fault: None,
            repeats: 0,
            restarted: false,
            written: None,
            known: Vec::new(),
            heard: Position::ZERO,
            trace: None,
            journal: None,
            config,
            dice,
        };
        world.start_workers();
        world
    }

    fn start_workers(&mut self) {
        let workers = self.config.workers;
        let start = self.store.read(Position::ZERO, Position::from_raw(u64::MAX)).upto;
        self.rosters = (0..workers)
            .map(|worker| {
                let config = Config { worker: worker as u16, seed: self.dice.roll(), ..self.config.clone() };
                Roster::new(config, Millis(START), start, (*self.store.directory()).clone())
            })
            .collect();
        self.known = vec![start; workers];
        self.wakes = vec![BTreeMap::new(); workers];
        self.feeds = (0..workers).map(|_| VecDeque::new()).collect();
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>7} {}", self.now.0, what()));
        }
    }

    pub fn time(&self) -> Millis {
        Millis(START + self.now.0)
    }

    fn fail(&mut self, what: Result<(), String>) {
        if let Err(what) = what
            && self.fault.is_none()
        {
            self.fault = Some(what);
        }
    }

    // ---- the backend

    pub fn publish(&mut self, uid: Option<usize>, ttl_s: u32) {
        self.publish_as(uid, ttl_s, Content::data);
    }

    /// `dress`: how the message tells its number.
    pub fn publish_as(&mut self, uid: Option<usize>, ttl_s: u32, dress: impl FnOnce(Json) -> Content) {
        let to = uid.map_or(Target::All, |uid| Target::Uids(vec![uid_of(uid)]));
        self.send((uid, None), to, ttl_s, dress);
    }

    pub fn publish_to_topic(&mut self, topic: usize, ttl_s: u32) {
        self.send((None, Some(topic)), Target::Topic(topic_of(topic)), ttl_s, Content::data);
    }

    /// Takes a user into a topic, or out of it.
    pub fn subscribe(&mut self, uid: usize, topic: usize, on: bool) {
        let who = Subscribers::Uids(vec![uid_of(uid)]);
        self.command(Request::Subscribe(Subscribe { app: AppNo::DEFAULT, topic: topic_of(topic), on, who }));
    }

    fn send(&mut self, (uid, topic): (Option<usize>, Option<usize>), to: Target, ttl_s: u32, dress: impl FnOnce(Json) -> Content) {
        let n = self.model.sent.len();
        self.model.sent.push(Sent {
            uid,
            topic,
            fleeting: ttl_s == 0,
            at: None,
            expires: self.time().after_s(u64::from(ttl_s)),
            acknowledged: false,
            recalled: None,
        });
        let content = dress(Json::trusted(n.to_string()));
        let draft = Draft { lifetime: Lifetime::Ttl(ttl_s), ..Draft::new(AppNo::DEFAULT, to, content) };
        self.ask(Asked::Publish(n), Request::Publish(draft));
    }

    /// Takes a message back, if its backend knows it.
    pub fn recall(&mut self, n: usize) {
        let Some(message) = self.model.sent.get(n).filter(|sent| sent.acknowledged).and_then(|sent| sent.at) else { return };
        self.command(Request::Recall(Recall { app: AppNo::DEFAULT, message, by: None }));
    }

    /// What a backend asks of a user; its answer is of no matter here.
    pub fn command(&mut self, request: Request) {
        self.ask(Asked::Backend, request);
    }

    fn ask(&mut self, who: Asked, request: Request) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.asked.insert(ticket, who);
        self.store.ask(ticket, request);
    }

    // ---- the store, one crash point after another

    pub fn decide(&mut self) {
        let time = self.time();
        self.store.timers(time);
        self.store.end(time);
        self.store.decide(time);
    }

    pub fn append(&mut self, fault: Fault) -> Appended {
        self.store.append(fault)
    }

    pub fn notify(&mut self) {
        let (answers, items) = self.store.notify();
        for (worker, item) in items {
            self.learn(&item);
            // A full inbox is simply skipped: the worker reads the log.
            if self.feeds[worker].len() < INBOX {
                self.feeds[worker].push_back(item);
            }
        }
        self.answers.extend(answers);
        self.follow_log();
    }

    /// What the log has come to say of messages, whomever it concerns.
    fn follow_log(&mut self) {
        let news = self.store.read(self.heard, Position::from_raw(u64::MAX));
        self.heard = news.upto.max(self.heard);
        for entry in &news.entries {
            let verdict = self.model.hear(entry);
            self.fail(verdict);
        }
    }

    /// Which message got which position.
    fn learn(&mut self, item: &FeedItem) {
        for entry in &item.batch.entries {
            match &*entry.fact {
                Fact::Registered(fact) => {
                    let uid = (0..3).find(|uid| uid_of(*uid) == fact.uid);
                    self.regs.extend(uid.map(|uid| (fact.reg, uid)));
                }
                Fact::Subscribed(fact) => {
                    let new = (0..TOPICS).find(|topic| fact.name.as_ref() == Some(&topic_of(*topic)));
                    self.topics.extend(new.map(|topic| (fact.topic, topic)));
                    for uid in fact.regs.iter().filter_map(|reg| self.regs.get(reg)) {
                        self.model.members.entry((*uid, self.topics[&fact.topic])).or_default().insert(entry.at, fact.on);
                    }
                }
                // Ghosts that made room for a fifth: whose they were begins anew.
                Fact::Unregistered(fact) => {
                    for dev in &fact.ghosts {
                        self.note(|| format!("ghost {dev:?} is ended"));
                        if let Some(who) = self.model.owner.remove(dev) {
                            self.model.born.remove(&who);
                        }
                    }
                }
                _ => {}
            }
            if let Fact::Published(message) = &*entry.fact
                && let Ok(n) = message.content.body.text().trim_matches(['[', ']']).parse::<usize>()
            {
                self.model.sent[n].at = Some(entry.at);
                self.model.sent[n].expires = message.expires;
                let replaced: Vec<Position> = message.replaces.iter().map(|replaced| replaced.message).collect();
                // Nobody is owed what a newer one has replaced.
                for older in self.model.sent.iter_mut().filter(|older| older.at.is_some_and(|at| replaced.contains(&at))) {
                    older.expires = older.expires.min(entry.time);
                }
            }
        }
    }

    pub fn merge(&mut self) {
        self.store.merge();
    }

    /// kill -9: everything but the log and the views is gone, and every connection with it.
    pub fn crash(&mut self) {
        self.note(|| "crash".to_owned());
        self.store.crash();
        self.answers.clear();
        self.asked.clear();
        self.reads.clear();
        self.checks.clear();
        for wire in 0..self.wires.len() {
            self.seats.remove(&(self.wires[wire].worker, self.wires[wire].slot));
            self.lose_server_end(wire);
        }
        self.sockets.clear();
        // What was stored and never told is in the log.
        self.model.hear_anew();
        self.heard = Position::ZERO;
        let whole = self.store.read(Position::ZERO, Position::from_raw(u64::MAX));
        let upto = whole.upto;
        self.learn(&FeedItem { prev: upto, batch: Arc::new(whole) });
        self.follow_log();
        self.start_workers();
    }

    fn lose_server_end(&mut self, wire: usize) {
        let wire = &mut self.wires[wire];
        if !wire.server_gone {
            wire.server_gone = true;
            wire.up.clear();
            if !wire.half_open {
                wire.down.push_back(Down::End);
            }
        }
    }

    // ---- the workers

    pub fn deliver_feed(&mut self, worker: usize) {
        let Some(item) = self.feeds[worker].pop_front() else {
            // An empty inbox while the store is further: read the log.
            let upto = self.store.upto(worker);
            if upto > self.rosters[worker].processed() {
                self.catch_up(worker, upto);
            }
            return;
        };
        if item.prev > self.rosters[worker].processed() {
            self.catch_up(worker, item.prev);
        }
        self.rosters[worker].facts(self.now, item.batch);
        self.drain_outputs(worker);
    }

    fn catch_up(&mut self, worker: usize, upto: Position) {
        let after = self.rosters[worker].processed();
        if self.store.upto(worker) > after {
            let batch = self.store.read(after, upto);
            if let Some(journal) = &mut self.journal {
                journal.log_reads += 1;
            }
            self.rosters[worker].facts(self.now, Arc::new(batch));
            self.drain_outputs(worker);
        }
        self.rosters[worker].advance(upto);
    }

    pub fn deliver_answer(&mut self) {
        let Some((ticket, answer)) = self.answers.pop_front() else { return };
        match self.asked.remove(&ticket) {
            Some(Asked::Publish(n)) => {
                if let Answer::Accepted(accepted) = answer {
                    self.model.sent[n].at = Some(accepted.at);
                    self.model.sent[n].acknowledged = true;
                }
            }
            Some(Asked::Roster(worker, ticket)) => {
                self.note(|| format!("worker {worker} slot {} is answered {answer:?}", ticket.slot as i32));
                if let Answer::Attached(attached) = &answer {
                    if attached.at > self.rosters[worker].processed() {
                        while !self.feeds[worker].is_empty() && self.rosters[worker].processed() < attached.at {
                            self.deliver_feed(worker);
                        }
                        self.catch_up(worker, attached.at);
                    }
                    self.admitted.extend(self.seats.get(&(worker, ticket.slot)));
                    let here = self.seats.get(&(worker, ticket.slot)).map(|wire| self.wires[*wire].phone);
                    let asked = self.sockets.get(&attached.socket).copied().filter(|who| Some(who.phone) == here);
                    if let (Some(dev), Some(who)) = (attached.dev, asked) {
                        if self.phones[who.phone].twin {
                            // Whoever takes the ghost over goes on from its cursor.
                            self.model.born.insert(who, attached.cursor);
                        } else {
                            self.model.born.entry(who).or_insert(attached.cursor);
                        }
                        self.model.owner.insert(dev, who);
                    }
                }
                self.rosters[worker].answer(self.now, ticket, answer);
                self.drain_outputs(worker);
            }
            Some(Asked::Backend) | None => {}
        }
    }

    pub fn deliver_verdict(&mut self) {
        let Some((worker, slot, socket, claim)) = self.checks.pop_front() else { return };
        let verdict = if self.is_strict && self.dice.once_in(8) {
            Err(Refusal::new(Code::Forbidden, "not now"))
        } else {
            Ok(Uid::trusted(claim.named.as_ref().map_or("nobody", |named| named.reveal())))
        };
        self.note(|| format!("worker {worker} slot {slot} is told {verdict:?}"));
        self.rosters[worker].checked(self.now, slot, socket, verdict);
        self.drain_outputs(worker);
    }

    pub fn deliver_page(&mut self) {
        let Some((worker, ticket, query)) = self.reads.pop_front() else { return };
        let page = match &query {
            Query::Mailbox(query) => self.store.mailbox(query),
            Query::Broadcasts(query) => self.store.broadcasts(query),
        };
        match page {
            Some(page) => {
                self.rosters[worker].page(self.now, ticket, Some(&page));
                self.drain_outputs(worker);
            }
            // The views are behind: the read waits for them.
            None => self.reads.push_back((worker, ticket, query)),
        }
    }

    /// Timers that are due, and batches of proofs.
    pub fn wake(&mut self) {
        for worker in 0..self.rosters.len() {
            let due: Vec<u32> = self.wakes[worker].iter().filter(|(_, at)| **at <= self.now).map(|(slot, _)| *slot).collect();
            for slot in due {
                self.wakes[worker].remove(&slot);
                self.rosters[worker].handle_timeout(self.now, slot);
                self.drain_outputs(worker);
            }
            self.rosters[worker].rest(self.now);
            self.drain_outputs(worker);
        }
    }

    pub fn advance(&mut self, ms: u64) {
        let end = self.now.0 + ms;
        while self.now.0 < end {
            // Deadlines are met at their time, not at the end of the leap.
            let next = self.wakes.iter().flat_map(|wakes| wakes.values()).filter(|at| **at > self.now).min().copied();
            let leaves = self.leaving.iter().map(|(by, _)| *by).min().unwrap_or(end);
            let next = next.map_or(end, |at| at.0.min(end)).min(self.now.0 + 1000).min(leaves);
            self.now = Moment(next.max(self.now.0 + 1).min(end));
            let gone: Vec<usize> = self.leaving.iter().filter(|(by, _)| *by <= self.now.0).map(|(_, phone)| *phone).collect();
            self.leaving.retain(|(by, _)| *by > self.now.0);
            for phone in gone {
                self.finish_leaving(phone);
            }
            self.wake();
        }
    }

    fn drain_outputs(&mut self, worker: usize) {
        self.write_outputs(worker);
        self.known[worker] = self.rosters[worker].processed().max(self.known[worker]);
    }

    fn write_outputs(&mut self, worker: usize) {
        while let Some(output) = self.rosters[worker].poll_output(self.now) {
            match output {
                Output::Do(slot, action) => self.act(worker, slot, action),
                Output::Wake(slot, at) => {
                    let filed = self.wakes[worker].entry(slot).or_insert(at);
                    *filed = at.min(*filed);
                }
                // Nobody listens for events beyond the contract.
                Output::Left(_) | Output::Heard(..) => {}
                Output::Move(slot, to) => self.move_session(worker, slot, usize::from(to)),
                Output::Gone(slot) => {
                    self.wakes[worker].remove(&slot);
                    if let Some(wire) = self.seats.remove(&(worker, slot)) {
                        self.lose_server_end(wire);
                    }
                }
                Output::Check(slot, socket, claim) => self.checks.push_back((worker, slot, socket, claim)),
                Output::Ask(ticket, request) => {
                    self.note(|| format!("worker {worker} slot {} asks {request:?}", ticket.slot as i32));
                    self.inspect(worker, ticket, &request);
                    if let Some(journal) = &mut self.journal {
                        journal.asked.push((self.now, request.clone()));
                    }
                    self.ask(Asked::Roster(worker, ticket), request);
                }
                Output::Read(ticket, query) => {
                    self.note(|| format!("worker {worker} slot {} reads {query:?}", ticket.slot));
                    if let Some(journal) = &mut self.journal {
                        journal.reads.push((self.now, query));
                    }
                    self.reads.push_back((worker, ticket, query));
                }
            }
        }
    }

    /// What the network tells a wire's session, beyond what a phone sends.
    pub fn input(&mut self, wire: usize, input: Input<'_>) {
        let (worker, slot) = (self.wires[wire].worker, self.wires[wire].slot);
        self.rosters[worker].handle_input(self.now, slot, input);
        self.drain_outputs(worker);
    }

    /// Answers and pages that have not been brought to their worker.
    pub fn waiting(&self) -> (usize, usize) {
        (self.answers.len(), self.reads.len())
    }

    /// What the workers tell the writer must be true.
    fn inspect(&mut self, worker: usize, ticket: Ticket, request: &Request) {
        let time = self.time();
        match request {
            Request::Register(register) => {
                let wire = self.seats.get(&(worker, ticket.slot)).copied();
                let uid = (0..3).find(|uid| uid_of(*uid) == register.uid);
                if let (Some(wire), Some(uid)) = (wire, uid) {
                    self.sockets.insert(register.socket, Identity { phone: self.wires[wire].phone, uid });
                }
            }
            Request::Prove(proofs) => {
                let verdicts: Vec<_> = proofs.cursors.iter().map(|(dev, cursor)| self.model.proof_is_true(*dev, *cursor, time)).collect();
                verdicts.into_iter().for_each(|verdict| self.fail(verdict));
            }
            Request::Adopt(_)
            | Request::Leave(_)
            | Request::Report(_)
            | Request::Overflow(_)
            | Request::End(_)
            | Request::Recall(_)
            | Request::Emit(_)
            | Request::Publish(_)
            | Request::Count(_)
            | Request::Connected(_)
            | Request::Disconnect(_)
            | Request::Subscribe(_)
            | Request::Erase(_)
            | Request::Administer(_)
            | Request::MoveSink(_) => {}
        }
    }

    fn move_session(&mut self, worker: usize, slot: u32, to: usize) {
        self.wakes[worker].remove(&slot);
        let Some(traveller) = self.rosters[worker].depart(slot, to as u16) else { return };
        let wire = self.seats.remove(&(worker, slot));
        let new = self.rosters[to].vacancy();
        if let Some(wire) = wire {
            self.seats.insert((to, new), wire);
            (self.wires[wire].worker, self.wires[wire].slot) = (to, new);
        }
        self.rosters[to].arrive(self.now, traveller);
        self.drain_outputs(to);
    }

    fn act(&mut self, worker: usize, slot: u32, action: Action) {
        let Some(wire) = self.seats.get(&(worker, slot)).copied() else { return };
        let half_open = self.wires[wire].half_open;
        match action {
            Action::Respond { exchange: exchange @ (Exchange::Poll | Exchange::NewPoll), response } => {
                let gets = &mut self.wires[wire].gets;
                let alive = if exchange == Exchange::Poll { gets.pop_front() } else { gets.pop_back() };
                // The handshake's own GET is not counted.
                if alive.unwrap_or(true) && !half_open {
                    self.wires[wire].down.push_back(Down::Answer(response));
                }
            }
            Action::Respond { exchange: Exchange::Post, .. } if !half_open => self.wires[wire].down.push_back(Down::Ok),
            Action::Write { link: Link::Probe, bytes } if !half_open => self.wires[wire].down.push_back(Down::ProbeBytes(bytes)),
            Action::Respond { .. } | Action::Write { link: Link::Probe, .. } => {}
            Action::Write { link: Link::Socket, bytes } => self.write(worker, slot, wire, bytes),
            Action::Abandon(_) => drop(self.wires[wire].gets.pop_front()),
            Action::Refuse | Action::Promote | Action::Shut { link: Link::Probe, .. } => {}
            Action::Shut { link: Link::Socket, .. } => self.lose_server_end(wire),
        }
    }

    fn write(&mut self, worker: usize, slot: u32, wire: usize, bytes: bytes::Bytes) {
        let len = bytes.len();
        let w = &mut self.wires[wire];
        w.down_bytes += len;
        w.down.push_back(Down::Bytes(bytes, self.now.0, self.known[worker]));
        if w.down_bytes > WINDOW && !w.blocked {
            w.blocked = true;
            self.rosters[worker].handle_input(self.now, slot, Input::Blocked);
        }
    }

    // ---- the network

    /// The oldest thing on its way to the server arrives.
    pub fn pump_up(&mut self, wire: usize) {
        if self.wires[wire].half_open || self.wires[wire].server_gone {
            return;
        }
        let Some(up) = self.wires[wire].up.pop_front() else { return };
        let (worker, slot) = (self.wires[wire].worker, self.wires[wire].slot);
        self.note(|| format!("worker {worker} slot {slot} wire {wire} <- {up:?}"));
        let owned;
        let input = match &up {
            Up::Text(text) => Input::Message { link: Link::Socket, message: Message::Text(text) },
            Up::Owned(text) => Input::Message { link: Link::Socket, message: Message::Text(text) },
            Up::Pong(data) => Input::Message { link: Link::Socket, message: Message::Pong(data) },
            Up::Get { stamp, number } => {
                self.wires[wire].gets.push_back(true);
                Input::Poll { jsonp: None, stamp: stamp.as_deref(), number: *number, query: "EIO=3&transport=polling" }
            }
            Up::Post(packet) => {
                let v4 = self.phones[self.wires[wire].phone].kind.is_v4();
                owned = if v4 { packet.clone() } else { format!("{}:{packet}", packet.encode_utf16().count()) };
                Input::Post { form: Form::Text, jsonp: false, body: owned.as_bytes() }
            }
            Up::End => Input::Closed { link: Link::Socket },
            Up::Probe => Input::Probe,
            Up::ProbeText(text) => Input::Message { link: Link::Probe, message: Message::Text(text) },
        };
        self.rosters[worker].handle_input(self.now, slot, input);
        self.drain_outputs(worker);
    }

    /// The oldest thing on its way to the phone arrives.
    pub fn pump_down(&mut self, wire: usize) {
        let phone = self.wires[wire].phone;
        if self.wires[wire].half_open || self.wires[wire].phone_gone || self.phones[phone].stalled {
            return;
        }
        let Some(down) = self.wires[wire].down.pop_front() else { return };
        self.written = None;
        if let Down::Bytes(bytes, at, known) = &down {
            self.written = Some((Millis(START + at), *known));
            self.drained(wire, bytes.len());
        }
        self.note(|| format!("phone {phone} wire {wire} <- {}", short(&down)));
        let (mut up, mut heard) = (Vec::new(), Vec::new());
        let Some(life) = self.phones[phone].life.as_mut().filter(|life| life.wire == wire) else { return };
        match down {
            Down::Bytes(bytes, ..) => life.take_frames(&bytes, &mut up, &mut heard),
            Down::ProbeBytes(bytes) if life.probing => life.take_frames(&bytes, &mut up, &mut heard),
            Down::Answer(response) => {
                life.take_answer(&response, &mut up, &mut heard);
            }
            Down::Died => life.repeat_get(&mut up),
            Down::End => heard.push(Heard::Closed),
            Down::ProbeBytes(_) | Down::Ok => {}
        }
        for heard in heard {
            self.hear(phone, wire, heard, &mut up);
        }
        if let Some(life) = self.phones[phone].life.as_mut().filter(|life| life.wire == wire && life.kind.polls() && !life.leaving) {
            life.next_get(&mut up);
        }
        self.wires[wire].up.extend(up);
    }

    fn drained(&mut self, wire: usize, len: usize) {
        let w = &mut self.wires[wire];
        w.down_bytes = w.down_bytes.saturating_sub(len);
        if w.blocked && w.down_bytes == 0 && !w.server_gone {
            w.blocked = false;
            let (worker, slot) = (w.worker, w.slot);
            self.rosters[worker].handle_input(self.now, slot, Input::Drained);
            self.drain_outputs(worker);
        }
    }

    fn hear(&mut self, phone: usize, wire: usize, heard: Heard, up: &mut Vec<Up>) {
        let (now, time) = (self.now.0, self.time());
        let written = self.written;
        let (listens_after, in_query, uid) = (self.phones[phone].listens_after, self.phones[phone].in_query, self.phones[phone].uid);
        let on_socket = written.is_some();
        let Some(life) = self.phones[phone].life.as_mut() else { return };
        match heard {
            Heard::Closed => self.lose_phone_end(phone),
            Heard::Joined => {
                life.joined = true;
                if in_query {
                    life.registered.push(uid);
                } else if let Some(uid) = life.wants {
                    life.pending.push_back(uid);
                    life.say(format!("42[\"register\",{{\"data\":\"u{uid}\"}}]"), up);
                }
            }
            Heard::Registered => {
                // Who is told its token again listens to it already.
                let uid = life.pending.pop_front();
                let again = life.registered.last().copied() == uid;
                if !again {
                    life.registered.extend(uid);
                    life.epoch += 1;
                }
                if !again || life.listens_at.is_some_and(|at| now < at) {
                    life.listens_at = Some(now + listens_after);
                }
            }
            Heard::RegisterRefused => drop(life.pending.pop_front()),
            // The library pauses its polling before it says `5`.
            Heard::ProbeAnswered => life.pausing = true,
            Heard::Message(n) => {
                if self.config.registration == Registration::Checked && !self.admitted.contains(&wire) {
                    return self.fail(Err(format!("phone {phone} has message {n}, and nobody has let it in")));
                }
                let deaf = life.leaving || life.listens_at.is_some_and(|at| now < at);
                if deaf {
                    return;
                }
                let uids: Vec<usize> = life.registered.iter().chain(&life.pending).copied().collect();
                let (uids, seen) = (uids, Seen { message: n, connection: wire, epoch: life.epoch });
                let repeat = self.model.seen.get(&phone).is_some_and(|record| record.iter().any(|earlier| earlier.message == n));
                self.repeats += u64::from(repeat);
                let restarted = self.rosters.iter().any(|roster| roster.counters().restarts > 0);
                self.restarted |= restarted;
                let unnumbered = self.phones[phone].kind == Kind::Java3;
                let verdict = self.model.see(
                    phone,
                    &uids,
                    seen,
                    written.unwrap_or((time, Position::ZERO)),
                    Doubt { restarted: self.restarted, unnumbered, on_its_way: !on_socket || self.phones[phone].kind.polls() },
                );
                self.fail(verdict);
            }
        }
    }

    fn lose_phone_end(&mut self, phone: usize) {
        let Some(life) = self.phones[phone].life.take() else { return };
        let wire = &mut self.wires[life.wire];
        wire.phone_gone = true;
        if !wire.half_open {
            wire.up.push_back(Up::End);
        }
        self.leaving.retain(|(_, leaving)| *leaving != phone);
    }

    // ---- the phones

    pub fn connect(&mut self, phone: usize) {
        if self.phones[phone].life.is_some() {
            return;
        }
        let worker = self.dice.below(self.rosters.len());
        self.connect_to(phone, worker);
    }

    /// The kernel gave the phone's connection to this worker.
    pub fn connect_to(&mut self, phone: usize, worker: usize) {
        let slot = self.rosters[worker].vacancy();
        let (kind, uid, in_query) = (self.phones[phone].kind, self.phones[phone].uid, self.phones[phone].in_query);
        let mut key = [0; 12];
        key[..8].copy_from_slice(&self.dice.roll().to_le_bytes());
        key[8..].copy_from_slice(&(self.wires.len() as u32).to_le_bytes());
        let query = if in_query { format!("EIO=4&uid=u{uid}") } else { "EIO=4".to_owned() };
        let opening = Opening {
            sid: Sid { worker: worker as u16, slot, key },
            revision: if kind.is_v4() { Revision::V4 } else { Revision::V3 },
            transport: if kind.polls() { Transport::Polling } else { Transport::WebSocket },
            base64: false,
            jsonp: None,
            stamp: (kind.polls() && kind != Kind::Java3).then_some("s0"),
            query: &query,
        };
        let client = Client { addr: self.phones[phone].addr, agent: kind.agent(), proxied: false, trusted: false };
        let wire = self.wires.len();
        self.wires.push(Wire::new(phone, worker, slot));
        self.seats.insert((worker, slot), wire);
        let wants = (!in_query).then_some(uid);
        self.phones[phone].life = Some(Life::new(kind, wire, wants));
        if in_query {
            // The app has its listeners from the start.
            self.phones[phone].life.as_mut().expect("just made").listens_at = None;
        }
        self.wires[wire].sid = Some(opening.sid);
        if self.rosters[worker].open(self.now, opening, client).is_err() {
            self.lose_phone_end(phone);
        }
        self.drain_outputs(worker);
    }

    /// The phone's process is killed, or its network card dies: the server hears of it by RST.
    pub fn drop_phone(&mut self, phone: usize) {
        if self.phones[phone].life.as_ref().is_some_and(|life| life.leaving) {
            return self.finish_leaving(phone);
        }
        self.lose_phone_end(phone);
    }

    /// Neither end hears the other any more, and neither is told. (Not within the 17 ms of a `disconnect()`: that pong's 250 ms
    /// could not tell it, and that is accepted.)
    pub fn half_open(&mut self, phone: usize) {
        if let Some(life) = self.phones[phone].life.as_ref().filter(|life| !life.leaving) {
            self.wires[life.wire].half_open = true;
        }
    }

    /// The phone gives up on a connection that is silent.
    pub fn give_up(&mut self, phone: usize) {
        let silent = self.phones[phone].life.as_ref().is_some_and(|life| self.wires[life.wire].half_open);
        if silent {
            self.lose_phone_end(phone);
        }
    }

    /// `disconnect()`. okhttp answers WebSocket pings a little longer, for events that the app never hears; where the
    /// engine itself answers, its `41` goes first.
    pub fn leave(&mut self, phone: usize) {
        let by = self.now.0 + LEAVES_WITHIN;
        let Some(life) = self.phones[phone].life.as_mut().filter(|life| !life.leaving) else { return };
        life.leaving = true;
        if life.kind == Kind::Socket3 {
            self.leaving.push((by, phone));
        } else {
            self.finish_leaving(phone);
        }
    }

    fn finish_leaving(&mut self, phone: usize) {
        let Some(life) = self.phones[phone].life.as_ref().filter(|life| life.leaving) else { return };
        let mut up = Vec::new();
        life.say("41".to_owned(), &mut up);
        let wire = life.wire;
        self.wires[wire].up.extend(up);
        self.lose_phone_end(phone);
        // What is on its way is not overtaken by time.
        while !self.wires[wire].half_open && !self.wires[wire].up.is_empty() && !self.wires[wire].server_gone {
            self.pump_up(wire);
        }
    }

    /// The GET's connection dies, before or after the answer left; the library repeats it silently.
    pub fn kill_get(&mut self, phone: usize) {
        let Some(life) = self.phones[phone].life.as_ref().filter(|life| life.getting && !life.on_socket) else { return };
        let wire = life.wire;
        let waiting = self.wires[wire].down.iter().position(|down| matches!(down, Down::Answer(_)));
        match waiting {
            Some(at) => self.wires[wire].down[at] = Down::Died,
            None if self.wires[wire].gets.back() == Some(&true) && !self.wires[wire].server_gone => {
                self.wires[wire].gets.pop_back();
                // The server may notice, or not.
                if self.dice.once_in(2) {
                    let (worker, slot) = (self.wires[wire].worker, self.wires[wire].slot);
                    self.rosters[worker].handle_input(self.now, slot, Input::Lost(Exchange::Poll));
                    self.drain_outputs(worker);
                } else {
                    self.wires[wire].gets.push_back(false);
                }
                self.wires[wire].down.push_back(Down::Died);
            }
            None => {}
        }
    }

    pub fn upgrade(&mut self, phone: usize) {
        let able = |life: &&mut Life| life.kind == Kind::Upgrade4 && !life.on_socket && !life.probing && life.joined;
        let Some(life) = self.phones[phone].life.as_mut().filter(able) else { return };
        life.probing = true;
        let wire = life.wire;
        self.wires[wire].up.extend([Up::Probe, Up::ProbeText("2probe")]);
    }

    /// An app that lets somebody else log in on the same connection.
    pub fn register_as(&mut self, phone: usize, uid: usize) {
        let (in_query, twin) = (self.phones[phone].in_query, self.phones[phone].twin);
        let Some(life) = self.phones[phone].life.as_mut() else { return };
        let settled = life.joined;
        if !settled || life.leaving || in_query || twin {
            return;
        }
        life.wants = Some(uid);
        life.pending.push_back(uid);
        let mut up = Vec::new();
        life.say(format!("42[\"register\",{{\"data\":\"u{uid}\"}}]"), &mut up);
        let wire = life.wire;
        self.phones[phone].uid = uid;
        self.wires[wire].up.extend(up);
    }

    /// A phone that pings by itself (EIO3).
    pub fn client_ping(&mut self, phone: usize) {
        let Some(life) = self.phones[phone].life.as_mut().filter(|life| !life.kind.is_v4() && life.joined && !life.pinged) else { return };
        life.pinged = true;
        let mut up = Vec::new();
        life.say("2".to_owned(), &mut up);
        let wire = life.wire;
        self.wires[wire].up.extend(up);
    }

    /// Everything that can happen without time passing, until nothing more does.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            let before = self.activity();
            self.decide();
            self.append(Fault::None);
            self.notify();
            self.merge();
            for worker in 0..self.rosters.len() {
                self.deliver_feed(worker);
            }
            for _ in 0..self.answers.len() {
                self.deliver_answer();
            }
            for _ in 0..self.checks.len() {
                self.deliver_verdict();
            }
            for _ in 0..self.reads.len() {
                self.deliver_page();
            }
            for wire in 0..self.wires.len() {
                if !self.wires[wire].is_dead() {
                    self.pump_up(wire);
                    self.pump_down(wire);
                }
            }
            if self.activity() == before && self.is_quiet() {
                return;
            }
        }
    }

    fn is_quiet(&self) -> bool {
        let wires = self.wires.iter().all(|wire| {
            let up = wire.server_gone || wire.half_open || wire.up.is_empty();
            let down = wire.phone_gone || wire.half_open || wire.down.is_empty() || self.phones[wire.phone].stalled;
            up && down
        });
        wires && self.answers.is_empty() && self.checks.is_empty() && self.reads.is_empty() && self.feeds.iter().all(VecDeque::is_empty)
    }

    fn activity(&self) -> (u64, usize, Position) {
        let waiting: usize = self.wires.iter().map(|wire| wire.up.len() + wire.down.len()).sum();
        let processed = self.rosters.iter().map(Roster::processed).max().unwrap_or_default();
        (self.next_ticket, waiting + self.answers.len() + self.checks.len() + self.reads.len(), processed)
    }

    pub fn found(&self, sid: &Sid) -> Found {
        self.rosters[usize::from(sid.worker)].find(sid)
    }
}

/// The first two phones are of one model, behind one address, and their owner's.
fn make_twins(phones: &mut [Phone]) {
    let [one, two, ..] = phones else { return };
    (two.kind, two.uid, two.addr, two.in_query) = (one.kind, one.uid, one.addr, one.in_query);
    (one.twin, two.twin) = (true, true);
}

fn short(down: &Down) -> String {
    match down {
        Down::Bytes(bytes, ..) | Down::ProbeBytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Down::Answer(response) => format!("{} {}", response.status, String::from_utf8_lossy(&response.body)),
        Down::Ok => "ok".to_owned(),
        Down::Died => "GET died".to_owned(),
        Down::End => "end".to_owned(),
    }
}

/// Topics that somebody may be in.
pub const TOPICS: usize = 2;

fn topic_of(topic: usize) -> TopicName {
    TopicName::trusted(&format!("t{topic}"))
}

/// An address that no other phone has.
pub fn addr_of(phone: usize) -> IpAddr {
    IpAddr::from([10, 0, (phone / 250) as u8, (phone % 250) as u8 + 1])
}

pub fn uid_of(uid: usize) -> Uid {
    Uid::parse(&format!("u{uid}")).expect("short and plain")
}

pub fn limits() -> Limits {
    Limits { socket_queue_messages: 6, socket_queue_bytes: 4096, disk_reserve_bytes: 0, ..Limits::default() }
}
