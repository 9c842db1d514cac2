//! Decisions on top of decisions that fall: what left the store is true whatever failed, and what was refused for certain is nowhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use tidings_json::{Json, unescape};
use tidings_model::{
    Answer, AppNo, Attached, Code, Content, Dev, DeviceId, Draft, Fact, Idempotency, Leave, Lifetime, Limits, Millis, Position, Print,
    RegNo, Register, Request, SocketId, Target, Uid,
};

use super::history::Rng;
use crate::{Fault, MemStore};

struct Pipeline {
    store: MemStore,
    rng: Rng,
    now: u64,
    tickets: u64,
    asked: BTreeMap<u64, Request>,
    /// Sockets as the answers left them, with the device that each serves.
    sockets: BTreeMap<SocketId, (RegNo, Option<Dev>)>,
    answers: BTreeMap<u64, Answer>,
    keys: HashMap<[u8; 16], String>,
    accepted: BTreeMap<u64, (String, Position)>,
    unstored: BTreeSet<u64>,
}

fn limits() -> Limits {
    Limits { devices_per_uid: 2, sockets_per_uid: 1000, disk_reserve_bytes: 0, ..Limits::default() }
}

impl Pipeline {
    fn new(seed: u64) -> Self {
        Self {
            store: MemStore::new(limits(), 4, seed),
            rng: Rng::new(seed),
            now: 1_700_000_000_000,
            tickets: 0,
            asked: BTreeMap::new(),
            sockets: BTreeMap::new(),
            answers: BTreeMap::new(),
            keys: HashMap::new(),
            accepted: BTreeMap::new(),
            unstored: BTreeSet::new(),
        }
    }

    fn step(&mut self) {
        match self.rng.below(12) {
            0..=4 => self.ask_something(),
            5..=6 => self.store.decide(Millis(self.now)),
            7 => {
                let fault = [Fault::Full, Fault::UnknownStored, Fault::UnknownLost]
                    .get(self.rng.below(20) as usize)
                    .copied()
                    .unwrap_or(Fault::None);
                self.store.append(fault);
            }
            8..=9 => self.notify(),
            10 => self.store.timers(Millis(self.now)),
            _ => self.now += self.rng.below(1500),
        }
        if self.rng.below(30) == 0 {
            self.store.merge();
        }
    }

    fn ask_something(&mut self) {
        let uid = Uid::trusted(["a", "b"][self.rng.below(2) as usize]);
        self.tickets += 1;
        let request = match self.rng.below(5) {
            0..=1 => {
                let device_id = (self.rng.below(2) == 0).then(|| DeviceId::trusted(["x", "y", "z"][self.rng.below(3) as usize]));
                let (app, print, addr) = (AppNo::DEFAULT, Print(self.rng.below(2)), IpAddr::from([10, 0, 0, 1]));
                Request::Register(Register { app, uid, device_id, print, addr, socket: SocketId(self.tickets) })
            }
            2 => match self.sockets.iter().nth(self.rng.below(4) as usize) {
                Some((socket, (reg, _))) => Request::Leave(Leave { reg: *reg, socket: *socket }),
                None => return,
            },
            _ => {
                let idempotency = (self.rng.below(2) == 0).then(|| Idempotency { key: [self.rng.below(30) as u8; 16], request: 0 });
                let data = Json::string(&self.tickets.to_string());
                Request::Publish(Draft { idempotency, ..Draft::new(AppNo::DEFAULT, Target::Uids(vec![uid]), Content::data(data)) })
            }
        };
        self.asked.insert(self.tickets, request.clone());
        self.store.ask(self.tickets, request);
    }

    fn notify(&mut self) {
        let (answers, _) = self.store.notify();
        self.answers.extend(answers);
        // A socket is known to its worker once the answer is there; what it leaves is asked for only then.
        self.settle_answers();
    }

    /// Answers in the order of deciding, as far as they are complete.
    fn settle_answers(&mut self) {
        while let Some((ticket, _)) = self.asked.first_key_value() {
            let ticket = *ticket;
            let Some(answer) = self.answers.remove(&ticket) else { return };
            let request = self.asked.remove(&ticket).expect("it was asked");
            self.learn(ticket, &request, answer);
        }
    }

