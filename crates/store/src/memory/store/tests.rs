use std::net::IpAddr;

use tidings_json::Json;
use tidings_model::{
    Accepted, Adopt, AppNo, Attached, ClientEvent, Code, CollapseKey, Content, Dev, DeviceId, DirectProof, Draft, EventName, EventType,
    Fact, Idempotency, Leave, Lifetime, Named, Print, Proof, Proofs, Refusal, Register, Report, SocketId, State, Strictness, Target,
    Targets, Token, Uid, What, Who,
};

use super::*;

mod fates;

/// A store, its clock, and one call for a whole round.
pub(super) struct Desk {
    pub(super) store: MemStore,
    pub(super) now: u64,
    ticket: u64,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(super) fn with(limits: Limits) -> Self {
        Self { store: MemStore::new(limits, 4, 1), now: 1_000_000, ticket: 0 }
    }

    pub(super) fn queue(&mut self, request: Request) -> u64 {
        self.ticket += 1;
        self.store.ask(self.ticket, request);
        self.ticket
    }

    pub(super) fn round(&mut self, fault: Fault) -> Vec<(u64, Answer)> {
        self.now += 1;
        self.store.decide(Millis(self.now));
        self.store.append(fault);
        let (answers, _) = self.store.notify();
        self.store.merge();
        answers
    }

    pub(super) fn ask(&mut self, request: Request) -> Answer {
        self.ask_with(request, Fault::None)
    }

    pub(super) fn ask_with(&mut self, request: Request, fault: Fault) -> Answer {
        let ticket = self.queue(request);
        self.round(fault).into_iter().find(|(answered, _)| *answered == ticket).expect("it is answered").1
    }

