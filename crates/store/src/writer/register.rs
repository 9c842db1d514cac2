//! A socket says whose it is: registrations, devices, ghosts, extras.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use tidings_model::{
    Adopt, Answer, Attached, Code, Dev, Fact, Ghost as GhostFact, Millis, Position, Refusal, RegNo, Register, Registered, SocketId, Token,
    Unregistered, UserNo, Why,
};

use super::batch::Undo;
use super::ghosts::{self, Choice, Ghost};
use super::layers::Rests;
use super::presence::Place;
use super::{Beneath, Writer};
use crate::ReadError;
use crate::views::{Reg, Rows, User};

/// What a fact of this room may take in a record, at most.
const FACT_BYTES: usize = 400;

/// New registrations of each address in this hour of log time.
#[derive(Default)]
pub(super) struct Newcomers {
    hour: u64,
    from: HashMap<IpAddr, u32>,
}

impl Newcomers {
    fn admit(&mut self, addr: IpAddr, limit: u32, now: Millis) -> bool {
        if limit == 0 {
            return true;
        }
        let hour = now.0 / 3_600_000;
        if hour != self.hour {
            (self.hour, self.from) = (hour, HashMap::new());
        }
        let count = self.from.entry(addr).or_default();
        *count += 1;
        *count <= limit
    }
}

/// A known registration and whose it is.
struct Known {
    no: RegNo,
    reg: Arc<Reg>,
}

impl<B: Beneath, T> Writer<B, T> {
    pub(super) fn register(&mut self, ask: &Register) -> Result<Answer, ReadError> {
        if let Err(refusal) = self.serving(ask.app) {
            return Ok(Answer::Refused(refusal));
        }
        let user_no = self.layers.user_no(ask.app, &ask.uid)?;
        let user = match user_no {
            Some(no) => self.layers.user(no)?.map(|user| (no, user)),
            None => None,
        };
        let known = self.known(user.as_ref().map(|(_, user)| &**user), ask)?;
        let before = self.presence.reg_of(ask.socket);
        if before.is_none() && user_no.is_some_and(|user| self.presence.sockets_of(user) >= self.limits.sockets_per_uid) {
            let limit = self.limits.sockets_per_uid as u64;
            return Ok(Answer::Refused(
                Refusal::new(Code::QuotaExceeded, "this uid has as many sockets as it may have").field("uid").sizes(limit, limit + 1),
            ));
        }
        if let Some(known) = &known
            && before == Some(known.no)
            && let Some(dev) = self.presence.dev_of(known.no, ask.socket)
        {
            return self.served(known, ask.socket, Some(dev));
        }
        match known {
            Some(known) if ask.device_id.is_some() => self.come_back(&known, ask),
            Some(known) => self.come_as_ghost(&known, ask),
            None => self.first_time(user, ask),
        }
    }

    /// The living registration that is meant, if there is one.
    fn known(&mut self, user: Option<&User>, ask: &Register) -> Result<Option<Known>, ReadError> {
        for no in user.map_or(&[][..], |user| &user.regs) {
            if let Some(reg) = self.layers.reg(*no)?
                && reg.device_id == ask.device_id
            {
                return Ok(Some(Known { no: *no, reg }));
            }
        }
        Ok(None)
    }

    fn come_back(&mut self, known: &Known, ask: &Register) -> Result<Answer, ReadError> {
        let dev = known.reg.devs.first().copied();
        self.attach(known, ask, dev)
    }

    fn come_as_ghost(&mut self, known: &Known, ask: &Register) -> Result<Answer, ReadError> {
        let ghosts = self.ghosts(known)?;
        match ghosts::choose(&ghosts, ask.print, ask.addr, self.now) {
            Choice::Back(dev) | Choice::Over(dev) => self.attach(known, ask, Some(dev)),
            Choice::Extra => self.attach(known, ask, None),
            Choice::New { heir_of, ends } => {
                let new = NewGhost {
                    print: ask.print,
                    addr: ask.addr,
                    heir_of: heir_of.map(|(dev, _)| dev),
                    cursor: heir_of.map(|(_, cursor)| cursor),
                    ends,
                };
                match self.new_ghost(known, new)? {
                    Ok(dev) => self.attach(known, ask, Some(dev)),
                    Err(refusal) => Ok(Answer::Refused(refusal)),
                }
            }
        }
    }

