//! What a store must answer, said as plainly as possible: lists, no layers, no log. Which of several fitting ghosts is taken
//! is the store's choice (its own tables test that); everything else is held against this.

use std::collections::{BTreeMap, BTreeSet};

use tidings_model::{
    Accepted, Adopt, Answer, Attached, ClientEvent, Code, CollapseKey, Counted, Dev, Draft, End, Fact, Idempotency, Lifetime, Limits,
    MailboxQuery, MessageId, Millis, Named, Page, Position, Proofs, Recall, RegNo, Register, Report, Request, SocketId, Strictness,
    Subscribe, Subscribers, Target, Targets, Token, TopicName, TopicNo, Uid,
};

use super::history::{Act, Outcome};

mod sinks;

struct Reg {
    uid: Uid,
    device_id: Option<tidings_model::DeviceId>,
    token: Token,
    is_dead: bool,
}

struct Device {
    reg: RegNo,
    print: tidings_model::Print,
    addr: std::net::IpAddr,
    cursor: Position,
    /// A proof moved it so far.
    proven: Position,
    born: Position,
    heir_of: Option<Dev>,
    is_dead: bool,
}

struct Message {
    at: Position,
    id: MessageId,
    targets: Targets,
    expires: u64,
    time: u64,
    len: usize,
    key: Option<CollapseKey>,
    /// Mailboxes that it has left for a newer one with its key.
    left: BTreeSet<Dev>,
    recalled: bool,
    /// To a topic: who was in it.
    members: BTreeSet<RegNo>,
}

impl Message {
    fn is_direct_to(&self, dev: Dev) -> bool {
        matches!(&self.targets, Targets::Devices(devs) if devs.contains(&dev))
    }
}

#[derive(Clone, Copy)]
struct Socket {
    reg: RegNo,
    dev: Option<Dev>,
}

type Meant = (Option<Uid>, Result<Vec<RegNo>, Code>);
type Facts<'a> = &'a [(Position, Millis, Fact)];

pub(super) struct Reference {
    limits: Limits,
    now: u64,
    regs: Vec<Reg>,
    devices: Vec<Device>,
    messages: Vec<Message>,
    had: BTreeSet<(Dev, Position)>,
    /// Direct messages that something other than time ended, and those whose end was told.
    lost: BTreeMap<(Dev, Position), End>,
    ended: BTreeSet<(Dev, Position)>,
    keys: BTreeMap<[u8; 16], (u64, u64, Accepted)>,
    sockets: BTreeMap<SocketId, Socket>,
    /// Who has registered and was not erased since.
    users: BTreeSet<Uid>,
    sinks: sinks::Sinks,
    /// In the order of their making.
    topics: Vec<TopicName>,
    /// Users with all that they have, and registrations.
    follows: BTreeSet<(Uid, TopicNo)>,
    members: BTreeSet<(RegNo, TopicNo)>,
}

