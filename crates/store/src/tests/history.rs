//! What happens in a history: drawn from a seed and from what is known so far.

use std::collections::BTreeMap;
use std::net::IpAddr;

use tidings_json::Json;
use tidings_model::{
    Administer, Adopt, Answer, AppNo, Attached, ClientEvent, CollapseKey, Content, Dev, DeviceId, DirectProof, Draft, EventId, EventName,
    EventType, Fact, Idempotency, Leave, Lifetime, MailboxQuery, MessageId, Millis, Named, NewSink, Page, Position, Print, Proof, Proofs,
    Recall, Register, Report, Request, SinkChange, SinkConf, SinkError, SinkId, SinkMove, SinkNo, SinkSecret, SinkState, SocketId, State,
    Strictness, Subscribe, Subscribers, Target, Targets, Token, TopicName, Uid, Webhook,
};

use super::subject::Subject;
use crate::Fault;
use crate::writer::Dice;

pub(super) struct Rng(Dice);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(Dice::seeded(seed ^ 0x5eed))
    }

    /// In 0..n.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        u64::from_le_bytes(self.0.draw()) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.below(of.len() as u64) as usize) }
    }
}

/// One step.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Ask(Request),
    Advance(u64),
    Crash,
    Fail(Fault),
    Read(MailboxQuery),
    /// What is due to end is looked for, and ends.
    End,
}

#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Answer(Answer),
    Page(Page),
    Nothing,
}

impl Act {
    pub(super) fn run(&self, subject: &mut dyn Subject) -> Outcome {
        match self {
            Self::Ask(request) => Outcome::Answer(subject.ask(request.clone())),
            Self::Read(query) => Outcome::Page(subject.mailbox(*query)),
            Self::Advance(ms) => {
                subject.advance(*ms);
                Outcome::Nothing
            }
            Self::End => {
                subject.end_due();
                Outcome::Nothing
            }
            Self::Crash => {
                subject.crash();
                Outcome::Nothing
            }
            Self::Fail(fault) => {
                subject.fail_next(*fault);
                Outcome::Nothing
            }
        }
    }
}

/// What a client could know.
#[derive(Default)]
pub(super) struct Known {
    attached: BTreeMap<SocketId, Attached>,
    messages: Vec<(Position, MessageId, Vec<Dev>)>,
    tokens: Vec<Token>,
    cursors: BTreeMap<Dev, Position>,
    next_socket: u64,
    end: Position,
}

impl Known {
    pub(super) fn learn(&mut self, outcome: &Outcome, facts: &[(Position, Millis, Fact)]) {
        self.next_socket += 1;
        if let Outcome::Answer(Answer::Attached(attached)) = outcome {
            self.attached.insert(attached.socket, attached.clone());
            self.tokens.push(attached.token.clone());
            if let Some(dev) = attached.dev {
                self.cursors.insert(dev, attached.cursor);
            }
        }
        for (at, _, fact) in facts {
            self.end = Position::end_of(at.record());
            match fact {
                Fact::Published(message) => {
                    let devs = if let Targets::Devices(devs) = &message.targets { devs.clone() } else { Vec::new() };
                    self.messages.push((*at, message.id, devs));
                }
                Fact::Started(_) => self.attached.clear(),
                Fact::Overflowed(cut) => self.raise(cut.dev, cut.upto),
                Fact::Proven(proven) => {
                    for (to, devs) in &proven.cursors {
                        devs.iter().for_each(|dev| self.raise(*dev, *to));
                    }
                }
                _ => {}
            }
        }
    }
}

impl Known {
    fn raise(&mut self, dev: Dev, to: Position) {
        let cursor = self.cursors.entry(dev).or_insert(to);
        *cursor = to.max(*cursor);
    }
}

