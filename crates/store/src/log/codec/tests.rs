use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tidings_json::Json;
use tidings_model::{
    ApiKey, App, AppName, AppNo, Body, ClientEvent, Code, CollapseKey, Content, Dev, DeviceId, DirectProof, Disconnected, End, Ended,
    Erased, EventId, EventName, EventType, Ghost, Idempotency, Invalid, KeyId, MessageId, Millis, Overflowed, Presence, Print, Proof,
    Proven, Published, Recalled, RegNo, Registered, Replaced, Reported, Scopes, Sink, SinkConf, SinkError, SinkId, SinkMoved, SinkNo,
    SinkSecret, SinkState, Started, State, Subscribed, Target, Targets, Token, TopicName, TopicNo, Uid, Unregistered, UserNo, Webhook, Why,
};

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of each fact are for ever: a log written by any release is read by every later one.
fn golden(fact: &Fact, tag: u8, head: &str, body: &str) {
    let encoded = encode(fact);
    assert_eq!((encoded.tag, hex(&encoded.head).as_str(), std::str::from_utf8(&encoded.body)), (tag, head, Ok(body)), "{fact:?}");
    assert_eq!(decode(Position::new(1, 0), tag, &encoded.head, &encoded.body).as_ref(), Ok(fact));
}

fn token() -> Token {
    Token::from_random([0; 24])
}

#[test]
fn started_and_tick_keep_their_bytes() {
    let started = Started { epoch: 300, writer: 0x0102_0304_0506_0708, build: "v1".to_owned(), after: 5 };
    golden(&Fact::Started(started), 1, "01ac02080706050403020102763105", "");
    golden(&Fact::Tick, 2, "01", "");
}

#[test]
fn apps_and_keys_keep_their_bytes() {
    let app = |created| App { no: AppNo(1), name: AppName::trusted("/a"), disabled: true, client_topics: vec!["t".to_owned()], created };
    golden(&Fact::AppPut(app(Some(Millis(300)))), 3, "0101022f610101017401ac02", "");
    golden(&Fact::AppPut(app(None)), 3, "0101022f610101017400", "");
    golden(&Fact::AppGone(AppNo(200)), 4, "01c801", "");
    let key = ApiKey {
        id: KeyId::trusted("k"),
        app: AppNo(0),
        name: "n".to_owned(),
        scopes: Scopes::EVERY,
        hashes: vec![[7; 32], [8; 32]],
        created: Millis(1),
        until: Some(Millis(2)),
    };
    golden(&Fact::KeyPut(key), 5, &format!("0100016b02{}{}1f0102016e01", "07".repeat(32), "08".repeat(32)), "");
    golden(&Fact::KeyGone(KeyId::trusted("k")), 6, "01016b", "");
}

#[test]
fn registered_keeps_its_bytes() {
    let registered = Registered {
        app: AppNo(0),
        user: UserNo(1),
        uid: Uid::trusted("42"),
        reg: RegNo(2),
        token: token(),
        device_id: Some(DeviceId::trusted("d")),
        dev: Dev(200),
        print: Print(0xff),
        addr: IpAddr::from([127, 0, 0, 1]),
        cursor: Position::new(1, 2),
        first: true,
    };
    let token = "22705f4141414141414141414141414141414141414141414141414141414141414141";
    golden(&Fact::Registered(registered), 10, &format!("01000102c801023432{token}010164ff00000000000000047f000001820201"), "");
}

#[test]
fn unregistered_presence_and_ghost_keep_their_bytes() {
    let unregistered = Unregistered { regs: vec![(RegNo(3), Why::Evicted), (RegNo(4), Why::Revoked)], ghosts: vec![Dev(9)] };
    golden(&Fact::Unregistered(unregistered), 11, "0102030104030109", "");
    golden(&Fact::Presence(Presence { on: vec![RegNo(1)], off: vec![(RegNo(2), Millis(128))] }), 12, "01010101028001", "");
    let ghost = Ghost {
        reg: RegNo(1),
        dev: Dev(2),
        print: Print(3),
        addr: Ipv6Addr::LOCALHOST.into(),
        heir_of: Some(Dev(1)),
        cursor: Position::new(0, 7),
    };
    golden(&Fact::Ghost(ghost), 17, "01010203000000000000000600000000000000000000000000000001010107", "");
}

