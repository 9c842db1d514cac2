//! A worker's house: its sessions, who hears what, and whose proofs are on their way to the writer.
//!
//! Registrations meet here (`model::worker_of`), so detach, merge and attach are steps of one thread. It follows the log:
//! facts come in order, and a position at or below `processed` is never dealt with twice. It does no I/O; the shell
//! (`gateway`, or the simulator) carries its questions to the store and brings the answers.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;

use tidings_engineio::{Fault, Input, Moment, Opening, Response, Sid};
use tidings_model::{AppNo, Dev, Directory, Millis, Position, Print, RegNo, TopicNo, Uid};

mod apps;
mod facts;
mod proofs;
mod registering;
mod topics;

use crate::config::Config;
use crate::context::{Context, Dice, Effect};
use crate::output::{Heard, Output, Query, Saying, Ticket};
use crate::rate::{Questions, Rate};
use crate::recalls::Recalls;
use crate::session::{Member, Peer, Phase, Session};
use crate::slab::Slab;
use proofs::Saving;

/// What the shell knows of a client beyond the protocol.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    pub addr: IpAddr,
    pub agent: &'a str,
    /// The request came through a proxy ...
    pub proxied: bool,
    /// ... that is one of `trusted_proxies`.
    pub trusted: bool,
}

/// Where a session id leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Here(u32),
    Elsewhere(u16),
    Unknown,
}

/// A session on its way to another worker.
#[derive(Debug)]
pub struct Traveller {
    session: Session,
    /// Where its sid says that it lives.
    sid: (u16, u32),
}

/// One registration's sockets on this worker.
#[derive(Debug, Default)]
struct Home {
    slots: Vec<u32>,
    devs: Vec<Dev>,
    /// What it is in, as of what was processed.
    topics: Vec<TopicNo>,
}

#[derive(Clone, Copy, Debug)]
struct Seat {
    reg: RegNo,
    slot: Option<u32>,
    /// How often its socket was taken over within a minute.
    turns: Rate,
}

/// Numbers for whoever watches. They rise while the process runs, but for `sessions` and `unregistered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub sessions: u64,
    pub registered: u64,
    /// Sockets that nobody has registered (yet).
    pub unregistered: u64,
    /// Device ids that two phones seem to share.
    pub copied_ids: u64,
    /// Messages to topics too.
    pub broadcasts_written: u64,
    pub directs_written: u64,
    pub proofs: u64,
    /// Windows of mail that were read for sockets which had missed it or had fallen behind.
    pub windows: u64,
    pub moves: u64,
    pub displaced: u64,
    pub refused_registers: u64,
    pub restarts: u64,
    /// Page events from devices that may not send them, and asked for no ack.
    pub ignored_page_events: u64,
    /// Events that apps emitted for the business server, handed to the writer.
    pub client_events: u64,
}

impl std::ops::Add for Counters {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            sessions: self.sessions + other.sessions,
            registered: self.registered + other.registered,
            unregistered: self.unregistered + other.unregistered,
            copied_ids: self.copied_ids + other.copied_ids,
            broadcasts_written: self.broadcasts_written + other.broadcasts_written,
            directs_written: self.directs_written + other.directs_written,
            proofs: self.proofs + other.proofs,
            windows: self.windows + other.windows,
            moves: self.moves + other.moves,
            displaced: self.displaced + other.displaced,
            refused_registers: self.refused_registers + other.refused_registers,
            restarts: self.restarts + other.restarts,
            ignored_page_events: self.ignored_page_events + other.ignored_page_events,
            client_events: self.client_events + other.client_events,
        }
    }
}

pub struct Roster {
    config: Config,
    /// Log time of moment 0.
    clock: u64,
    sessions: Slab<Session>,
    /// Who there is to serve.
    apps: Directory,
    /// By app, who hears its broadcasts; a hole where somebody left while a walk was under way.
    members: HashMap<AppNo, Vec<u32>>,
    homes: HashMap<RegNo, Home>,
    seats: HashMap<Dev, Seat>,
    /// Which of the registrations here are in a topic.
    topics: HashMap<TopicNo, BTreeSet<RegNo>>,
    /// Who came into topics or left them while somebody was asking: when last, and which.
    passed: BTreeMap<(RegNo, TopicNo), (Position, bool)>,
    /// `Register` requests with the writer. Until they are answered nobody knows whose device is whose, so the proofs of
    /// that uid's sockets wait.
    asking: HashMap<Ticket, Uid>,
    /// Registrations whose sockets were closed while somebody was asking: an older answer may still be on its way.
    ended: HashMap<RegNo, (Position, facts::Ending)>,
    processed: Position,
    saving: Saving,
    /// Polling sessions that moved here keep the sid of where they began.
    arrived: HashMap<[u8; 12], u32>,
    /// ... and leave a note where they were.
    gone_to: HashMap<[u8; 12], u16>,
    /// Address and agent of clients whose session ended at its first 302.
    lost_at_redirect: HashMap<(IpAddr, Print), Moment>,
    walk: Option<facts::Walk>,
    /// A walk goes through this app's `members` by place.
    walking: Option<AppNo>,
    backlog: facts::Backlogs,
    budget: usize,
    recalls: Recalls,
    questions: Questions,
    dice: Dice,
    out: VecDeque<Output>,
    effects: Vec<Effect>,
    counters: Counters,
    draining: bool,
}