    pub(super) fn attach(&mut self, request: Request) -> Attached {
        match self.ask(request) {
            Answer::Attached(attached) => attached,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn publish(&mut self, draft: Draft) -> Accepted {
        match self.ask(Request::Publish(draft)) {
            Answer::Accepted(accepted) => accepted,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(&mut self, request: Request) -> Refusal {
        match self.ask(request) {
            Answer::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn facts(&self) -> Vec<Fact> {
        self.store.read(Position::ZERO, Position::from_raw(u64::MAX)).entries.iter().map(|entry| (*entry.fact).clone()).collect()
    }

    pub(super) fn mail(&self, dev: Dev, after: Position) -> Vec<Position> {
        let query = MailboxQuery { dev, after, upto: self.store.maps().mark, messages_max: 10_000, bytes_max: usize::MAX, first: true };
        self.store.mailbox(&query).expect("the views are there").messages.iter().map(|stored| stored.at).collect()
    }

    pub(super) fn later(&mut self, ms: u64) -> Vec<(u64, Answer)> {
        self.now += ms;
        self.store.timers(Millis(self.now));
        self.round(Fault::None)
    }

    pub(super) fn events(&self, kind: EventType) -> usize {
        let query = EventQuery { app: Some(AppNo::DEFAULT), sink: None, after: None, types: Some(vec![kind]), limit: 1000 };
        self.store.events(&query).events.len()
    }
}

pub(super) fn register(uid: &str, device: Option<&str>, print: u64, socket: u64) -> Request {
    Request::Register(Register {
        app: AppNo::DEFAULT,
        uid: Uid::trusted(uid),
        device_id: device.map(DeviceId::trusted),
        print: Print(print),
        addr: IpAddr::from([127, 0, 0, 1]),
        socket: SocketId(socket),
    })
}

pub(super) fn leave(attached: &Attached) -> Request {
    Request::Leave(Leave { reg: attached.reg, socket: attached.socket })
}

fn draft(to: Target) -> Draft {
    Draft::new(AppNo::DEFAULT, to, Content::data(Json::string("hello")))
}

pub(super) fn to_uid(uid: &str) -> Draft {
    draft(Target::Uids(vec![Uid::trusted(uid)]))
}

pub(super) fn prove(dev: Dev, to: Position, direct: &[Position]) -> Request {
    let direct = direct
        .iter()
        .map(|message| DirectProof { message: *message, dev, state: State::Reached, proof: Proof::Peer, after_ms: 3 })
        .collect();
    Request::Prove(Proofs { cursors: vec![(dev, to)], direct })
}

#[test]
fn a_registration_keeps_its_token_and_coming_back_appends_nothing() {
    let mut desk = Desk::new();
    let first = desk.attach(register("42", None, 1, 1));
    assert_eq!(first.cursor, first.at);
    let facts = desk.facts().len();
    desk.ask(leave(&first));
    let again = desk.attach(register("42", None, 1, 2));
    assert_eq!((again.reg, again.token, again.dev, again.displaced), (first.reg, first.token, first.dev, None));
    assert_eq!(desk.facts().len(), facts);
}

#[test]
fn an_answer_that_needs_no_fact_leaves_without_an_append() {
    let mut desk = Desk::new();
    let first = desk.attach(register("42", None, 1, 1));
    desk.ask(leave(&first));
    let ticket = desk.queue(register("42", None, 1, 2));
    desk.store.decide(Millis(desk.now));
    assert_eq!(desk.store.append(Fault::None), Appended::Nothing);
    assert!(desk.store.notify().0.iter().any(|(answered, _)| *answered == ticket));
}

#[test]
fn an_answer_out_of_what_still_flies_waits_for_it_and_falls_with_it() {
    let mut desk = Desk::new();
    let first = desk.queue(register("42", Some("a"), 1, 1));
    desk.store.decide(Millis(desk.now));
    desk.store.append(Fault::UnknownLost);
    let second = desk.queue(register("42", Some("a"), 1, 2));
    desk.store.decide(Millis(desk.now));
    let (answers, _) = desk.store.notify();
    let code = |ticket| {
        answers.iter().find_map(|(answered, answer)| {
            if let (true, Answer::Refused(refusal)) = (*answered == ticket, answer) { Some(refusal.code) } else { None }
        })
    };
    assert_eq!((code(first), code(second)), (Some(Code::OutcomeUnknown), Some(Code::OutcomeUnknown)));
    // The rollback forgot the registration and both sockets: the next one is new, and displaces nobody.
    desk.later(2000);
    let third = desk.attach(register("42", Some("a"), 1, 3));
    assert_eq!(third.displaced, None);
    assert_eq!(desk.facts().iter().filter(|fact| matches!(fact, Fact::Registered(_))).count(), 1);
}

#[test]
fn a_batch_never_handed_over_is_certainly_not_stored() {
    let mut desk = Desk::new();
    desk.attach(register("42", None, 1, 1));
    let flying = desk.queue(Request::Publish(to_uid("42")));
    desk.store.decide(Millis(desk.now));
    desk.store.append(Fault::UnknownStored);
    let open = desk.queue(Request::Publish(to_uid("42")));
    desk.store.decide(Millis(desk.now + 1));
    let (answers, items) = desk.store.notify();
    assert!(items.is_empty());
    let codes: Vec<_> = answers
        .iter()
        .map(|(ticket, answer)| (*ticket, if let Answer::Refused(refusal) = answer { refusal.code } else { Code::Internal }))
        .collect();
    assert_eq!(codes, [(flying, Code::OutcomeUnknown), (open, Code::StorageUnavailable)]);
}

#[test]
fn a_read_only_store_takes_known_devices_and_goes_on_with_a_tick() {
    let mut desk = Desk::new();
    let first = desk.attach(register("42", None, 1, 1));
    desk.queue(Request::Publish(to_uid("42")));
    desk.round(Fault::Full);
    assert!(desk.store.is_read_only());
    assert_eq!(desk.refusal(Request::Publish(to_uid("42"))).code, Code::StorageUnavailable);
    assert_eq!(desk.refusal(register("new", None, 1, 7)).code, Code::StorageUnavailable);
    desk.ask(leave(&first));
    assert_eq!(desk.attach(register("42", None, 1, 2)).dev, first.dev);
    desk.later(1000);
    assert!(!desk.store.is_read_only());
    assert_eq!(desk.facts().iter().filter(|fact| matches!(fact, Fact::Tick)).count(), 1);
    desk.publish(to_uid("42"));
}

#[test]
fn what_was_stored_unseen_is_overwritten_by_the_next_append_or_back_after_a_crash() {
    let published = |desk: &Desk| desk.facts().iter().filter(|fact| matches!(fact, Fact::Published(_))).count();
    let mut desk = Desk::new();
    desk.attach(register("42", None, 1, 1));
    let mut keyed = to_uid("42");
    keyed.idempotency = Some(Idempotency { key: [7; 16], request: 9 });
    desk.queue(Request::Publish(keyed.clone()));
    desk.round(Fault::UnknownStored);
    assert_eq!(published(&desk), 0);
    desk.later(1000);
    desk.store.crash();
    assert_eq!(published(&desk), 0, "the tick overwrote it");
    assert!(!desk.publish(keyed.clone()).replayed);

    keyed.idempotency = Some(Idempotency { key: [8; 16], request: 9 });
    desk.queue(Request::Publish(keyed.clone()));
    desk.round(Fault::UnknownStored);
    desk.store.crash();
    assert_eq!(published(&desk), 2, "the crash brought it to life");
    assert!(desk.publish(keyed).replayed, "the retry finds out");
    assert_eq!(published(&desk), 2);
}

#[test]
fn a_second_phone_of_the_same_kind_takes_the_ghost_and_the_old_socket_becomes_one_of_its_own() {
    let mut desk = Desk::new();
    let first = desk.attach(register("42", None, 1, 1));
    let sent = desk.publish(to_uid("42"));
    let second = desk.attach(register("42", None, 1, 2));
    assert_eq!((second.dev, second.displaced), (first.dev, Some(SocketId(1))));
    let adopt = Adopt { reg: first.reg, print: Print(1), addr: IpAddr::from([127, 0, 0, 1]), cursor: first.cursor, socket: SocketId(1) };
    let adopted = desk.attach(Request::Adopt(adopt));
    assert_ne!(adopted.dev, first.dev);
    assert_eq!(adopted.cursor, first.cursor);
    // What lies between its proven position and its birth is in the mailbox that it left.
    assert_eq!(desk.mail(adopted.dev.expect("a ghost"), adopted.cursor), [sent.at]);
    let both = desk.publish(to_uid("42"));
    assert_eq!((both.devices, both.online), (2, 2));
}

#[test]
fn a_new_kind_of_socket_inherits_what_nobody_has_had_and_is_no_target_of_it() {
    let mut desk = Desk::new();
    let phone = desk.attach(register("42", None, 1, 1));
    desk.ask(leave(&phone));
    let sent = desk.publish(to_uid("42"));
    let wide = desk.publish(draft(Target::All));
    let laptop = desk.attach(register("42", None, 2, 2));
    let dev = laptop.dev.expect("a ghost");
    assert_eq!(laptop.cursor, phone.cursor);
    assert_eq!(desk.mail(dev, laptop.cursor), [sent.at, wide.at]);
    desk.ask(prove(dev, wide.at, &[sent.at]));
    assert_eq!(desk.events(EventType::MessageReported), 0, "it was not sent to the laptop");
    assert!(desk.mail(dev, wide.at).is_empty());
    // The phone still has it all to come.
    assert_eq!(desk.mail(phone.dev.expect("a ghost"), phone.cursor), [sent.at, wide.at]);
}

#[test]
fn four_ghosts_and_then_the_longest_unseen_ends() {
    let mut desk = Desk::new();
    let all: Vec<Attached> = (1..=4).map(|n| desk.attach(register("42", None, n, n))).collect();
    let extra = desk.attach(register("42", None, 5, 5));
    assert_eq!(extra.dev, None, "all four are online");
    desk.ask(leave(&all[2]));
    let fifth = desk.attach(register("42", None, 6, 6));
    assert!(fifth.dev.is_some());
    assert_eq!(desk.publish(to_uid("42")).devices, 4);
    let ended: Vec<Dev> = desk
        .facts()
        .iter()
        .filter_map(|fact| if let Fact::Unregistered(ended) = fact { ended.ghosts.first().copied() } else { None })
        .collect();
    assert_eq!(ended, [all[2].dev.expect("a ghost")]);
    assert_eq!(desk.events(EventType::DeviceUnregistered), 0, "a ghost is no registration");
}

#[test]
fn a_device_id_is_a_registration_of_its_own_and_the_oldest_is_evicted() {
    let mut desk = Desk::with(Limits { devices_per_uid: 2, ..Limits::default() });
    let legacy = desk.attach(register("42", None, 1, 1));
    let a = desk.attach(register("42", Some("a"), 1, 2));
    let b = desk.attach(register("42", Some("b"), 1, 3));
    assert!(legacy.token != a.token && a.token != b.token);
    desk.ask(leave(&a));
    let c = desk.attach(register("42", Some("c"), 1, 4));
    assert_eq!(c.cursor, c.at, "it starts at now");
    assert_eq!(desk.events(EventType::DeviceUnregistered), 1);
    let to_dead = Draft { strictness: Strictness::MustBeKnown, ..draft(Target::Tokens(vec![a.token.clone()])) };
    let refusal = desk.refusal(Request::Publish(to_dead));
    assert_eq!((refusal.code, refusal.field), (Code::TokenUnregistered, Some("token")));
    let again = desk.attach(register("42", Some("a"), 1, 5));
    assert_ne!(again.token, a.token);
}

#[test]
fn a_new_socket_of_the_same_device_displaces_the_old_one() {
    let mut desk = Desk::new();
    let a = desk.attach(register("42", Some("a"), 1, 1));
    let again = desk.attach(register("42", Some("a"), 2, 2));
    assert_eq!((again.dev, again.displaced), (a.dev, Some(SocketId(1))));
    desk.ask(leave(&a));
    assert_eq!(desk.publish(to_uid("42")).online, 1);
}

#[test]
fn a_uid_has_no_more_sockets_than_it_may() {
    let mut desk = Desk::with(Limits { sockets_per_uid: 2, ..Limits::default() });
    let a = desk.attach(register("42", None, 1, 1));
    desk.attach(register("42", Some("x"), 1, 2));
    assert_eq!(desk.refusal(register("42", None, 1, 3)).code, Code::QuotaExceeded);
    desk.attach(register("42", None, 1, 1));
    desk.ask(leave(&a));
    desk.attach(register("42", None, 1, 3));
}

#[test]
fn an_address_makes_no_more_registrations_in_an_hour_than_it_may() {
    let mut desk = Desk::with(Limits { registrations_per_address_per_hour: 2, ..Limits::default() });
    desk.attach(register("a", None, 1, 1));
    desk.attach(register("b", None, 1, 2));
    let refusal = desk.refusal(register("c", None, 1, 3));
    assert_eq!((refusal.code, refusal.limit, refusal.actual), (Code::RateLimited, Some(2), Some(3)));
    desk.attach(register("b", None, 1, 4));
    desk.now += 3_600_000;
    desk.attach(register("c", None, 1, 5));
}

#[test]
fn an_unknown_target_is_refused_or_named_as_was_asked() {
    let mut desk = Desk::new();
    let strict = Draft { strictness: Strictness::MustBeKnown, ..to_uid("42") };
    let refusal = desk.refusal(Request::Publish(strict));
    assert_eq!((refusal.code, refusal.field), (Code::UnknownTarget, Some("uid")));
    assert_eq!(refusal.message, "nobody has registered as 42 yet; try: tidings listen --uid 42 --legacy");
    let lenient = desk.publish(to_uid("42"));
    assert_eq!((lenient.devices, lenient.invalid[0].code, lenient.invalid[0].value.as_str()), (0, Code::UnknownTarget, "42"));
    let token = Draft { strictness: Strictness::MustBeKnown, ..draft(Target::Tokens(vec![Token::from_random([0; 24])])) };
    assert_eq!(desk.refusal(Request::Publish(token)).message, "no registration has this token");
    let either = |text: &str| Draft { strictness: Strictness::MustBeKnown, ..draft(Target::TokenOrUid(text.to_owned())) };
    assert_eq!(desk.refusal(Request::Publish(either("42"))).field, Some("id"));
    let a = desk.attach(register("42", None, 1, 1));
    assert_eq!(desk.publish(either("42")).devices, 1);
    assert_eq!(desk.publish(either(a.token.as_str())).devices, 1);
    let targets =
        |fact: &Fact| if let Fact::Published(message) = fact { Some((message.to.clone(), message.targets.clone())) } else { None };
    let last = desk.facts().iter().rev().find_map(targets).expect("a message");
    assert_eq!(last, (Target::Tokens(vec![a.token]), Targets::Devices(vec![a.dev.expect("a ghost")])));
}

#[test]
fn a_key_gives_its_first_answer_for_a_day_also_after_a_crash() {
    let mut desk = Desk::new();
    let keyed = |request| Draft { idempotency: Some(Idempotency { key: [1; 16], request }), ..to_uid("42") };
    let first = desk.publish(keyed(5));
    let again = desk.publish(keyed(5));
    assert_eq!(again, Accepted { replayed: true, ..first.clone() });
    assert_eq!(desk.refusal(Request::Publish(keyed(6))).code, Code::IdempotencyMismatch);
    desk.store.crash();
    assert_eq!(desk.publish(keyed(5)), again);
    // The first was one round before the second, and each round is a millisecond.
    let first_at = first.id.time_ms();
    desk.now = first_at + 24 * 3_600_000 - 2;
    assert!(desk.publish(keyed(5)).replayed);
    assert!(!desk.publish(keyed(6)).replayed);
}

#[test]
fn the_same_key_waits_for_the_first_that_still_flies() {
    let mut desk = Desk::new();
    let keyed = Draft { idempotency: Some(Idempotency { key: [1; 16], request: 5 }), ..to_uid("42") };
    let first = desk.queue(Request::Publish(keyed.clone()));
    desk.store.decide(Millis(desk.now));
    desk.store.append(Fault::None);
    let second = desk.queue(Request::Publish(keyed));
    desk.store.decide(Millis(desk.now));
    let (answers, _) = desk.store.notify();
    let accepted: Vec<_> = answers
        .iter()
        .filter_map(
            |(ticket, answer)| if let Answer::Accepted(accepted) = answer { Some((*ticket, accepted.at, accepted.replayed)) } else { None },
        )
        .collect();
    assert_eq!(accepted.len(), 2);
    assert_eq!((accepted[0].0, accepted[1].0, accepted[1].2), (first, second, true));
    assert_eq!(accepted[0].1, accepted[1].1);
}

#[test]
fn only_news_becomes_a_fact_and_a_cursor_only_rises() {
    let mut desk = Desk::new();
    let a = desk.attach(register("42", None, 1, 1));
    let dev = a.dev.expect("a ghost");
    let (one, two) = (desk.publish(to_uid("42")).at, desk.publish(to_uid("42")).at);
    assert_eq!(desk.mail(dev, a.cursor), [one, two]);
    desk.ask(prove(dev, two, &[one, two]));
    assert_eq!(desk.events(EventType::MessageReported), 2);
    let facts = desk.facts().len();
    desk.ask(prove(dev, two, &[one, two]));
    desk.ask(prove(dev, one, &[one]));
    assert_eq!(desk.facts().len(), facts);
    assert!(desk.mail(dev, two).is_empty());
    let back = desk.attach(register("42", None, 1, 1));
    assert_eq!(back.cursor, two);
}

#[test]
fn a_message_that_expires_as_it_is_born_waits_for_nobody() {
    let mut desk = Desk::new();
    let a = desk.attach(register("42", None, 1, 1));
    desk.publish(Draft { lifetime: Lifetime::Ttl(0), ..to_uid("42") });
    desk.publish(Draft { lifetime: Lifetime::Ttl(0), ..draft(Target::All) });
    let second = desk.publish(Draft { lifetime: Lifetime::Ttl(1), ..draft(Target::All) });
    assert_eq!(desk.mail(a.dev.expect("a ghost"), a.cursor), [second.at]);
    // Each round is a millisecond.
    desk.now += 998;
    desk.round(Fault::None);
    assert_eq!(desk.mail(a.dev.expect("a ghost"), a.cursor), [second.at]);
    desk.round(Fault::None);
    assert!(desk.mail(a.dev.expect("a ghost"), a.cursor).is_empty(), "expired at its time, not after it");
}

fn keyed(key: &str, draft: Draft) -> Draft {
    let content = Content { collapse_key: Some(CollapseKey::trusted(key)), ..(*draft.content).clone() };
    Draft { content: Arc::new(content), ..draft }
}

#[test]
fn only_the_newest_with_a_collapse_key_waits() {
    let mut desk = Desk::new();
    let (a, b) = (desk.attach(register("a", None, 1, 1)), desk.attach(register("b", None, 1, 2)));
    let both = || draft(Target::Uids(vec![Uid::trusted("a"), Uid::trusted("b")]));
    let plain = desk.publish(both());
    let first = desk.publish(keyed("k", both()));
    let other = desk.publish(keyed("l", both()));
    let second = desk.publish(keyed("k", to_uid("a")));
    let mail = |desk: &Desk, of: &Attached| desk.mail(of.dev.expect("a ghost"), of.cursor);
    assert_eq!(mail(&desk, &a), [plain.at, other.at, second.at]);
    assert_eq!(mail(&desk, &b), [plain.at, first.at, other.at], "it was not for b");
    // Broadcasts are apart.
    let wide = desk.publish(keyed("k", draft(Target::All)));
    let newer = desk.publish(keyed("k", draft(Target::All)));
    assert_eq!(mail(&desk, &a), [plain.at, other.at, second.at, newer.at]);
    let replaced: Vec<Position> = desk
        .facts()
        .iter()
        .flat_map(|fact| if let Fact::Published(message) = fact { message.replaces.clone() } else { Vec::new() })
        .map(|old| old.message)
        .collect();
    assert_eq!(replaced, [first.at, wide.at]);
    // One that expires as it is born takes the place all the same, and then nobody waits.
    desk.publish(Draft { lifetime: Lifetime::Ttl(0), ..keyed("k", to_uid("a")) });
    assert_eq!(mail(&desk, &a), [plain.at, other.at, newer.at]);
}

#[test]
fn messages_decided_together_replace_one_another() {
    let mut desk = Desk::new();
    let a = desk.attach(register("42", None, 1, 1));
    for _ in 0..3 {
        desk.queue(Request::Publish(keyed("k", to_uid("42"))));
    }
    desk.round(Fault::None);
    assert_eq!(desk.mail(a.dev.expect("a ghost"), a.cursor).len(), 1);
}

#[test]
fn an_heir_does_not_get_what_was_replaced_in_the_mailbox_that_it_inherited() {
    let mut desk = Desk::new();
    let phone = desk.attach(register("42", None, 1, 1));
    desk.ask(leave(&phone));
    let old = desk.publish(keyed("k", to_uid("42")));
    let laptop = desk.attach(register("42", None, 2, 2));
    let dev = laptop.dev.expect("a ghost");
    assert_eq!(desk.mail(dev, laptop.cursor), [old.at]);
    let new = desk.publish(keyed("k", to_uid("42")));
    assert_eq!(desk.mail(dev, laptop.cursor), [new.at]);
    assert_eq!(desk.mail(phone.dev.expect("a ghost"), phone.cursor), [new.at]);
}

#[test]
fn a_replaced_message_that_had_arrived_stays_reached() {
    let mut desk = Desk::new();
    let a = desk.attach(register("42", None, 1, 1));
    let dev = a.dev.expect("a ghost");
    let old = desk.publish(keyed("k", to_uid("42")));
    desk.publish(keyed("k", to_uid("42")));
    // The proof was on its way when the newer one was decided: it wins.
    desk.ask(prove(dev, old.at, &[old.at]));
    assert_eq!(desk.events(EventType::MessageReported), 1);
}

#[test]
fn a_time_of_expiry_is_ahead_and_within_28_days() {
    let mut desk = Desk::new();
    let until = |time: u64| Draft { lifetime: Lifetime::Until(Millis(time)), ..draft(Target::All) };
    let month = 28 * 86_400_000;
    for time in [0, desk.now, desk.now + 1, desk.now + month + 100] {
        let refusal = desk.refusal(Request::Publish(until(time)));
        assert_eq!((refusal.code, refusal.field), (Code::InvalidField, Some("expires_at")), "{time}");
    }
    let soon = desk.now + 100;
    let mut keyed = until(soon);
    keyed.idempotency = Some(Idempotency { key: [1; 16], request: 5 });
    assert_eq!(desk.publish(keyed.clone()).expires, Millis(soon));
    assert_eq!(desk.publish(until(desk.now + month)).expires, Millis(desk.now - 1 + month));
    // The same request is answered as ever, also when its time has passed.
    desk.later(1000);
    assert!(desk.publish(keyed).replayed);
}

#[test]
fn counting_stores_nothing_and_uses_no_key() {
    let mut desk = Desk::new();
    desk.attach(register("42", None, 1, 1));
    let facts = desk.facts().len();
    let mut dry = to_uid("42");
    dry.idempotency = Some(Idempotency { key: [1; 16], request: 5 });
    let Answer::Counted(counted) = desk.ask(Request::Count(dry.clone())) else { panic!("not counted") };
    assert_eq!((counted.devices, counted.online, counted.invalid.len()), (1, 1, 0));
    let Answer::Counted(nobody) = desk.ask(Request::Count(to_uid("43"))) else { panic!("not counted") };
    assert_eq!((nobody.devices, nobody.invalid.len()), (0, 1));
    assert_eq!(desk.facts().len(), facts);
    assert!(!desk.publish(dry).replayed);
}

#[test]
fn a_full_mailbox_keeps_the_newest_and_the_cut_is_decided_once() {
    let mut desk = Desk::with(Limits { mailbox_messages: 3, ..Limits::default() });
    let a = desk.attach(register("42", None, 1, 1));
    let dev = a.dev.expect("a ghost");
    let all: Vec<Position> = (0..5).map(|n| desk.publish(if n % 2 == 0 { to_uid("42") } else { draft(Target::All) }).at).collect();
    assert_eq!(desk.mail(dev, a.cursor), all[2..]);
    assert_eq!(desk.mail(dev, a.cursor), all[2..]);
    desk.round(Fault::None);
    let cuts: Vec<Overflowed> =
        desk.facts().iter().filter_map(|fact| if let Fact::Overflowed(cut) = fact { Some(cut.clone()) } else { None }).collect();
    assert_eq!(cuts, [Overflowed { dev, after: a.cursor, upto: all[1], count: 2, bytes: 14 }]);
    assert_eq!(desk.attach(register("42", None, 1, 1)).cursor, all[1]);
}

#[test]
fn pages_go_on_where_the_one_before_ended() {
    let mut desk = Desk::new();
    let a = desk.attach(register("42", None, 1, 1));
    let all: Vec<Position> = (0..7).map(|_| desk.publish(to_uid("42")).at).collect();
    let mut query = MailboxQuery {
        dev: a.dev.expect("a ghost"),
        after: a.cursor,
        upto: desk.store.maps().mark,
        messages_max: 3,
        bytes_max: 1 << 20,
        first: true,
    };
    let mut got = Vec::new();
    loop {
        let page = desk.store.mailbox(&query).expect("the views are there");
        got.extend(page.messages.iter().map(|stored| stored.at));
        query = MailboxQuery { after: page.upto, first: false, ..query };
        if !page.more {
            break;
        }
        assert_eq!(page.messages.len(), 3);
    }
    assert_eq!(got, all);
    assert_eq!(query.after, query.upto);
}

#[test]
fn a_report_that_names_its_message_proves_it_once() {
    let mut desk = Desk::new();
    let a = desk.attach(register("42", None, 1, 1));
    let dev = a.dev.expect("a ghost");
    let (direct, wide) = (desk.publish(to_uid("42")), desk.publish(draft(Target::All)));
    let report = |id, inferred| {
        Request::Report(Report {
            app: AppNo::DEFAULT,
            reg: Some(a.reg),
            dev: Some(dev),
            id,
            inferred,
            written: wide.at,
            status: Json::string("read"),
        })
    };
    for id in [direct.id, direct.id, wide.id, MessageId([0; 16])] {
        desk.ask(report(Some(id), None));
    }
    desk.ask(report(None, Some(direct.at)));
    let query =
        EventQuery { app: Some(AppNo::DEFAULT), sink: None, after: None, types: Some(vec![EventType::MessageReported]), limit: 100 };
    let told: Vec<_> = desk
        .store
        .events(&query)
        .events
        .into_iter()
        .filter_map(|event| if let What::Reported(told) = event.what { Some((told.message, told.state, told.inferred)) } else { None })
        .collect();
    let reached = Some(State::Reached);
    assert_eq!(
        told,
        [
            (Some(direct.id), reached, false),
            (Some(direct.id), None, false),
            (Some(wide.id), reached, false),
            (None, None, false),
            (Some(direct.id), None, true)
        ]
    );
    assert!(desk.mail(dev, a.cursor).is_empty(), "what is proven is not sent again");
    desk.ask(prove(dev, wide.at, &[direct.at]));
    assert_eq!(desk.events(EventType::MessageReported), 5, "no news: it was proven by the report");
}

#[test]
fn presence_is_told_late_and_a_quick_return_tells_nothing() {
    let mut desk = Desk::new();
    let a = desk.attach(register("42", None, 1, 1));
    desk.later(0);
    assert_eq!((desk.events(EventType::DeviceOnline), desk.events(EventType::DeviceOffline)), (1, 0));
    desk.ask(leave(&a));
    desk.later(4000);
    let b = desk.attach(register("42", None, 1, 2));
    desk.later(9000);
    assert_eq!((desk.events(EventType::DeviceOnline), desk.events(EventType::DeviceOffline)), (1, 0));
    desk.ask(leave(&b));
    desk.later(5000);
    assert_eq!((desk.events(EventType::DeviceOnline), desk.events(EventType::DeviceOffline)), (1, 1));
    desk.attach(register("42", None, 1, 3));
    desk.later(0);
    assert_eq!(desk.events(EventType::DeviceOnline), 2);
}

#[test]
fn who_is_not_back_a_minute_after_a_start_is_told_offline() {
    let mut desk = Desk::new();
    desk.attach(register("a", None, 1, 1));
    desk.attach(register("b", None, 1, 2));
    desk.later(0);
    desk.store.crash();
    desk.attach(register("a", None, 1, 3));
    desk.later(59_000);
    assert_eq!(desk.events(EventType::DeviceOffline), 0);
    desk.later(1_000);
    assert_eq!((desk.events(EventType::DeviceOnline), desk.events(EventType::DeviceOffline)), (2, 1));
}

#[test]
fn presence_whose_fact_was_lost_is_told_again() {
    let mut desk = Desk::new();
    desk.attach(register("42", None, 1, 1));
    desk.store.timers(Millis(desk.now));
    desk.store.append(Fault::UnknownLost);
    desk.store.notify();
    assert_eq!(desk.events(EventType::DeviceOnline), 0);
    desk.later(1000);
    desk.later(1);
    assert_eq!(desk.events(EventType::DeviceOnline), 1);
}

#[test]
fn a_feed_item_names_the_one_before_so_that_a_skip_is_seen() {
    let mut desk = Desk::new();
    desk.queue(Request::Publish(draft(Target::All)));
    desk.store.decide(Millis(desk.now));
    desk.store.append(Fault::None);
    let (_, first) = desk.store.notify();
    assert_eq!(first.iter().map(|(worker, _)| *worker).collect::<Vec<_>>(), [0, 1, 2, 3]);
    desk.queue(register("42", None, 1, 1));
    desk.store.decide(Millis(desk.now));
    desk.store.append(Fault::None);
    let (_, second) = desk.store.notify();
    let worker = tidings_model::worker_of(AppNo::DEFAULT, &Uid::trusted("42"), 4);
    assert_eq!(second.iter().map(|(worker, _)| *worker).collect::<Vec<_>>(), [worker]);
    assert_eq!(second[0].1.prev, first[0].1.batch.upto);
    assert_eq!(desk.store.upto(worker), second[0].1.batch.upto);
}

#[test]
fn a_cursor_that_nothing_matches_still_goes_on() {
    let mut desk = Desk::new();
    desk.attach(register("42", None, 1, 1));
    let query = EventQuery { app: Some(AppNo::DEFAULT), sink: None, after: None, types: Some(vec![EventType::MessageReported]), limit: 1 };
    let page = desk.store.events(&query);
    assert!(page.events.is_empty() && !page.more && page.next.at > Position::ZERO);
    let all = EventQuery { types: None, after: Some(page.next), ..query };
    assert!(desk.store.events(&all).events.is_empty());
}

#[test]
fn one_seed_and_the_same_steps_give_the_same_history() {
    let run = || {
        let mut desk = Desk::new();
        for n in 0..50 {
            desk.attach(register(&format!("{}", n % 7), None, n % 3, n));
            desk.publish(to_uid(&format!("{}", n % 9)));
            desk.later(700);
        }
        desk.facts()
    };
    assert_eq!(run(), run());
}

fn named(uid: &str) -> Named {
    Named { app: AppNo::DEFAULT, uid: Uid::trusted(uid) }
}

#[test]
fn who_is_connected_is_known_exactly() {
    let mut desk = Desk::new();
    let first = desk.attach(register("42", None, 1, 1));
    let since = desk.now;
    desk.later(1000);
    let second = desk.attach(register("42", None, 2, 2));
    let connected = |desk: &mut Desk| match desk.ask(Request::Connected(vec![first.reg])) {
        Answer::Connected(connected) => connected[0].clone(),
        other => panic!("{other:?}"),
    };
    let both = connected(&mut desk);
    assert_eq!((both.sockets, both.since, both.left), (2, Some(Millis(since)), None));
    assert_eq!(both.devs, [first.dev, second.dev].map(|dev| dev.expect("a ghost")));
    desk.ask(leave(&first));
    desk.ask(leave(&second));
    let nobody = connected(&mut desk);
    assert_eq!((nobody.sockets, nobody.since, nobody.left), (0, None, Some(Millis(desk.now - 1))), "when the last of them left");
}

#[test]
fn an_erasure_that_is_not_stored_leaves_everything_as_it_was() {
    let mut desk = Desk::new();
    let attached = desk.attach(register("42", None, 1, 1));
    desk.queue(Request::Erase(named("42")));
    desk.round(Fault::Full);
    desk.later(2000);
    let Answer::Accepted(accepted) = desk.ask(Request::Publish(to_uid("42"))) else { panic!("it is taken") };
    assert_eq!((accepted.devices, accepted.online), (1, 1));
    assert_eq!(desk.mail(attached.dev.expect("a ghost"), attached.cursor), [accepted.at]);
    assert!(matches!(desk.ask(Request::Erase(named("42"))), Answer::Done));
    assert_eq!(desk.refusal(Request::Erase(named("42"))).code, Code::NotFound);
    assert_eq!(desk.mail(attached.dev.expect("a ghost"), attached.cursor), []);
}

#[test]
fn a_register_behind_an_erasure_in_the_same_batch_is_a_new_user() {
    let mut desk = Desk::new();
    let before = desk.attach(register("42", None, 1, 1));
    desk.queue(Request::Erase(named("42")));
    let after = desk.attach(register("42", None, 1, 2));
    assert!(after.reg != before.reg && after.token != before.token);
    assert_eq!(after.displaced, None);
    let Answer::Accepted(accepted) = desk.ask(Request::Publish(to_uid("42"))) else { panic!("it is taken") };
    assert_eq!((accepted.devices, accepted.online), (1, 1));
}

fn emit(a: &Attached, name: &str, args: &str) -> Request {
    let (event_name, args) = (EventName::trusted(name), Json::trusted(args));
    Request::Emit(ClientEvent { reg: a.reg, dev: a.dev, event_name, args })
}

#[test]
fn what_an_app_emits_is_told_in_order_and_with_whose_it_is() {
    let mut desk = Desk::new();
    let a = desk.attach(register("42", Some("phone"), 1, 1));
    for n in 0..3 {
        assert!(matches!(desk.ask(emit(&a, "cart", &format!("[{n},1e400]"))), Answer::Done));
    }
    let query = EventQuery { app: Some(AppNo::DEFAULT), sink: None, after: None, types: Some(vec![EventType::ClientEvent]), limit: 100 };
    let told: Vec<_> = desk.store.events(&query).events.into_iter().map(|event| event.what).collect();
    let who = Who { uid: Some(Uid::trusted("42")), token: Some(a.token.clone()), device_id: Some(DeviceId::trusted("phone")) };
    let expected = (0..3).map(|n| What::Emitted {
        who: who.clone(),
        event_name: EventName::trusted("cart"),
        args: Json::trusted(format!("[{n},1e400]")),
    });
    assert_eq!(told, expected.collect::<Vec<_>>());
    assert!(desk.mail(a.dev.expect("a device"), a.cursor).is_empty(), "it is nobody's mail");
}

#[test]
fn nobody_emits_for_a_registration_that_has_ended_and_nothing_is_told_of_an_erased_user() {
    let mut desk = Desk::new();
    let a = desk.attach(register("42", None, 1, 1));
    desk.ask(emit(&a, "cart", "[]"));
    desk.ask(Request::Erase(Named { app: AppNo::DEFAULT, uid: Uid::trusted("42") }));
    let Answer::Refused(refusal) = desk.ask(emit(&a, "cart", "[]")) else { panic!("accepted") };
    assert_eq!(refusal.code, Code::Forbidden);
    assert_eq!(desk.events(EventType::ClientEvent), 0);
}

#[test]
fn what_could_not_be_stored_is_not_acknowledged() {
    for fault in [Fault::Full, Fault::UnknownLost] {
        let mut desk = Desk::new();
        let a = desk.attach(register("42", None, 1, 1));
        let ticket = desk.queue(emit(&a, "cart", "[]"));
        let answers = desk.round(fault);
        let done = answers.iter().any(|(answered, answer)| *answered == ticket && matches!(answer, Answer::Done));
        assert!(!done, "{fault:?}");
        assert_eq!(desk.events(EventType::ClientEvent), 0);
    }
}