#[test]
fn erased_and_disconnected_keep_their_bytes() {
    golden(&Fact::Erased(Erased { app: AppNo(0), user: UserNo(300), regs: vec![RegNo(1), RegNo(2)] }), 14, "0100ac02020102", "");
    golden(&Fact::Disconnected(Disconnected { regs: vec![RegNo(1), RegNo(200)] }), 15, "010201c801", "");
}

#[test]
fn subscribed_and_a_message_to_a_topic_keep_their_bytes() {
    let (app, topic) = (AppNo(0), TopicNo(300));
    let new =
        Subscribed { app, topic, name: Some(TopicName::trusted("t")), on: true, users: vec![UserNo(1)], regs: vec![RegNo(2), RegNo(200)] };
    golden(&Fact::Subscribed(new), 16, "0100ac020101740101010202c801", "");
    golden(&Fact::Subscribed(Subscribed { app, topic, name: None, on: false, users: vec![], regs: vec![] }), 16, "0100ac0200000000", "");
    let published = Published {
        app,
        id: MessageId([0xab; 16]),
        to: Target::Topic(TopicName::trusted("t")),
        targets: Targets::Members(topic),
        devices: 2,
        online: 1,
        invalid: Vec::new(),
        expires: Millis(300),
        content: Arc::new(Content::data(Json::string("hi"))),
        idempotency: None,
        replaces: Vec::new(),
    };
    let id = "ab".repeat(16);
    golden(&Fact::from(published.clone()), 20, &format!("0300{id}04017403ac02020100ac0200000000000000"), "\"hi\"");
    let nobody = Published { targets: Targets::Devices(vec![]), devices: 0, online: 0, ..published };
    golden(&Fact::from(nobody), 20, &format!("0300{id}0401740100000000ac0200000000000000"), "\"hi\"");
}

#[test]
fn published_keeps_its_bytes() {
    let published = |to, targets| Published {
        app: AppNo(0),
        id: MessageId([0xab; 16]),
        to,
        targets,
        devices: 2,
        online: 1,
        invalid: vec![Invalid { value: "x".to_owned(), code: Code::UnknownTarget }],
        expires: Millis(300),
        content: Arc::new(Content::data(Json::string("hi"))),
        idempotency: Some(Idempotency { key: [7; 16], request: 1 }),
        replaces: Vec::new(),
    };
    let id = "ab".repeat(16);
    let rest = format!("0201010178{:02x}ac0201{}0100000000000000", Code::UnknownTarget.number(), "07".repeat(16));
    golden(&Fact::from(published(Target::All, Targets::Everyone)), 20, &format!("0100{id}0002{rest}"), "\"hi\"");
    let uids = published(Target::Uids(vec![Uid::trusted("a"), Uid::trusted("b")]), Targets::Devices(vec![Dev(5), Dev(7)]));
    golden(&Fact::from(uids), 20, &format!("0100{id}01020161016201020502{rest}"), "\"hi\"");
    let tokens = published(Target::Tokens(vec![token()]), Targets::Devices(vec![]));
    golden(&Fact::from(tokens), 20, &format!("0100{id}020122705f{}0100{rest}", "41".repeat(32)), "\"hi\"");
}