impl Roster {
    /// `clock`: log time (ms) at moment 0. `apps`: as they are at `processed`, or later.
    pub fn new(config: Config, clock: Millis, processed: Position, apps: Directory) -> Self {
        Self {
            clock: clock.0,
            sessions: Slab::new(),
            apps,
            members: HashMap::new(),
            homes: HashMap::new(),
            seats: HashMap::new(),
            topics: HashMap::new(),
            passed: BTreeMap::new(),
            asking: HashMap::new(),
            ended: HashMap::new(),
            processed,
            saving: Saving::default(),
            arrived: HashMap::new(),
            gone_to: HashMap::new(),
            lost_at_redirect: HashMap::new(),
            walk: None,
            walking: None,
            backlog: VecDeque::new(),
            budget: config.limits.queue_bytes_total / config.workers.max(1),
            recalls: Recalls::default(),
            questions: Questions::default(),
            dice: Dice(config.seed ^ u64::from(config.worker) << 32),
            out: VecDeque::new(),
            effects: Vec::new(),
            counters: Counters::default(),
            draining: false,
            config,
        }
    }

    /// The last position that every session here has been offered.
    pub fn processed(&self) -> Position {
        self.processed
    }

    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn counters(&self) -> Counters {
        let sessions = self.sessions.len() as u64;
        let registered: usize = self.homes.values().map(|home| home.slots.len()).sum();
        Counters { sessions, unregistered: sessions.saturating_sub(registered as u64), ..self.counters }
    }

    pub fn vacancy(&self) -> u32 {
        self.sessions.vacancy()
    }

    /// Log time now.
    fn time(&self, now: Moment) -> Millis {
        Millis(self.clock + now.0)
    }

    /// The wall clock and the monotonic one have drifted apart: log time at moment 0 is this now.
    pub fn set_clock(&mut self, clock: Millis) {
        self.clock = clock.0;
    }

    pub fn open(&mut self, now: Moment, opening: Opening<'_>, client: Client<'_>) -> Result<(), Response> {
        if self.draining {
            return Err(Response { status: 503, ..Fault::BadRequest.response() });
        }
        let slot = self.sessions.vacancy();
        let peer = self.peer(now, &opening, client);
        let tenant = self.dice.roll() as u32;
        let session = Session::open(&mut self.context(now, slot), &opening, peer, tenant);
        self.sessions.insert(session);
        self.apply(now, slot);
        Ok(())
    }

    fn peer(&mut self, now: Moment, opening: &Opening<'_>, client: Client<'_>) -> Peer {
        let print = fingerprint(opening, client.agent);
        let is_java = ["Java/", "Dalvik/", "okhttp/"].iter().any(|name| client.agent.starts_with(name));
        let lost = self.lost_at_redirect.get(&(client.addr, print)).is_some_and(|until| *until > now);
        let tunnelled = client.trusted && self.config.proxy_tunnels;
        Peer { addr: client.addr, print, follows_redirects: is_java && !lost, pongs_prove: !client.proxied || tunnelled }
    }

    pub fn find(&self, sid: &Sid) -> Found {
        if let Some(slot) = self.arrived.get(&sid.key) {
            return Found::Here(*slot);
        }
        if sid.worker != self.config.worker {
            return Found::Elsewhere(sid.worker);
        }
        match (self.sessions.get(sid.slot), self.gone_to.get(&sid.key)) {
            (Some(session), _) if session.key == sid.key => Found::Here(sid.slot),
            (_, Some(worker)) => Found::Elsewhere(*worker),
            _ => Found::Unknown,
        }
    }

    pub fn handle_input(&mut self, now: Moment, slot: u32, input: Input<'_>) {
        self.with(now, slot, |session, cx| session.handle_input(cx, input));
    }

    pub fn handle_timeout(&mut self, now: Moment, slot: u32) {
        self.with(now, slot, |session, cx| session.handle_timeout(cx));
    }