    fn learn(&mut self, ticket: u64, request: &Request, answer: Answer) {
        match (request, answer) {
            (_, Answer::Attached(attached)) => self.attach(&attached),
            (Request::Leave(leave), _) => {
                self.sockets.remove(&leave.socket);
            }
            (Request::Publish(draft), Answer::Accepted(accepted)) => {
                let id = accepted.id.to_string();
                if let Some(idempotency) = draft.idempotency {
                    assert_eq!(*self.keys.entry(idempotency.key).or_insert_with(|| id.clone()), id, "a key gave two answers");
                }
                if !accepted.replayed {
                    self.accepted.insert(ticket, (id, accepted.at));
                }
            }
            (Request::Publish(_), Answer::Refused(refusal)) if refusal.code == Code::StorageUnavailable => {
                self.unstored.insert(ticket);
            }
            _ => {}
        }
    }

    fn attach(&mut self, attached: &Attached) {
        let before = self.sockets.iter_mut().find(|(_, (_, dev))| dev.is_some() && *dev == attached.dev);
        assert_eq!(before.as_ref().map(|(socket, _)| **socket), attached.displaced, "{attached:?}");
        if let Some((_, (_, dev))) = before {
            *dev = None;
        }
        self.sockets.insert(attached.socket, (attached.reg, attached.dev));
    }

    fn crash(&mut self) {
        self.store.crash();
        self.asked.clear();
        self.answers.clear();
        self.sockets.clear();
    }

    /// Lets everything that waits come to its end.
    fn calm(&mut self) {
        for _ in 0..4 {
            self.now += 1000;
            self.store.decide(Millis(self.now));
            self.store.timers(Millis(self.now));
            self.store.append(Fault::None);
            self.notify();
        }
        assert!(self.asked.is_empty() && !self.store.is_read_only(), "{:?}", self.asked);
        self.store.merge();
    }

    /// What left is what is there.
    fn check(&mut self) {
        self.calm();
        let (mut stored, mut devices, mut dead, mut keys) = (HashMap::new(), HashMap::new(), BTreeSet::new(), BTreeSet::new());
        for entry in self.store.read(Position::ZERO, self.store.durable()).entries {
            match &*entry.fact {
                Fact::Published(message) => {
                    let ticket: u64 = unescape(message.content.body.text()).and_then(|text| text.parse().ok()).expect("a ticket");
                    assert!(stored.insert(ticket, (message.id.to_string(), entry.at)).is_none(), "stored twice");
                    assert!(message.idempotency.is_none_or(|idempotency| keys.insert(idempotency.key)), "a key made two messages");
                }
                Fact::Registered(fact) => {
                    devices.insert(fact.dev, fact.reg);
                }
                Fact::Ghost(fact) => {
                    devices.insert(fact.dev, fact.reg);
                }
                Fact::Unregistered(fact) => dead.extend(fact.regs.iter().map(|(reg, _)| *reg)),
                _ => {}
            }
        }
        for (ticket, message) in &self.accepted {
            assert_eq!(stored.get(ticket), Some(message));
        }
        assert!(self.unstored.iter().all(|ticket| !stored.contains_key(ticket)), "certainly not stored, and yet it is");
        assert!(self.sockets.values().all(|(reg, dev)| dev.is_none_or(|dev| devices.get(&dev) == Some(reg))));
        self.check_online(&dead);
    }

    /// The writer counts exactly the sockets that were answered and have not left.
    fn check_online(&mut self, dead: &BTreeSet<RegNo>) {
        let serving = self.sockets.values().filter(|(reg, dev)| dev.is_some() && !dead.contains(reg)).count();
        self.tickets += 1;
        let content = Content::data(Json::string(&self.tickets.to_string()));
        let draft = Draft { lifetime: Lifetime::Ttl(0), ..Draft::new(AppNo::DEFAULT, Target::All, content) };
        self.store.ask(self.tickets, Request::Publish(draft));
        self.store.decide(Millis(self.now));
        self.store.append(Fault::None);
        let (answers, _) = self.store.notify();
        let [(_, Answer::Accepted(accepted))] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!(accepted.online as usize, serving);
    }
}

#[test]
fn what_left_is_true_whatever_fell_above_it() {
    let (mut accepted, mut unstored) = (0, 0);
    for seed in 0..60 {
        let mut pipeline = Pipeline::new(seed);
        for _ in 0..10 {
            for _ in 0..80 {
                pipeline.step();
            }
            if pipeline.rng.below(3) == 0 {
                pipeline.crash();
            }
            pipeline.check();
        }
        accepted += pipeline.accepted.len();
        unstored += pipeline.unstored.len();
    }
    assert!(accepted > 2000 && unstored > 500, "{accepted} {unstored}");
}