#[test]
fn a_message_with_more_than_data_keeps_its_bytes() {
    let published = Published {
        app: AppNo(0),
        id: MessageId([0xab; 16]),
        to: Target::All,
        targets: Targets::Everyone,
        devices: 2,
        online: 1,
        invalid: Vec::new(),
        expires: Millis(300),
        content: Arc::new(Content {
            body: Body::Args(Json::parse(b"[1]").expect("an array")),
            event_name: Some(EventName::trusted("e")),
            collapse_key: Some(CollapseKey::trusted("k")),
            label: Some("l".into()),
            meta: Some("m".into()),
        }),
        idempotency: None,
        replaces: vec![
            Replaced { message: Position::new(1, 0), devs: None },
            Replaced { message: Position::new(1, 1), devs: Some(vec![Dev(3), Dev(5)]) },
        ],
    };
    let front = format!("0200{}0002020100ac0200", "ab".repeat(16));
    golden(&Fact::from(published.clone()), 20, &format!("{front}0101016501016b01016c01016d0280020081020102 0302").replace(' ', ""), "[1]");
    let named = Published {
        content: Arc::new(Content { event_name: Some(EventName::trusted("e")), ..Content::data(Json::null()) }),
        replaces: Vec::new(),
        ..published
    };
    golden(&Fact::from(named), 20, &format!("{front}0001016500000000"), "null");
    // One message has one spelling: what version 1 can say is no version 2.
    let plain = [[2, 0].as_slice(), &[0xab; 16], &[0, 2, 2, 1, 0, 0xac, 2, 0], &[0; 6]].concat();
    assert!(matches!(decode(Position::ZERO, 20, &plain, b"null"), Err(ReadError::Corrupt { .. })));
}

#[test]
fn proven_reported_and_overflowed_keep_their_bytes() {
    let direct = DirectProof { message: Position::new(1, 0), dev: Dev(3), state: State::Reached, proof: Proof::Peer, after_ms: 5 };
    golden(
        &Fact::Proven(Proven { cursors: vec![(Position::new(1, 1), vec![Dev(3), Dev(4)])], direct: vec![direct] }),
        21,
        "0101810202030101800203020105",
        "",
    );
    let reported = Reported {
        app: AppNo(0),
        reg: Some(RegNo(1)),
        dev: Some(Dev(2)),
        message: Some(Position::new(0, 3)),
        inferred: true,
        state: Some(State::Reached),
        proof: Some(Proof::Peer),
        status: Json::null(),
    };
    golden(&Fact::Reported(reported), 22, "01000101010201030101020101", "null");
    golden(
        &Fact::Overflowed(Overflowed { dev: Dev(1), after: Position::new(0, 2), upto: Position::new(0, 3), count: 4, bytes: 5 }),
        23,
        "010102030405",
        "",
    );
}

#[test]
fn ends_and_recalls_keep_their_bytes() {
    let direct = vec![(Position::new(0, 3), Dev(300), End::Expired), (Position::new(2, 0), Dev(1), End::Unregistered)];
    golden(&Fact::Ended(Ended { direct }), 28, "010203ac020180040105", "");
    let recalled = Recalled { message: Position::new(2, 1), by: Some(KeyId::trusted("k7")), devs: Some(vec![Dev(3), Dev(300)]) };
    golden(&Fact::Recalled(recalled.clone()), 24, "01810401026b37010203a902", "");
    golden(&Fact::Recalled(Recalled { by: None, devs: None, ..recalled }), 24, "0181040000", "");
    let ends: Vec<u8> = End::ALL.into_iter().map(|end| end as u8).collect();
    assert_eq!(ends, [1, 2, 3, 4, 5, 6], "they stand in the log");
    assert!(decode(Position::ZERO, 28, &[1, 1, 3, 1, 7], b"").is_err(), "an unknown end is no end");
}