impl Reference {
    pub(super) fn new(limits: Limits) -> Self {
        let (regs, devices, messages) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            limits,
            now: 1_700_000_000_000,
            regs,
            devices,
            messages,
            had: BTreeSet::new(),
            lost: BTreeMap::new(),
            ended: BTreeSet::new(),
            keys: BTreeMap::new(),
            sockets: BTreeMap::new(),
            users: BTreeSet::new(),
            sinks: sinks::Sinks::default(),
            topics: Vec::new(),
            follows: BTreeSet::new(),
            members: BTreeSet::new(),
        }
    }

    pub(super) fn check(&mut self, act: &Act, outcome: &Outcome, facts: Facts<'_>, context: &str) {
        match (act, outcome) {
            (Act::Advance(ms), _) => self.now += ms,
            (Act::Crash, _) => self.sockets.clear(),
            (Act::End, _) => self.end(facts, context),
            (Act::Ask(Request::Register(ask)), Outcome::Answer(answer)) => self.register(ask, answer, facts, context),
            (Act::Ask(Request::Adopt(ask)), Outcome::Answer(answer)) => self.adopt(ask, answer, facts, context),
            (Act::Ask(Request::Leave(ask)), _) => {
                if self.sockets.get(&ask.socket).is_some_and(|socket| socket.reg == ask.reg) {
                    self.sockets.remove(&ask.socket);
                }
            }
            (Act::Ask(Request::Publish(draft)), Outcome::Answer(answer)) => self.publish(draft, answer, facts, context),
            (Act::Ask(Request::Administer(ask)), Outcome::Answer(answer)) => self.sinks.administer(ask, answer, facts, context),
            (Act::Ask(Request::MoveSink(ask)), Outcome::Answer(answer)) => self.sinks.moves(ask, answer, facts, context),
            (Act::Ask(Request::Count(draft)), Outcome::Answer(answer)) => self.count(draft, answer, facts, context),
            (Act::Ask(Request::Prove(proofs)), _) => self.prove(proofs, facts, context),
            (Act::Ask(Request::Report(report)), _) => self.report(report, facts, context),
            (Act::Ask(Request::Emit(event)), Outcome::Answer(answer)) => self.emit(event, answer, facts, context),
            (Act::Ask(Request::Disconnect(named)), Outcome::Answer(answer)) => self.disconnect(named, answer, facts, context),
            (Act::Ask(Request::Recall(recall)), Outcome::Answer(answer)) => self.recall(recall, answer, facts, context),
            (Act::Ask(Request::Erase(named)), Outcome::Answer(answer)) => self.erase(named, answer, facts, context),
            (Act::Ask(Request::Subscribe(ask)), Outcome::Answer(answer)) => self.subscribe(ask, answer, facts, context),
            (Act::Read(query), Outcome::Page(page)) => self.read(query, page, context),
            _ => panic!("{context}"),
        }
    }

    fn device(&self, dev: Dev) -> &Device {
        &self.devices[dev.0 as usize]
    }

    fn ghosts(&self, reg: RegNo) -> Vec<Dev> {
        (0..self.devices.len() as u32).map(Dev).filter(|dev| self.device(*dev).reg == reg && !self.device(*dev).is_dead).collect()
    }

    fn serving(&self, dev: Dev) -> Option<SocketId> {
        self.sockets.iter().find(|(_, socket)| socket.dev == Some(dev)).map(|(id, _)| *id)
    }

    fn living(&self, uid: &Uid) -> Vec<RegNo> {
        (0..self.regs.len() as u32).map(RegNo).filter(|reg| self.reg(*reg).uid == *uid && !self.reg(*reg).is_dead).collect()
    }

    fn reg(&self, reg: RegNo) -> &Reg {
        &self.regs[reg.0 as usize]
    }

    fn register(&mut self, ask: &Register, answer: &Answer, facts: Facts<'_>, context: &str) {
        let of_user = self.sockets.values().filter(|socket| self.reg(socket.reg).uid == ask.uid).count();
        if !self.sockets.contains_key(&ask.socket) && of_user >= self.limits.sockets_per_uid {
            assert!(matches!(answer, Answer::Refused(refusal) if refusal.code == Code::QuotaExceeded), "{context}");
            return;
        }
        let Answer::Attached(attached) = answer else { panic!("{context}") };
        let known = self.living(&ask.uid).into_iter().find(|reg| self.reg(*reg).device_id == ask.device_id);
        match known {
            None => self.first_time(ask, attached, facts, context),
            Some(reg) => {
                assert_eq!((attached.reg, &attached.token), (reg, &self.reg(reg).token), "{context}");
                self.come_back(ask, attached, facts, context);
            }
        }
        let dev_serving = attached.dev.and_then(|dev| self.serving(dev)).filter(|socket| *socket != ask.socket);
        assert_eq!(attached.displaced, dev_serving, "{context}");
        if let Some(dev) = attached.dev {
            assert_eq!(attached.cursor, self.device(dev).cursor, "{context}");
        }
        assert_eq!(attached.topics, self.topics_of(attached.reg), "{context}");
        self.attach(attached);
    }

    fn topics_of(&self, reg: RegNo) -> Vec<TopicNo> {
        self.members.iter().filter(|(member, _)| *member == reg).map(|(_, topic)| *topic).collect()
    }

    /// A registration has ended: it is in no topic any more.
    fn leave_topics(&mut self, reg: RegNo) {
        self.members.retain(|(member, _)| *member != reg);
    }

    fn topic(&self, name: &TopicName) -> Option<TopicNo> {
        self.topics.iter().position(|other| other == name).map(|index| TopicNo(index as u32))
    }

    /// Whom each stands for: a user, and registrations.
    fn subscribers(&self, who: &Subscribers) -> Vec<Meant> {
        match who {
            Subscribers::Uids(uids) => uids
                .iter()
                .map(|uid| {
                    let living = if self.users.contains(uid) { Ok(self.living(uid)) } else { Err(Code::UnknownTarget) };
                    (Some(uid.clone()), living)
                })
                .collect(),
            Subscribers::Tokens(tokens) => tokens.iter().map(|token| (None, self.named(token.as_str()).map(|reg| vec![reg]))).collect(),
        }
    }

    fn subscribe(&mut self, ask: &Subscribe, answer: &Answer, facts: Facts<'_>, context: &str) {
        let topic = self.topic(&ask.topic).unwrap_or(TopicNo(self.topics.len() as u32));
        let (mut expected, mut users, mut regs) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for (uid, living) in self.subscribers(&ask.who) {
            let full = |in_it: bool, topics: usize| ask.on && !in_it && topics >= self.limits.topics_per_device;
            let follows = |uid: &Uid| self.follows.iter().filter(|(follower, _)| follower == uid).count();
            let is_full = uid.as_ref().is_some_and(|uid| full(self.follows.contains(&(uid.clone(), topic)), follows(uid)));
            expected.push(living.and_then(|living| {
                if is_full || living.iter().any(|reg| full(self.members.contains(&(*reg, topic)), self.topics_of(*reg).len())) {
                    return Err(Code::QuotaExceeded);
                }
                let counted = living.iter().filter(|reg| ask.on || self.members.contains(&(**reg, topic)));
                let devices: usize = counted.map(|reg| self.ghosts(*reg).len()).sum();
                users.extend(uid.filter(|uid| self.follows.contains(&(uid.clone(), topic)) != ask.on));
                regs.extend(living.iter().filter(|reg| self.members.contains(&(**reg, topic)) != ask.on));
                Ok(devices as u32)
            }));
        }
        let Answer::Subscribed(told) = answer else { panic!("{context}") };
        let told: Vec<_> = told.iter().map(|each| each.as_ref().copied().map_err(|refusal| refusal.code)).collect();
        assert_eq!(told, expected, "{context}");
        let fact = facts.iter().find_map(|(.., fact)| if let Fact::Subscribed(fact) = fact { Some(fact) } else { None });
        assert_eq!(fact.is_some(), !(users.is_empty() && regs.is_empty()), "{context}");
        let Some(fact) = fact else { return };
        assert_eq!((fact.topic, fact.on, fact.users.len()), (topic, ask.on, users.len()), "{context}");
        assert_eq!(fact.regs, regs.iter().copied().collect::<Vec<_>>(), "{context}");
        assert_eq!(fact.name.is_some(), self.topic(&ask.topic).is_none(), "{context}");
        self.topics.extend(fact.name.clone());
        if ask.on {
            self.follows.extend(users.into_iter().map(|uid| (uid, topic)));
            self.members.extend(regs.into_iter().map(|reg| (reg, topic)));
        } else {
            self.follows.retain(|(uid, of)| !(*of == topic && users.contains(uid)));
            self.members.retain(|(reg, of)| !(*of == topic && regs.contains(reg)));
        }
    }

    fn attach(&mut self, attached: &Attached) {
        for socket in self.sockets.values_mut().filter(|socket| attached.dev.is_some() && socket.dev == attached.dev) {
            socket.dev = None;
        }
        self.sockets.insert(attached.socket, Socket { reg: attached.reg, dev: attached.dev });
    }

    fn first_time(&mut self, ask: &Register, attached: &Attached, facts: Facts<'_>, context: &str) {
        let of_device: Vec<RegNo> = self.living(&ask.uid).into_iter().filter(|reg| self.reg(*reg).device_id.is_some()).collect();
        let evicted: Vec<RegNo> = facts
            .iter()
            .flat_map(|(.., fact)| if let Fact::Unregistered(ended) = fact { ended.regs.clone() } else { Vec::new() })
            .map(|(reg, _)| reg)
            .collect();
        let evicts = ask.device_id.is_some() && of_device.len() >= self.limits.devices_per_uid;
        assert_eq!(evicted.len(), usize::from(evicts), "{context}");
        for reg in evicted {
            let is_online = |reg: &RegNo| self.sockets.values().any(|socket| socket.reg == *reg);
            assert!(of_device.contains(&reg) && (!is_online(&reg) || of_device.iter().all(is_online)), "{context}");
            self.regs[reg.0 as usize].is_dead = true;
            self.bury(|device| device.reg == reg);
            self.leave_topics(reg);
        }
        assert_eq!((attached.reg, attached.dev), (RegNo(self.regs.len() as u32), Some(Dev(self.devices.len() as u32))), "{context}");
        assert!(self.regs.iter().all(|reg| reg.token != attached.token), "{context}");
        let born = facts.iter().find(|(.., fact)| matches!(fact, Fact::Registered(_))).expect(context).0;
        assert_eq!(attached.cursor, born, "it starts at now: {context}");
        self.users.insert(ask.uid.clone());
        let follows: Vec<TopicNo> = self.follows.iter().filter(|(uid, _)| *uid == ask.uid).map(|(_, topic)| *topic).collect();
        self.members.extend(follows.into_iter().map(|topic| (attached.reg, topic)));
        self.regs.push(Reg { uid: ask.uid.clone(), device_id: ask.device_id.clone(), token: attached.token.clone(), is_dead: false });
        self.devices.push(Device {
            reg: attached.reg,
            print: ask.print,
            addr: ask.addr,
            cursor: born,
            proven: born,
            born,
            heir_of: None,
            is_dead: false,
        });
    }

    fn come_back(&mut self, ask: &Register, attached: &Attached, facts: Facts<'_>, context: &str) {
        let ghosts = self.ghosts(attached.reg);
        let is_new = attached.dev.is_some_and(|dev| dev.0 as usize == self.devices.len());
        let appended = facts.iter().any(|(.., fact)| !matches!(fact, Fact::Presence(_)));
        assert_eq!(appended, is_new, "coming back appends nothing: {context}");
        let own = self.sockets.get(&ask.socket).filter(|socket| socket.reg == attached.reg).and_then(|socket| socket.dev);
        if own.is_some() {
            assert_eq!(attached.dev, own, "{context}");
            return;
        }
        if ask.device_id.is_some() {
            assert_eq!(attached.dev, ghosts.first().copied(), "{context}");
            return;
        }
        let same: Vec<Dev> =
            ghosts.iter().copied().filter(|dev| (self.device(*dev).print, self.device(*dev).addr) == (ask.print, ask.addr)).collect();
        let is_online = |dev: &Dev| self.serving(*dev).is_some();
        match attached.dev {
            Some(dev) if !is_new => assert!(same.contains(&dev) && (!is_online(&dev) || same.iter().all(is_online)), "{context}"),
            Some(_) => {
                assert!(same.is_empty(), "{context}");
                let others = self.one_more(attached.reg, &ghosts, facts, context);
                let lowest = others.iter().map(|dev| self.device(*dev).cursor).min().filter(|_| !others.iter().any(is_online_of(self)));
                self.born(ask.print, ask.addr, lowest, facts, context);
            }
            None => assert!(same.is_empty() && ghosts.len() == Limits::GHOSTS && ghosts.iter().all(is_online), "{context}"),
        }
    }

    /// The ghosts beside a new one: where four existed a free one has ended.
    fn one_more(&mut self, reg: RegNo, ghosts: &[Dev], facts: Facts<'_>, context: &str) -> Vec<Dev> {
        let ended: Vec<Dev> = facts
            .iter()
            .flat_map(|(.., fact)| if let Fact::Unregistered(ended) = fact { ended.ghosts.clone() } else { Vec::new() })
            .collect();
        assert_eq!(ended.len(), usize::from(ghosts.len() == Limits::GHOSTS), "{context}");
        for dev in ended {
            assert!(ghosts.contains(&dev) && self.serving(dev).is_none(), "{context}");
            self.lose(dev, (Position::ZERO, Position::from_raw(u64::MAX)), End::Unregistered);
            self.devices[dev.0 as usize].is_dead = true;
        }
        self.ghosts(reg)
    }

    /// The ghost of the newest fact, with the cursor that it must have; None: its own birth.
    fn born(&mut self, print: tidings_model::Print, addr: std::net::IpAddr, cursor: Option<Position>, facts: Facts<'_>, context: &str) {
        let ghost = facts.iter().find_map(|(at, _, fact)| if let Fact::Ghost(ghost) = fact { Some((*at, ghost.clone())) } else { None });
        let (born, ghost) = ghost.expect(context);
        assert_eq!(ghost.cursor, cursor.unwrap_or(born), "{context}");
        self.devices.push(Device {
            reg: ghost.reg,
            print,
            addr,
            cursor: ghost.cursor,
            proven: ghost.cursor,
            born,
            heir_of: ghost.heir_of,
            is_dead: false,
        });
    }

    fn disconnect(&mut self, named: &Named, answer: &Answer, facts: Facts<'_>, context: &str) {
        if !self.users.contains(&named.uid) {
            assert!(matches!(answer, Answer::Refused(refusal) if refusal.code == Code::NotFound), "{context}");
            return;
        }
        let living = self.living(&named.uid);
        let sockets: Vec<RegNo> = self.sockets.values().map(|socket| socket.reg).filter(|reg| living.contains(reg)).collect();
        assert!(matches!(answer, Answer::Closed(closed) if *closed as usize == sockets.len()), "{context}");
        let told = facts.iter().find_map(|(.., fact)| if let Fact::Disconnected(fact) = fact { Some(fact.regs.clone()) } else { None });
        assert_eq!(told.unwrap_or_default(), sockets.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(), "{context}");
    }

    fn erase(&mut self, named: &Named, answer: &Answer, facts: Facts<'_>, context: &str) {
        if !self.users.remove(&named.uid) {
            assert!(matches!(answer, Answer::Refused(refusal) if refusal.code == Code::NotFound), "{context}");
            return;
        }
        assert!(matches!(answer, Answer::Done), "{context}");
        let living = self.living(&named.uid);
        let told = facts.iter().find_map(|(.., fact)| if let Fact::Erased(fact) = fact { Some(fact.regs.clone()) } else { None });
        assert_eq!(told.as_ref(), Some(&living), "{context}");
        self.regs.iter_mut().filter(|reg| reg.uid == named.uid).for_each(|reg| (reg.uid, reg.is_dead) = (Uid::trusted(""), true));
        self.bury(|device| living.contains(&device.reg));
        self.sockets.values_mut().filter(|socket| living.contains(&socket.reg)).for_each(|socket| socket.dev = None);
        living.iter().for_each(|reg| self.leave_topics(*reg));
        self.follows.retain(|(uid, _)| *uid != named.uid);
    }

    fn bury(&mut self, whom: impl Fn(&Device) -> bool) {
        for no in 0..self.devices.len() {
            if whom(&self.devices[no]) && !self.devices[no].is_dead {
                self.lose(Dev(no as u32), (Position::ZERO, Position::from_raw(u64::MAX)), End::Unregistered);
                self.devices[no].is_dead = true;
            }
        }
    }

    /// What waits for a device in a part of the log is lost, unless it was before.
    fn lose(&mut self, dev: Dev, (after, upto): (Position, Position), end: End) {
        for message in self.messages.iter().filter(|message| message.at > after && message.at <= upto && message.expires > self.now) {
            if message.is_direct_to(dev) {
                self.lost.entry((dev, message.at)).or_insert(end);
            }
        }
    }

    /// Whatever has no proof and no end told, and has a cause or expired ten seconds ago.
    fn end(&mut self, facts: Facts<'_>, context: &str) {
        let mut due = BTreeSet::new();
        for message in &self.messages {
            let Targets::Devices(devs) = &message.targets else { continue };
            for dev in devs {
                let key = (*dev, message.at);
                let end = self.lost.get(&key).copied().or((message.expires + 10_000 <= self.now).then_some(End::Expired));
                due.extend(end.filter(|_| !self.had.contains(&key) && !self.ended.contains(&key)).map(|end| (message.at, *dev, end)));
            }
        }
        let told: Vec<_> =
            facts.iter().flat_map(|(.., fact)| if let Fact::Ended(ended) = fact { ended.direct.clone() } else { Vec::new() }).collect();
        assert_eq!(told, due.iter().copied().collect::<Vec<_>>(), "{context}");
        self.ended.extend(due.into_iter().map(|(at, dev, _)| (dev, at)));
    }

    fn adopt(&mut self, ask: &Adopt, answer: &Answer, facts: Facts<'_>, context: &str) {
        if self.reg(ask.reg).is_dead {
            assert!(matches!(answer, Answer::Refused(refusal) if refusal.code == Code::TokenUnregistered), "{context}");
            return;
        }
        let Answer::Attached(attached) = answer else { panic!("{context}") };
        assert_eq!(attached.topics, self.topics_of(attached.reg), "{context}");
        let own = self.sockets.get(&ask.socket).filter(|socket| socket.reg == ask.reg).and_then(|socket| socket.dev);
        let ghosts = self.ghosts(ask.reg);
        let is_stuck = ghosts.len() == Limits::GHOSTS && ghosts.iter().all(is_online_of(self));
        if own.is_some() || is_stuck || self.reg(ask.reg).device_id.is_some() {
            assert_eq!(attached.dev, own, "{context}");
            return;
        }
        assert_eq!(attached.dev, Some(Dev(self.devices.len() as u32)), "{context}");
        self.one_more(ask.reg, &ghosts, facts, context);
        self.born(ask.print, ask.addr, Some(ask.cursor), facts, context);
        self.attach(attached);
    }

    fn publish(&mut self, draft: &Draft, answer: &Answer, facts: Facts<'_>, context: &str) {
        if let Some((request, until, first)) = draft.idempotency.and_then(|Idempotency { key, .. }| self.keys.get(&key))
            && self.now < *until
        {
            match answer {
                Answer::Accepted(again) => assert_eq!(*again, Accepted { replayed: true, ..first.clone() }, "{context}"),
                Answer::Refused(refusal) => assert_eq!(refusal.code, Code::IdempotencyMismatch, "{context}"),
                _ => panic!("{context}"),
            }
            assert_eq!(
                matches!(answer, Answer::Accepted(_)),
                draft.idempotency.is_some_and(|idempotency| idempotency.request == *request),
                "{context}"
            );
            return;
        }
        let (devs, _) = self.targets(&draft.to);
        let counted = match answer {
            Answer::Accepted(accepted) => {
                let Accepted { expires, devices, online, .. } = *accepted;
                Answer::Counted(Counted { expires, devices, online, invalid: accepted.invalid.clone() })
            }
            other => other.clone(),
        };
        self.count(draft, &counted, &[], context);
        let Answer::Accepted(accepted) = answer else { return };
        assert_eq!((accepted.id.time_ms(), accepted.replayed), (self.now, false), "{context}");
        let stored = facts.iter().find_map(|(at, _, fact)| if let Fact::Published(message) = fact { Some((*at, message)) } else { None });
        assert_eq!(stored.map(|(at, message)| (at, message.id)), Some((accepted.at, accepted.id)), "{context}");
        let (targets, members) = match &draft.to {
            Target::All => (Targets::Everyone, BTreeSet::new()),
            Target::Topic(name) => match self.topic(name) {
                Some(topic) => {
                    let members = self.members.iter().filter(|(_, of)| *of == topic).map(|(reg, _)| *reg);
                    (Targets::Members(topic), members.collect())
                }
                None => (Targets::Devices(Vec::new()), BTreeSet::new()),
            },
            _ => (Targets::Devices(devs), BTreeSet::new()),
        };
        assert_eq!(stored.map(|(_, message)| &message.targets), Some(&targets), "{context}");
        self.supersede(&targets, draft.content.collapse_key.as_ref());
        if let Some(idempotency) = draft.idempotency {
            self.keys.insert(idempotency.key, (idempotency.request, self.now + Limits::IDEMPOTENCY_S * 1000, accepted.clone()));
        }
        let (at, id, expires) = (accepted.at, accepted.id, accepted.expires.0);
        let (len, key) = (draft.content.body.text().len(), draft.content.collapse_key.clone());
        let left = BTreeSet::new();
        self.messages.push(Message { at, id, targets, expires, time: self.now, len, key, left, recalled: false, members });
    }

    /// What a draft would be accepted with, or its refusal.
    fn count(&self, draft: &Draft, answer: &Answer, facts: Facts<'_>, context: &str) {
        assert!(facts.iter().all(|(.., fact)| matches!(fact, Fact::Presence(_))), "{context}");
        let (devs, unknown) = self.targets(&draft.to);
        if draft.strictness == Strictness::MustBeKnown && !unknown.is_empty() {
            assert!(matches!(answer, Answer::Refused(refusal) if refusal.code == unknown[0]), "{context}");
            return;
        }
        let Answer::Counted(counted) = answer else { panic!("{context}") };
        let online = devs.iter().filter(|dev| self.serving(**dev).is_some()).count();
        assert_eq!((counted.devices as usize, counted.online as usize), (devs.len(), online), "{context}");
        assert_eq!(counted.invalid.iter().map(|invalid| invalid.code).collect::<Vec<_>>(), unknown, "{context}");
        let Lifetime::Ttl(ttl_s) = draft.lifetime else { panic!("{context}") };
        assert_eq!(counted.expires.0, self.now + u64::from(ttl_s) * 1000, "{context}");
    }

    /// Whatever has this key leaves the mailboxes of the registrations that a new one is for, everybody's broadcasts, or the topic.
    fn supersede(&mut self, targets: &Targets, key: Option<&CollapseKey>) {
        let Some(key) = key else { return };
        let is_wide = !matches!(targets, Targets::Devices(_));
        let regs: BTreeSet<RegNo> = match targets {
            Targets::Everyone | Targets::Members(_) => BTreeSet::new(),
            Targets::Devices(devs) => devs.iter().map(|dev| self.device(*dev).reg).collect(),
        };
        let of = (0..self.devices.len() as u32).map(Dev).filter(|dev| is_wide || regs.contains(&self.device(*dev).reg));
        let of: Vec<Dev> = of.collect();
        for older in self.messages.iter_mut().filter(|older| older.key.as_ref() == Some(key)) {
            let is_direct = matches!(older.targets, Targets::Devices(_));
            if if is_wide { older.targets == *targets } else { is_direct } {
                older.left.extend(&of);
                for dev in of.iter().filter(|dev| older.is_direct_to(**dev) && older.expires > self.now) {
                    self.lost.entry((*dev, older.at)).or_insert(End::Superseded);
                }
            }
        }
    }

    /// The devices that a target means, and why some mean none.
    fn targets(&self, to: &Target) -> (Vec<Dev>, Vec<Code>) {
        let (mut regs, mut unknown) = (Vec::new(), Vec::new());
        let mut uid = |uid: &Uid| {
            let living = self.living(uid);
            unknown.extend(living.is_empty().then_some(Code::UnknownTarget));
            regs.extend(living);
        };
        match to {
            Target::All => regs.extend((0..self.regs.len() as u32).map(RegNo)),
            Target::Uids(uids) => uids.iter().for_each(&mut uid),
            Target::TokenOrUid(either) if self.regs.iter().all(|reg| reg.token.as_str() != either) => uid(&Uid::trusted(either)),
            Target::TokenOrUid(token) => self.token(token, &mut regs, &mut unknown),
            Target::Topic(name) => {
                let topic = self.topic(name);
                regs.extend(self.members.iter().filter(|(_, of)| Some(*of) == topic).map(|(reg, _)| *reg));
            }
            Target::Tokens(tokens) => tokens.iter().for_each(|token| self.token(token.as_str(), &mut regs, &mut unknown)),
        }
        let mut devs: Vec<Dev> = regs.into_iter().flat_map(|reg| self.ghosts(reg)).collect();
        devs.sort_unstable();
        devs.dedup();
        (devs, unknown)
    }

    fn token(&self, token: &str, regs: &mut Vec<RegNo>, unknown: &mut Vec<Code>) {
        match self.named(token) {
            Ok(reg) => regs.push(reg),
            Err(code) => unknown.push(code),
        }
    }

    /// What a token names.
    fn named(&self, token: &str) -> Result<RegNo, Code> {
        match self.regs.iter().position(|reg| reg.token.as_str() == token) {
            Some(reg) if !self.regs[reg].is_dead => Ok(RegNo(reg as u32)),
            Some(_) => Err(Code::TokenUnregistered),
            None => Err(Code::UnknownTarget),
        }
    }

    fn prove(&mut self, proofs: &Proofs, facts: Facts<'_>, context: &str) {
        let mut news = BTreeSet::new();
        for direct in &proofs.direct {
            let device = self.device(direct.dev);
            let is_news =
                direct.message > device.born && direct.message > device.proven && !self.had.contains(&(direct.dev, direct.message));
            news.extend(is_news.then_some((direct.dev, direct.message)));
        }
        let told: Vec<_> =
            facts.iter().flat_map(|(.., fact)| if let Fact::Proven(proven) = fact { proven.direct.clone() } else { Vec::new() }).collect();
        assert_eq!(told.iter().map(|direct| (direct.dev, direct.message)).collect::<BTreeSet<_>>(), news, "{context}");
        assert_eq!(told.len(), news.len(), "{context}");
        self.had.extend(news);
        for (dev, to) in &proofs.cursors {
            let device = &mut self.devices[dev.0 as usize];
            // What is at or below the cursor moves nothing.
            if !device.is_dead && *to > device.cursor {
                (device.cursor, device.proven) = (*to, *to);
            }
        }
    }

    fn report(&mut self, report: &Report, facts: Facts<'_>, context: &str) {
        let told = facts
            .iter()
            .find_map(|(.., fact)| if let Fact::Reported(reported) = fact { Some(reported.clone()) } else { None })
            .expect(context);
        let named = report.id.and_then(|id| self.messages.iter().find(|message| message.id == id));
        assert_eq!(told.message, named.map(|message| message.at).or(report.inferred), "{context}");
        let proves = match (named, report.dev) {
            (Some(message), Some(dev)) if report.reg.is_some() && message.at <= report.written => {
                let device = self.device(dev);
                let is_target = match &message.targets {
                    Targets::Devices(devs) => devs.contains(&dev),
                    Targets::Everyone => device.born < message.at,
                    Targets::Members(_) => device.born < message.at && message.members.contains(&device.reg),
                };
                (is_target && !device.is_dead && message.at > device.proven && !self.had.contains(&(dev, message.at)))
                    .then_some((dev, message.at))
            }
            _ => None,
        };
        assert_eq!(told.state.is_some(), proves.is_some(), "{context}");
        self.had.extend(proves);
    }

    fn recall(&mut self, ask: &Recall, answer: &Answer, facts: Facts<'_>, context: &str) {
        assert!(matches!(answer, Answer::Done), "{context}");
        let told = facts.iter().find_map(|(.., fact)| if let Fact::Recalled(fact) = fact { Some(fact) } else { None });
        let index = self.messages.iter().position(|message| message.at == ask.message).expect(context);
        let message = &mut self.messages[index];
        let is_news = message.expires > self.now && !message.recalled;
        assert_eq!(told.is_some(), is_news, "{context}");
        let Some(told) = told else { return };
        message.recalled = true;
        let devs = if let Targets::Devices(devs) = &message.targets { Some(devs.clone()) } else { None };
        assert_eq!((told.message, &told.devs), (ask.message, &devs), "{context}");
        for dev in devs.into_iter().flatten() {
            self.lost.entry((dev, ask.message)).or_insert(End::Recalled);
        }
    }

    fn emit(&self, event: &ClientEvent, answer: &Answer, facts: Facts<'_>, context: &str) {
        let told: Vec<_> =
            facts.iter().filter_map(|(.., fact)| if let Fact::ClientEvent(told) = fact { Some(told) } else { None }).collect();
        if self.reg(event.reg).is_dead {
            assert!(told.is_empty() && matches!(answer, Answer::Refused(_)), "{context}");
        } else {
            assert!(told == [event] && matches!(answer, Answer::Done), "{context}");
        }
    }

    fn read(&mut self, query: &MailboxQuery, page: &Page, context: &str) {
        if self.device(query.dev).is_dead {
            assert!(page.messages.is_empty() && !page.more, "{context}");
            return;
        }
        let mut wanted: Vec<(Position, usize)> = self.wanted(query);
        if query.first {
            let mut bytes = 0;
            let fits = |(_, len): &&(Position, usize)| {
                bytes += len;
                bytes <= self.limits.mailbox_bytes
            };
            let kept = wanted.iter().rev().take(self.limits.mailbox_messages).take_while(fits).count();
            let cut: Vec<_> = wanted.drain(..wanted.len() - kept).collect();
            if let Some((newest, _)) = cut.last() {
                let newest = *newest;
                self.lose(query.dev, (query.after, newest), End::Overflow);
                let device = &mut self.devices[query.dev.0 as usize];
                device.cursor = device.cursor.max(newest);
            }
        }
        let mut bytes = 0;
        let fits = |(index, (_, len)): &(usize, &(Position, usize))| {
            bytes += len;
            *index == 0 || (*index < query.messages_max && bytes <= query.bytes_max)
        };
        let expected: Vec<Position> = wanted.iter().enumerate().take_while(fits).map(|(_, (at, _))| *at).collect();
        assert_eq!(page.messages.iter().map(|stored| stored.at).collect::<Vec<_>>(), expected, "{context}");
        assert_eq!(page.more, expected.len() < wanted.len(), "{context}");
        assert_eq!(page.upto, if page.more { expected[expected.len() - 1] } else { query.upto }, "{context}");
    }

    fn wanted(&self, query: &MailboxQuery) -> Vec<(Position, usize)> {
        let is_inside = |message: &&Message| {
            !message.recalled
                && message.at > query.after
                && message.at <= query.upto
                && message.expires > self.now
                && message.expires > message.time
        };
        let is_for = |message: &&Message| match &message.targets {
            Targets::Everyone => message.left.is_empty(),
            Targets::Members(_) => message.left.is_empty() && message.members.contains(&self.device(query.dev).reg),
            Targets::Devices(devs) => {
                self.whose(query.dev, message.at).is_some_and(|dev| devs.contains(&dev) && !message.left.contains(&dev))
            }
        };
        let waits = self.messages.iter().filter(is_inside).filter(is_for).filter(|message| !self.had.contains(&(query.dev, message.at)));
        waits.map(|message| (message.at, message.len)).collect()
    }

    /// Whose mailbox a device reads at a position: up to its birth, that of the one that it is the heir of.
    fn whose(&self, dev: Dev, at: Position) -> Option<Dev> {
        let device = self.device(dev);
        if at > device.born { Some(dev) } else { self.whose(device.heir_of?, at) }
    }
}

fn is_online_of(reference: &Reference) -> impl Fn(&Dev) -> bool + '_ {
    |dev| reference.serving(*dev).is_some()
}