    fn ghosts(&mut self, known: &Known) -> Result<Vec<Ghost>, ReadError> {
        let mut ghosts = Vec::with_capacity(known.reg.devs.len());
        for dev in &known.reg.devs {
            let (Some(device), Some(cursor)) = (self.layers.device(*dev)?, self.layers.cursor(*dev)?) else { continue };
            ghosts.push(Ghost {
                dev: *dev,
                print: device.print,
                addr: device.addr,
                cursor: cursor.at,
                seen: self.presence.left(*dev).map_or(cursor.seen, |left| left.max(cursor.seen)),
                serving: self.presence.serving(known.no, *dev),
            });
        }
        Ok(ghosts)
    }

    fn new_ghost(&mut self, known: &Known, new: NewGhost) -> Result<Result<Dev, Refusal>, ReadError> {
        let mut at = match self.room(2, 2 * FACT_BYTES) {
            Ok(at) => at,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let bit = self.worker_bit(known.reg.app, &known.reg.uid);
        if let Some(ends) = new.ends {
            self.put(Fact::Unregistered(Unregistered { regs: Vec::new(), ghosts: vec![ends] }), bit)?;
            at = Position::new(at.record(), at.index() + 1);
        }
        let dev = Dev(self.layers.numbers().dev);
        let NewGhost { print, addr, heir_of, cursor, .. } = new;
        let fact = GhostFact { reg: known.no, dev, print, addr, heir_of, cursor: cursor.unwrap_or(at) };
        self.put(Fact::Ghost(fact), bit)?;
        Ok(Ok(dev))
    }

    fn first_time(&mut self, user: Option<(UserNo, Arc<User>)>, ask: &Register) -> Result<Answer, ReadError> {
        if !self.newcomers.admit(ask.addr, self.limits.registrations_per_address_per_hour, self.now) {
            let limit = u64::from(self.limits.registrations_per_address_per_hour);
            return Ok(Answer::Refused(
                Refusal::new(Code::RateLimited, "this address has made as many registrations as it may in an hour").sizes(limit, limit + 1),
            ));
        }
        let evicted = match &user {
            Some((_, user)) if ask.device_id.is_some() => self.oldest_beyond(user)?,
            _ => None,
        };
        let mut at = match self.room(2, 2 * FACT_BYTES) {
            Ok(at) => at,
            Err(refusal) => return Ok(Answer::Refused(refusal)),
        };
        let bit = self.worker_bit(ask.app, &ask.uid);
        if let Some(reg) = evicted {
            self.put(Fact::Unregistered(Unregistered { regs: vec![(reg, Why::Evicted)], ghosts: Vec::new() }), bit)?;
            let ended = self.presence.end(reg);
            self.batching.undo(Undo::Ended(ended), Rests::Open);
            at = Position::new(at.record(), at.index() + 1);
        }
        let token = Token::from_random(self.dice.draw());
        let numbers = self.layers.numbers();
        let (reg, dev) = (RegNo(numbers.reg), Dev(numbers.dev));
        let fact = Registered {
            app: ask.app,
            user: user.map_or(UserNo(numbers.user), |(no, _)| no),
            uid: ask.uid.clone(),
            reg,
            token,
            device_id: ask.device_id.clone(),
            dev,
            print: ask.print,
            addr: ask.addr,
            cursor: at,
            first: true,
        };
        self.put(Fact::Registered(fact), bit)?;
        match self.layers.reg(reg)? {
            Some(new) => self.attach(&Known { no: reg, reg: new }, ask, Some(dev)),
            None => Err(ReadError::Corrupt { at, what: "a registration that was just made is missing" }),
        }
    }

    /// The registration with a device id that was unseen longest (who is online is seen now), where the user has as many as it may have.
    fn oldest_beyond(&mut self, user: &User) -> Result<Option<RegNo>, ReadError> {
        let mut seen = Vec::new();
        for no in &user.regs {
            let Some(reg) = self.layers.reg(*no)?.filter(|reg| reg.device_id.is_some()) else { continue };
            seen.push((self.presence.is_online(*no), self.last_seen(&reg)?, *no));
        }
        Ok(if seen.len() < self.limits.devices_per_uid { None } else { seen.into_iter().min().map(|(.., no)| no) })
    }

    fn last_seen(&mut self, reg: &Reg) -> Result<Millis, ReadError> {
        let mut seen = Millis(0);
        for dev in &reg.devs {
            let stored = self.layers.cursor(*dev)?.map_or(Millis(0), |cursor| cursor.seen);
            seen = seen.max(stored).max(self.presence.left(*dev).unwrap_or_default());
        }
        Ok(seen)
    }

    fn attach(&mut self, known: &Known, ask: &Register, dev: Option<Dev>) -> Result<Answer, ReadError> {
        if let Some(before) = self.presence.reg_of(ask.socket).filter(|before| *before != known.no) {
            // Registered as somebody else without leaving first: the last one counts.
            self.presence.leave(before, ask.socket, self.now);
        }
        let displaced =
            dev.and_then(|dev| self.presence.serving(known.no, dev)).map(|(socket, _)| socket).filter(|socket| *socket != ask.socket);
        self.serve(known, ask.socket, dev, displaced)
    }

    /// The socket is the registration's from here on.
    fn serve(&mut self, known: &Known, socket: SocketId, dev: Option<Dev>, displaced: Option<SocketId>) -> Result<Answer, ReadError> {
        let answer = self.attached(known, socket, dev, displaced)?;
        let place = Place { app: known.reg.app, user: known.reg.user, reg: known.no, topics: answer.topics.clone() };
        let attachment = self.presence.attach(place, socket, dev, self.now);
        self.batching.undo(Undo::Attached(attachment), self.layers.rests);
        Ok(Answer::Attached(answer))
    }

    fn served(&mut self, known: &Known, socket: SocketId, dev: Option<Dev>) -> Result<Answer, ReadError> {
        self.attached(known, socket, dev, None).map(Answer::Attached)
    }

    fn attached(&mut self, known: &Known, socket: SocketId, dev: Option<Dev>, displaced: Option<SocketId>) -> Result<Attached, ReadError> {
        let cursor = match dev {
            Some(dev) => self.layers.cursor(dev)?.map(|cursor| cursor.at),
            None => None,
        };
        let topics = self.layers.stays(known.no)?.now().collect();
        let at = self.seen();
        let (reg, token) = (known.no, known.reg.token.clone());
        Ok(Attached { socket, reg, token, dev, cursor: cursor.unwrap_or(at), at, displaced, topics })
    }

    /// An extra answered its question: it becomes a ghost of its own, at its own proven position.
    pub(super) fn adopt(&mut self, ask: &Adopt) -> Result<Answer, ReadError> {
        let Some(reg) = self.layers.reg(ask.reg)?.filter(|reg| reg.dead.is_none()) else {
            return Ok(Answer::Refused(Refusal::new(Code::TokenUnregistered, "this registration has ended")));
        };
        let known = Known { no: ask.reg, reg };
        if let Some(dev) = self.presence.dev_of(known.no, ask.socket) {
            return self.served(&known, ask.socket, Some(dev));
        }
        if known.reg.device_id.is_some() {
            return self.served(&known, ask.socket, None);
        }
        let ghosts = self.ghosts(&known)?;
        let Choice::New { ends, .. } = ghosts::one_more(&ghosts) else {
            return self.served(&known, ask.socket, None);
        };
        // What it has not proven yet lies in the mailbox of a ghost that was there before.
        let heir_of = known.reg.devs.iter().copied().find(|dev| Some(*dev) != ends);
        let new = NewGhost { print: ask.print, addr: ask.addr, heir_of, cursor: Some(ask.cursor), ends };
        let dev = match self.new_ghost(&known, new)? {
            Ok(dev) => dev,
            Err(refusal) => return Ok(Answer::Refused(refusal)),
        };
        self.serve(&known, ask.socket, Some(dev), None)
    }
}

/// A ghost to be made; without a cursor it starts at now.
struct NewGhost {
    print: tidings_model::Print,
    addr: IpAddr,
    heir_of: Option<Dev>,
    cursor: Option<Position>,
    ends: Option<Dev>,
}