#[test]
fn an_event_of_an_app_keeps_its_bytes() {
    let args = Json::parse(br#"["a",{"n":1e400}]"#).unwrap();
    let event = ClientEvent { reg: RegNo(300), dev: Some(Dev(2)), event_name: EventName::trusted("cart"), args };
    golden(&Fact::ClientEvent(event.clone()), 29, "01ac0201020463617274", r#"["a",{"n":1e400}]"#);
    let extra = ClientEvent { dev: None, args: Json::trusted("[]"), ..event };
    golden(&Fact::ClientEvent(extra), 29, "01ac02000463617274", "[]");
}

#[test]
fn sinks_keep_their_bytes() {
    let sink = |app, conf| Sink { no: SinkNo(1), id: SinkId::trusted("wh_a"), app, conf, created: Millis(300) };
    let webhook = Webhook {
        url: "http://a".to_owned(),
        types: Some(vec![EventType::ClientEvent]),
        secrets: vec![SinkSecret::new(&[7; 2]), SinkSecret::new(&[8; 1])],
    };
    let types = format!("01010c{}", hex(b"client.event"));
    let front = "0101010004 77685f61ac0201".replace(' ', "");
    let url = format!("08{}", hex(b"http://a"));
    golden(&Fact::SinkPut(sink(Some(AppNo(0)), SinkConf::Webhook(webhook.clone()))), 30, &format!("{front}{url}{types}020207070108"), "");
    let every = Webhook { types: None, secrets: Vec::new(), ..webhook };
    golden(&Fact::SinkPut(sink(Some(AppNo(0)), SinkConf::Webhook(every))), 30, &format!("{front}{url}0000"), "");
    golden(&Fact::SinkPut(sink(None, SinkConf::Ice)), 30, "0101000477685f61ac0202", "");
    golden(&Fact::SinkGone(SinkNo(200)), 31, "01c801", "");
    let id = |record, n| EventId { at: Position::new(record, 0), n };
    let plain = SinkMoved { sink: SinkNo(1), to: id(1, 2), state: SinkState::Active, last_error: None, park: None, gap: None };
    golden(&Fact::SinkMoved(plain.clone()), 32, "010180020200000000", "");
    let error = SinkError { at: Millis(5), why: "no".into() };
    let full = SinkMoved { state: SinkState::Paused, last_error: Some(error), park: Some(id(1, 1)), gap: Some(id(0, 3)), ..plain };
    golden(&Fact::SinkMoved(full), 32, "0101800202010105026e6f01800201010003", "");
}

#[test]
fn a_fact_of_a_later_build_is_named_and_stops_the_reader() {
    let at = Position::new(5123, 2);
    for (tag, version) in [(33, 1), (20, 4), (21, 2)] {
        let error = decode(at, tag, &[version], b"").expect_err("it is unknown");
        assert_eq!(error, ReadError::Newer { at, tag, version });
        assert!(error.to_string().starts_with(&format!("fact {tag} (version {version}) at 5123:2 is newer than this build")), "{error}");
    }
}

#[test]
fn bytes_left_over_are_no_fact() {
    assert!(decode(Position::ZERO, 2, &[1, 0], b"").is_err());
    assert!(decode(Position::ZERO, 2, &[1], b"x").is_err());
    assert!(decode(Position::ZERO, 2, &[], b"").is_err());
}

#[test]
fn a_flipped_bit_changes_the_check_sum_and_so_does_another_place() {
    let encoded =
        encode(&Fact::Overflowed(Overflowed { dev: Dev(1), after: Position::ZERO, upto: Position::new(3, 0), count: 1, bytes: 2 }));
    let crc = encoded.crc(Position::new(1, 0));
    assert_ne!(crc, encoded.crc(Position::new(1, 1)));
    let mut flipped = encoded.clone();
    flipped.head[1] ^= 1;
    assert_ne!(crc, flipped.crc(Position::new(1, 0)));
    let moved = Encoded { head: encoded.head[..3].to_vec(), body: encoded.head[3..].to_vec(), ..encoded };
    assert_ne!(crc, moved.crc(Position::new(1, 0)), "the border between head and body counts");
}

fn devs() -> impl Strategy<Value = Vec<Dev>> {
    vec(any::<u32>(), 0..20).prop_map(|mut numbers| {
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().map(Dev).collect()
    })
}

fn position() -> impl Strategy<Value = Position> {
    any::<u64>().prop_map(Position::from_raw)
}

fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().collect())
}