pub(super) fn next(rng: &mut Rng, known: &Known, faults: bool) -> Act {
    if faults && rng.one_in(12) {
        let fault = *rng.pick(&[Fault::Full, Fault::UnknownStored, Fault::UnknownLost]).expect("three");
        return Act::Fail(fault);
    }
    match rng.below(20) {
        0..=4 => Act::Ask(register(rng, known)),
        5..=6 => leave(rng, known).map_or(Act::Advance(1), |leave| Act::Ask(Request::Leave(leave))),
        7 => adopt(rng, known).map_or(Act::Advance(2), |adopt| Act::Ask(Request::Adopt(adopt))),
        8 if rng.one_in(4) => Act::Ask(Request::Count(draft(rng, known))),
        8..=11 => Act::Ask(Request::Publish(draft(rng, known))),
        12..=13 if rng.one_in(3) => Act::Ask(Request::Subscribe(subscribe(rng, known))),
        12..=13 => prove(rng, known).map_or(Act::Advance(3), |proofs| Act::Ask(Request::Prove(proofs))),
        14 if rng.one_in(3) => emit(rng, known).map_or(Act::Advance(5), |event| Act::Ask(Request::Emit(event))),
        14 if rng.one_in(3) => recall(rng, known).map_or(Act::Advance(6), |recall| Act::Ask(Request::Recall(recall))),
        14 => Act::Ask(Request::Report(report(rng, known))),
        15 => read(rng, known).map_or(Act::Advance(4), Act::Read),
        16 if rng.one_in(2) => Act::Ask(sink(rng, known)),
        17 if rng.one_in(4) => Act::Crash,
        17 if rng.one_in(3) => Act::Ask(Request::Erase(Named { app: AppNo::DEFAULT, uid: uid(rng) })),
        18 if rng.one_in(3) => Act::Advance(*rng.pick(&[700_000, 5 * 3_600_000, 25 * 3_600_000]).expect("three")),
        18 if rng.one_in(3) => Act::Ask(Request::Disconnect(Named { app: AppNo::DEFAULT, uid: uid(rng) })),
        19 if rng.one_in(3) => Act::End,
        _ => Act::Advance(rng.below(4_000)),
    }
}

fn uid(rng: &mut Rng) -> Uid {
    Uid::trusted(rng.pick(&["a", "b", "c"]).expect("three"))
}

fn addr(rng: &mut Rng) -> IpAddr {
    IpAddr::from([10, 0, 0, rng.below(2) as u8])
}

fn register(rng: &mut Rng, known: &Known) -> Request {
    let device_id = if rng.one_in(3) { rng.pick(&["x", "y", "z"]).map(|id| DeviceId::trusted(id)) } else { None };
    let again = if rng.one_in(5) { rng.pick(&known.attached.keys().copied().collect::<Vec<_>>()).copied() } else { None };
    let socket = again.unwrap_or(SocketId(known.next_socket));
    Request::Register(Register { app: AppNo::DEFAULT, uid: uid(rng), device_id, print: Print(rng.below(3)), addr: addr(rng), socket })
}

fn somebody<'k>(rng: &mut Rng, known: &'k Known) -> Option<&'k Attached> {
    let all: Vec<&Attached> = known.attached.values().collect();
    rng.pick(&all).copied()
}

fn leave(rng: &mut Rng, known: &Known) -> Option<Leave> {
    somebody(rng, known).map(|attached| Leave { reg: attached.reg, socket: attached.socket })
}

fn adopt(rng: &mut Rng, known: &Known) -> Option<Adopt> {
    let attached = somebody(rng, known)?.clone();
    Some(Adopt { reg: attached.reg, print: Print(rng.below(3)), addr: addr(rng), cursor: attached.cursor, socket: attached.socket })
}

fn draft(rng: &mut Rng, known: &Known) -> Draft {
    let token = |rng: &mut Rng| rng.pick(&known.tokens).cloned().unwrap_or(Token::from_random([9; 24]));
    let to = match rng.below(10) {
        8..=9 => Target::Topic(topic(rng)),
        0..=1 => Target::All,
        2..=4 => Target::Uids(vec![uid(rng)]),
        5 => Target::Uids(vec![uid(rng), uid(rng), Uid::trusted("nobody")]),
        6 => Target::Tokens(vec![token(rng), token(rng)]),
        _ if rng.one_in(2) => Target::TokenOrUid(token(rng).as_str().to_owned()),
        _ => Target::TokenOrUid("a".to_owned()),
    };
    let idempotency = rng.one_in(3).then(|| Idempotency { key: [rng.below(4) as u8; 16], request: rng.below(3) });
    let lifetime = Lifetime::Ttl(*rng.pick(&[0, 1, 3, 3600, 2_000_000]).expect("five"));
    let strictness = if rng.one_in(3) { Strictness::MustBeKnown } else { Strictness::MayBeUnknown };
    let collapse_key = rng.pick(&[None, None, Some("k"), Some("l")]).copied().flatten().map(CollapseKey::trusted);
    let content = Content { collapse_key, ..Content::data(Json::string(&"x".repeat(rng.below(20) as usize))) };
    Draft { lifetime, strictness, idempotency, ..Draft::new(AppNo::DEFAULT, to, content) }
}

fn topic(rng: &mut Rng) -> TopicName {
    TopicName::trusted(rng.pick(&["news", "sport", "weather"]).expect("three"))
}