    /// The next thing to be done. None: nothing until the next input.
    pub fn poll_output(&mut self, now: Moment) -> Option<Output> {
        loop {
            if let Some(output) = self.out.pop_front() {
                return Some(output);
            }
            if !self.step_walk(now) && !self.step_backlog(now) {
                return None;
            }
        }
    }

    /// Runs `f` on a session and deals with what it could not do alone.
    fn with(&mut self, now: Moment, slot: u32, f: impl FnOnce(&mut Session, &mut Context<'_>)) {
        // The session is lent its context beside the slab, so both are borrowed apart.
        let time = self.time(now);
        let Self { config, apps, sessions, processed, budget, recalls, questions, dice, out, effects, .. } = self;
        let Some(session) = sessions.get_mut(slot) else { return };
        let mut cx = Context { now, time, config, apps, slot, processed: *processed, budget, recalls, questions, dice, out, effects };
        f(session, &mut cx);
        self.apply(now, slot);
    }

    fn context(&mut self, now: Moment, slot: u32) -> Context<'_> {
        let time = self.time(now);
        let Self { config, apps, processed, budget, recalls, questions, dice, out, effects, .. } = self;
        Context { now, time, config, apps, slot, processed: *processed, budget, recalls, questions, dice, out, effects }
    }

    fn apply(&mut self, now: Moment, slot: u32) {
        while !self.effects.is_empty() {
            for effect in std::mem::take(&mut self.effects) {
                self.apply_one(now, slot, effect);
            }
        }
    }

    fn apply_one(&mut self, now: Moment, slot: u32, effect: Effect) {
        match effect {
            Effect::Joined => self.join(slot),
            Effect::Left => {
                self.unlist(slot);
                self.detach(now, slot);
                if !self.config.heard.is_empty() {
                    self.out.push_back(Output::Left(slot));
                }
            }
            Effect::Register => self.register(now, slot),
            Effect::Restarted => self.counters.restarts += 1,
            Effect::Proven => self.saving.dirty(slot),
            Effect::FormerProven(proof) => self.saving.former(proof),
            Effect::Report(said) => self.report(slot, said),
            Effect::Emit(event, ack) => self.emit(slot, event, ack),
            Effect::Heard(heard, ack) => self.heard(slot, heard, ack),
            Effect::RegisterRefused => self.counters.refused_registers += 1,
            Effect::Ignored => self.counters.ignored_page_events += 1,
            Effect::Read { after, upto } => {
                self.counters.windows += 1;
                self.read(slot, after, upto);
            }
            Effect::Adopt => self.adopt(slot),
            Effect::Closed => self.bury(now, slot),
        }
    }

    fn join(&mut self, slot: u32) {
        if self.sessions.get(slot).is_some_and(|session| session.app != session.member.app) {
            // It was on `/` unasked, and has gone to its own app.
            self.unlist(slot);
        }
        let Some(session) = self.sessions.get_mut(slot) else { return };
        if session.is_member() && session.member.place == u32::MAX {
            let members = self.members.entry(session.app).or_default();
            session.member = Member { app: session.app, place: members.len() as u32 };
            members.push(slot);
        }
    }