fn addr() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

fn state_of() -> impl Strategy<Value = State> {
    (0u8..4).prop_map(|number| state(number).expect("there are four"))
}

fn proof_of() -> impl Strategy<Value = Proof> {
    (0u8..4).prop_map(|number| proof(number).expect("there are four"))
}

fn registered() -> impl Strategy<Value = Fact> {
    (any::<[u32; 4]>(), (text(), text(), option::of(text())), any::<u64>(), addr(), position(), any::<bool>()).prop_map(
        |([app, user, reg, dev], (uid, token, device_id), print, addr, cursor, first)| {
            Fact::Registered(Registered {
                app: AppNo(app),
                user: UserNo(user),
                uid: Uid::trusted(&uid),
                reg: RegNo(reg),
                token: Token::trusted(&token),
                device_id: device_id.as_deref().map(DeviceId::trusted),
                dev: Dev(dev),
                print: Print(print),
                addr,
                cursor,
                first,
            })
        },
    )
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        Just(Target::All),
        vec(text(), 0..4).prop_map(|uids| Target::Uids(uids.iter().map(|uid| Uid::trusted(uid)).collect())),
        vec(text(), 0..4).prop_map(|tokens| Target::Tokens(tokens.iter().map(|token| Token::trusted(token)).collect())),
        text().prop_map(Target::TokenOrUid),
        text().prop_map(|topic| Target::Topic(TopicName::trusted(&topic))),
    ]
}

fn published() -> impl Strategy<Value = Published> {
    let targets = prop_oneof![
        Just(Targets::Everyone),
        devs().prop_map(Targets::Devices),
        any::<u32>().prop_map(|topic| Targets::Members(TopicNo(topic)))
    ];
    let invalid = vec((text(), 0..Code::ALL.len()).prop_map(|(value, code)| Invalid { value, code: Code::ALL[code] }), 0..3);
    let idempotency = option::of(any::<([u8; 16], u64)>().prop_map(|(key, request)| Idempotency { key, request }));
    (any::<[u32; 3]>(), any::<[u8; 16]>(), target(), targets, invalid, any::<u64>(), text(), idempotency).prop_map(
        |([app, devices, online], id, to, targets, invalid, expires, data, idempotency)| {
            let (app, id, expires) = (AppNo(app), MessageId(id), Millis(expires));
            let content = Arc::new(Content::data(Json::string(&data)));
            Published { app, id, to, targets, devices, online, invalid, expires, content, idempotency, replaces: Vec::new() }
        },
    )
}

/// A message that may have more than data.
fn dressed() -> impl Strategy<Value = Fact> {
    let words = (option::of(text()), option::of(text()), option::of(text()), option::of(text()));
    let replaced = (position(), option::of(devs())).prop_map(|(message, devs)| Replaced { message, devs });
    (published(), any::<bool>(), words, vec(replaced, 0..3)).prop_map(|(mut message, args, (event, key, label, meta), replaces)| {
        let data = Json::trusted(message.content.body.text());
        message.content = Arc::new(Content {
            body: if args { Body::Args(data) } else { Body::Data(data) },
            event_name: event.as_deref().map(EventName::trusted),
            collapse_key: key.as_deref().map(CollapseKey::trusted),
            label: label.map(Into::into),
            meta: meta.map(Into::into),
        });
        message.replaces = replaces;
        Fact::from(message)
    })
}

fn proven() -> impl Strategy<Value = Fact> {
    let direct = (position(), any::<u32>(), state_of(), proof_of(), any::<u32>())
        .prop_map(|(message, dev, state, proof, after_ms)| DirectProof { message, dev: Dev(dev), state, proof, after_ms });
    (vec((position(), devs()), 0..4), vec(direct, 0..4)).prop_map(|(cursors, direct)| Fact::Proven(Proven { cursors, direct }))
}