fn subscribe(rng: &mut Rng, known: &Known) -> Subscribe {
    let who = if rng.one_in(2) {
        Subscribers::Uids(vec![uid(rng), Uid::trusted("nobody")])
    } else {
        Subscribers::Tokens(vec![rng.pick(&known.tokens).cloned().unwrap_or(Token::from_random([9; 24]))])
    };
    Subscribe { app: AppNo::DEFAULT, topic: topic(rng), on: !rng.one_in(3), who }
}

fn prove(rng: &mut Rng, known: &Known) -> Option<Proofs> {
    let mut proofs = Proofs::default();
    for _ in 0..=rng.below(2) {
        let dev = somebody(rng, known)?.dev?;
        let (to, ..) = rng.pick(&known.messages)?;
        let direct = known.messages.iter().filter(|(at, _, devs)| at <= to && devs.contains(&dev) && !rng.one_in(4));
        proofs.direct.extend(direct.map(|(at, ..)| DirectProof {
            message: *at,
            dev,
            state: State::Reached,
            proof: Proof::Engine,
            after_ms: 7,
        }));
        if !rng.one_in(4) {
            proofs.cursors.push((dev, *to));
        }
    }
    Some(proofs)
}

fn report(rng: &mut Rng, known: &Known) -> Report {
    let who = if rng.one_in(5) { None } else { somebody(rng, known).cloned() };
    let message = rng.pick(&known.messages).cloned();
    let (id, inferred) = match rng.below(4) {
        0 => (None, message.map(|(at, ..)| at)),
        1 => (Some(MessageId::v7(1_700_000_000_000, [9; 10])), None),
        _ => (message.map(|(_, id, _)| id), None),
    };
    let written = if rng.one_in(4) { Position::new(known.end.record() / 2, 0) } else { known.end };
    Report {
        app: AppNo::DEFAULT,
        reg: who.as_ref().map(|who| who.reg),
        dev: who.and_then(|who| who.dev),
        id,
        inferred,
        written,
        status: Json::string("ok"),
    }
}

fn recall(rng: &mut Rng, known: &Known) -> Option<Recall> {
    let (message, ..) = rng.pick(&known.messages)?;
    Some(Recall { app: AppNo::DEFAULT, message: *message, by: None })
}

fn emit(rng: &mut Rng, known: &Known) -> Option<ClientEvent> {
    let who = somebody(rng, known)?;
    let args = Json::trusted(format!("[{}]", rng.below(9)));
    Some(ClientEvent { reg: who.reg, dev: who.dev, event_name: EventName::trusted("cart"), args })
}

/// Makes, changes, moves or ends one of a few sinks.
fn sink(rng: &mut Rng, known: &Known) -> Request {
    let no = SinkNo(rng.below(5) as u32);
    let somewhere = |rng: &mut Rng| EventId { at: Position::from_raw(rng.below(known.end.raw() + 300)), n: rng.below(2) as u32 };
    match rng.below(6) {
        0 => {
            let conf = Webhook { url: "http://a".to_owned(), types: None, secrets: vec![SinkSecret::new(&[1])] };
            let id = SinkId::trusted(rng.pick(&["x", "y", "z"]).expect("three"));
            Request::Administer(Administer::CreateSink(NewSink { id, app: Some(AppNo::DEFAULT), conf: SinkConf::Webhook(conf) }))
        }
        1 => Request::Administer(Administer::ChangeSink(SinkChange {
            no,
            url: rng.one_in(2).then(|| "http://b".to_owned()),
            types: rng.one_in(2).then(|| Some(vec![EventType::MessageReported])),
            rotate: rng.one_in(2).then(|| SinkSecret::new(&[rng.below(9) as u8])),
            retire: rng.one_in(3),
        })),
        2 if rng.one_in(3) => Request::Administer(Administer::RemoveSink(no)),
        _ => {
            let to = somewhere(rng);
            Request::MoveSink(Box::new(SinkMove {
                sink: no,
                expected: rng.one_in(4).then(|| somewhere(rng)),
                to: (!rng.one_in(3)).then_some(to),
                state: rng.pick(&[None, Some(SinkState::Active), Some(SinkState::Paused)]).copied().flatten(),
                last_error: rng.one_in(3).then(|| rng.one_in(2).then(|| SinkError { at: Millis(7), why: "no".into() })),
                park: rng.one_in(3).then_some(to),
                gap: rng.one_in(4),
            }))
        }
    }
}

fn read(rng: &mut Rng, known: &Known) -> Option<MailboxQuery> {
    let dev = somebody(rng, known)?.dev?;
    let messages_max = 1 + rng.below(6) as usize;
    let after = *known.cursors.get(&dev)?;
    Some(MailboxQuery { dev, after, upto: known.end, messages_max, bytes_max: 50, first: rng.one_in(2) })
}