    /// Takes a session off the list of members.
    fn unlist(&mut self, slot: u32) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let Member { app, place } = std::mem::replace(&mut session.member, Member::NOBODY);
        if place == u32::MAX {
            return;
        }
        let Some(members) = self.members.get_mut(&app) else { return };
        if self.walking == Some(app) {
            // The walk goes by places: leave a hole, it is filled when the walk is over.
            members[place as usize] = u32::MAX;
            return;
        }
        members.swap_remove(place as usize);
        self.replace_member(app, place);
    }

    /// Somebody else may stand at `place` now.
    fn replace_member(&mut self, app: AppNo, place: u32) {
        if let Some(moved) = self.members.get(&app).and_then(|members| members.get(place as usize)).copied()
            && let Some(session) = self.sessions.get_mut(moved)
        {
            session.member = Member { app, place };
        }
    }

    fn heard(&mut self, slot: u32, heard: Heard, ack: Option<u64>) {
        let Some(session) = self.sessions.get(slot) else { return };
        self.out.push_back(Output::Heard(Ticket { ack, ..session.ticket(slot) }, heard));
    }

    /// Tells a socket something beyond the contract; one that is gone, or does not read, goes without.
    pub fn say(&mut self, now: Moment, ticket: Ticket, saying: &Saying) {
        if self.is_tenant(ticket) {
            self.with(now, ticket.slot, |session, cx| session.told(cx, ticket.ack, saying));
        }
    }

    fn read(&mut self, slot: u32, after: Position, upto: Position) {
        let Some(session) = self.sessions.get(slot) else { return };
        let ticket = session.ticket(slot);
        let dev = session.registered().and_then(|registered| registered.dev);
        let query = match dev {
            Some(dev) => {
                let first = after == session.stream.started;
                Query::Mailbox(tidings_model::MailboxQuery {
                    dev,
                    after,
                    upto,
                    messages_max: WINDOW_MESSAGES,
                    bytes_max: WINDOW_BYTES,
                    first,
                })
            }
            None => Query::Broadcasts(tidings_model::BroadcastQuery {
                app: session.app,
                after,
                upto,
                messages_max: WINDOW_MESSAGES,
                bytes_max: WINDOW_BYTES,
            }),
        };
        self.out.push_back(Output::Read(ticket, query));
    }

    /// A page that was asked for; None: the read failed and may be asked again.
    pub fn page(&mut self, now: Moment, ticket: Ticket, page: Option<&tidings_model::Page>) {
        if !self.is_tenant(ticket) {
            return;
        }
        self.with(now, ticket.slot, |session, cx| match page {
            Some(page) => session.page(cx, page),
            None => session.page_failed(cx),
        });
    }

    /// A session's end: its last proofs leave, then the news that it is gone.
    fn bury(&mut self, now: Moment, slot: u32) {
        self.unlist(slot);
        self.detach(now, slot);
        let Some(mut session) = self.sessions.remove(slot) else { return };
        session.stream.clear(&mut self.budget);
        self.arrived.remove(&session.key);
        if session.engine.never_followed() {
            self.remember_lost(now, session.peer);
        }
        self.out.push_back(Output::Gone(slot));
    }

    fn remember_lost(&mut self, now: Moment, peer: Peer) {
        const REMEMBER: std::time::Duration = std::time::Duration::from_secs(3600);
        const AT_MOST: usize = 10_000;
        if self.lost_at_redirect.len() >= AT_MOST {
            self.lost_at_redirect.retain(|_, until| *until > now);
        }
        if self.lost_at_redirect.len() < AT_MOST {
            self.lost_at_redirect.insert((peer.addr, peer.print), now + REMEMBER);
        }
    }

    /// A session leaves for the worker of its registration.
    pub fn depart(&mut self, slot: u32, to: u16) -> Option<Traveller> {
        self.unlist(slot);
        let mut session = self.sessions.remove(slot)?;
        self.counters.moves += 1;
        session.forget_deadline();
        let here = self.config.worker;
        let sid = if self.arrived.remove(&session.key).is_some() { (u16::MAX, 0) } else { (here, slot) };
        if session.engine.is_polling() {
            self.gone_to.insert(session.key, to);
        }
        Some(Traveller { session, sid })
    }

    /// Takes a session in; where it wants to register, it registers now.
    pub fn arrive(&mut self, now: Moment, traveller: Traveller) -> u32 {
        let Traveller { session, sid } = traveller;
        let (key, polls) = (session.key, session.engine.is_polling());
        let slot = self.sessions.insert(session);
        if polls && sid != (self.config.worker, slot) {
            self.arrived.insert(key, slot);
        }
        let processed = self.processed;
        if let Some(session) = self.sessions.get_mut(slot) {
            session.stream.arrive(processed);
            // Where it was, the log may not have been read as far as here.
            self.recalls.iter().for_each(|message| session.withdraw(message, &mut self.budget));
        }
        if self.is_gone(slot) {
            self.with(now, slot, |session, cx| session.expel(cx, true));
            return slot;
        }
        self.join(slot);
        self.with(now, slot, |session, cx| {
            session.heed_others(cx);
            session.settle(cx);
        });
        let waits = |session: &Session| matches!(&session.phase, Phase::Registering(registering) if !registering.asked);
        if self.sessions.get(slot).is_some_and(waits) {
            self.register(now, slot);
        }
        slot
    }

    /// The process stops: a last question to everybody, and the end when it is answered.
    pub fn drain(&mut self, now: Moment) {
        self.draining = true;
        let slots: Vec<u32> = self.sessions.slots().collect();
        for slot in slots {
            self.with(now, slot, |session, cx| session.drain(cx));
        }
    }
}

/// A window of a replay.
const WINDOW_MESSAGES: usize = 64;
const WINDOW_BYTES: usize = 64 * 1024;

/// Engine.IO revision and User-Agent with digits removed, never the transport. FNV-1a: it is stored, so it must not change.
fn fingerprint(opening: &Opening<'_>, agent: &str) -> Print {
    let revision = match opening.revision {
        tidings_engineio::Revision::V3 => b'3',
        tidings_engineio::Revision::V4 => b'4',
    };
    let bytes = std::iter::once(revision).chain(agent.bytes().filter(|byte| !byte.is_ascii_digit()));
    Print(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)))
}