fn reported() -> impl Strategy<Value = Fact> {
    (
        any::<u32>(),
        option::of(any::<u32>()),
        option::of(any::<u32>()),
        option::of(position()),
        any::<bool>(),
        option::of(state_of()),
        option::of(proof_of()),
        text(),
    )
        .prop_map(|(app, reg, dev, message, inferred, state, proof, status)| {
            Fact::Reported(Reported {
                app: AppNo(app),
                reg: reg.map(RegNo),
                dev: dev.map(Dev),
                message,
                inferred,
                state,
                proof,
                status: Json::string(&status),
            })
        })
}

fn client_event() -> impl Strategy<Value = Fact> {
    (any::<u32>(), option::of(any::<u32>()), text(), text()).prop_map(|(reg, dev, name, arg)| {
        let args = Json::trusted(format!("[{}]", Json::string(&arg)));
        Fact::ClientEvent(ClientEvent { reg: RegNo(reg), dev: dev.map(Dev), event_name: EventName::trusted(&name), args })
    })
}

fn small_facts() -> impl Strategy<Value = Fact> {
    let started = (any::<u32>(), any::<u64>(), text(), any::<u64>())
        .prop_map(|(epoch, writer, build, after)| Fact::Started(Started { epoch, writer, build, after }));
    let why = prop_oneof![Just(Why::Asked), Just(Why::Evicted), Just(Why::Stale), Just(Why::Revoked)];
    let unregistered = (vec((any::<u32>().prop_map(RegNo), why), 0..4), vec(any::<u32>().prop_map(Dev), 0..4))
        .prop_map(|(regs, ghosts)| Fact::Unregistered(Unregistered { regs, ghosts }));
    let presence =
        (vec(any::<u32>().prop_map(RegNo), 0..4), vec(any::<(u32, u64)>().prop_map(|(reg, seen)| (RegNo(reg), Millis(seen))), 0..4))
            .prop_map(|(on, off)| Fact::Presence(Presence { on, off }));
    let ghost = (any::<[u32; 2]>(), any::<u64>(), addr(), option::of(any::<u32>()), position()).prop_map(
        |([reg, dev], print, addr, heir_of, cursor)| {
            Fact::Ghost(Ghost { reg: RegNo(reg), dev: Dev(dev), print: Print(print), addr, heir_of: heir_of.map(Dev), cursor })
        },
    );
    let overflowed = (any::<u32>(), position(), position(), any::<u32>(), any::<u64>())
        .prop_map(|(dev, after, upto, count, bytes)| Fact::Overflowed(Overflowed { dev: Dev(dev), after, upto, count, bytes }));
    let recalled = (position(), option::of(".{0,8}"), option::of(devs())).prop_map(|(message, by, devs)| {
        let by = by.map(|id: String| KeyId::trusted(&id));
        Fact::Recalled(Recalled { message, by, devs })
    });
    let end = (0..End::ALL.len()).prop_map(|index| End::ALL[index]);
    let ended = vec((position(), any::<u32>().prop_map(Dev), end), 0..4).prop_map(|direct| Fact::Ended(Ended { direct }));
    prop_oneof![started, Just(Fact::Tick), unregistered, presence, ghost, overflowed, recalled, ended, tenancy()]
}

fn tenancy() -> impl Strategy<Value = Fact> {
    let time = || any::<u64>().prop_map(Millis);
    let app = (any::<u32>(), ".{0,8}", any::<bool>(), vec(".{0,8}", 0..3), option::of(time())).prop_map(
        |(no, name, disabled, topics, created)| {
            Fact::AppPut(App { no: AppNo(no), name: AppName::trusted(&name), disabled, client_topics: topics, created })
        },
    );
    let key = (any::<(u32, u8)>(), ".{0,8}", ".{0,8}", vec(any::<[u8; 32]>(), 0..3), time(), option::of(time())).prop_map(
        |((app, scopes), id, name, hashes, created, until)| {
            let (id, app, scopes) = (KeyId::trusted(&id), AppNo(app), Scopes::from_bits(scopes));
            Fact::KeyPut(ApiKey { id, app, name, scopes, hashes, created, until })
        },
    );
    let gone = ".{0,8}".prop_map(|id: String| Fact::KeyGone(KeyId::trusted(&id)));
    prop_oneof![app, any::<u32>().prop_map(|no| Fact::AppGone(AppNo(no))), key, gone]
}

fn event_id() -> impl Strategy<Value = EventId> {
    (position(), any::<u32>()).prop_map(|(at, n)| EventId { at, n })
}

fn sink() -> impl Strategy<Value = Fact> {
    let kinds = vec((0..EventType::ALL.len()).prop_map(|kind| EventType::ALL[kind]), 0..3);
    let secrets = vec(vec(any::<u8>(), 0..40).prop_map(|bytes| SinkSecret::new(&bytes)), 0..3);
    let webhook = (text(), option::of(kinds), secrets).prop_map(|(url, types, secrets)| SinkConf::Webhook(Webhook { url, types, secrets }));
    let conf = prop_oneof![webhook, Just(SinkConf::Ice)];
    (any::<u32>(), text(), option::of(any::<u32>()), conf, any::<u64>()).prop_map(|(no, id, app, conf, created)| {
        Fact::SinkPut(Sink { no: SinkNo(no), id: SinkId::trusted(&id), app: app.map(AppNo), conf, created: Millis(created) })
    })
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let moved =
        (any::<u32>(), event_id(), any::<bool>(), option::of((any::<u64>(), text())), option::of(event_id()), option::of(event_id()));
    let moved = moved.prop_map(|(sink, to, paused, error, park, gap)| {
        let state = if paused { SinkState::Paused } else { SinkState::Active };
        let last_error = error.map(|(at, why)| SinkError { at: Millis(at), why: why.into() });
        Fact::SinkMoved(SinkMoved { sink: SinkNo(sink), to, state, last_error, park, gap })
    });
    let sinks = prop_oneof![sink(), any::<u32>().prop_map(|no| Fact::SinkGone(SinkNo(no))), moved];
    prop_oneof![sinks, registered(), published().prop_map(Fact::from), dressed(), proven(), reported(), client_event(), small_facts()]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn what_is_written_is_read(fact in any_fact()) {
        let Encoded { tag, head, body } = encode(&fact);
        prop_assert_eq!(decode(Position::ZERO, tag, &head, &body), Ok(fact));
    }

    #[test]
    fn a_fact_cut_short_is_an_error(fact in any_fact(), part in 0.0..1.0f64) {
        let Encoded { tag, head, body } = encode(&fact);
        let cut = (head.len() as f64 * part) as usize;
        prop_assert!(decode(Position::ZERO, tag, &head[..cut], &body).is_err());
    }

    #[test]
    fn no_bytes_panic_and_what_is_read_is_written_alike(tag in any::<u8>(), mut head in vec(any::<u8>(), 0..200), body in vec(any::<u8>(), 0..20)) {
        if let Some(version) = head.first_mut() {
            *version = 1 + *version % 2;
        }
        if let Ok(fact) = decode(Position::ZERO, tag, &head, &body) {
            prop_assert_eq!(encode(&fact), Encoded { tag, head, body });
        }
    }

    #[test]
    fn a_changed_byte_never_panics(fact in any_fact(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let Encoded { tag, mut head, body } = encode(&fact);
        let at = at.index(head.len());
        head[at] = byte;
        let _ = decode(Position::ZERO, tag, &head, &body);
    }
}
