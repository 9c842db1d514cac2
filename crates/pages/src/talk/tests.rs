use tidings_model::AppNo;

use super::*;

/// Lets in who shows nothing.
fn keyless() -> LetIn {
    let refuse = || Refusal::new(Code::InvalidKey, "this server has no keys, leave key out").field("key");
    Box::new(move |key| if key.is_none() { Ok(Caller::operator()) } else { Err(refuse()) })
}

fn talk(revision: Revision, query: &str) -> Talk {
    let mut talk = Talk::new(revision, "ID".to_owned(), query, keyless());
    talk.greet();
    talk
}

/// What each text leads to, in order.
fn check(talk: &mut Talk, exchange: &[(&str, &[&str])]) {
    for (text, expected) in exchange {
        let said: Vec<String> = match talk.hear(Data::Text((*text).into())) {
            Ok(wishes) => wishes.into_iter().map(told).collect(),
            Err(Broken) => vec!["broken".to_owned()],
        };
        assert_eq!(said, *expected, "{text}");
    }
}

fn told(wish: Wish) -> String {
    match wish {
        Wish::Say(text) => text,
        Wish::Publish(Call { event, args, ack, .. }) => format!("{} {} {ack:?}", event.name(), args.join(",")),
    }
}

fn joined(revision: Revision) -> Talk {
    let mut talk = talk(revision, "");
    assert_eq!(talk.hear(Data::Text("0/backend,".into())).unwrap().len(), 1);
    talk
}

#[test]
fn the_root_that_protocol_4_joins_by_itself_is_inert() {
    let mut talk = Talk::new(Revision::V3, "ID".to_owned(), "", keyless());
    assert_eq!(talk.greet(), Some(Wish::Say("0".to_owned())));
    check(
        &mut talk,
        &[
            ("0", &[]),
            ("2[\"broadcast\",{\"data\":1}]", &[]),
            (
                "27[\"broadcast\",{\"data\":1}]",
                &["37[{\"error\":{\"code\":\"forbidden\",\"message\":\"page events are taken on the namespace /backend\"}}]"],
            ),
            ("2/backend,[\"broadcast\",{\"data\":1}]", &[]),
            ("0/backend", &["0/backend,"]),
            ("1", &[]),
            ("2/backend,[\"broadcast\",{\"data\":1}]", &["broadcast {\"data\":1} None"]),
        ],
    );
}

#[test]
fn protocol_5_finds_no_other_namespace() {
    let mut talk = talk(Revision::V4, "");
    check(
        &mut talk,
        &[
            ("0", &["4{\"message\":\"Invalid namespace\"}"]),
            ("0/shop,", &["4/shop,{\"message\":\"Invalid namespace\"}"]),
            ("0/backend,", &["0/backend,{\"sid\":\"ID\"}"]),
            ("0/backend,", &["broken"]),
        ],
    );
    check(&mut super::tests::talk(Revision::V4, ""), &[("2/backend,[\"broadcast\",{\"data\":1}]", &["broken"])]);
}

#[test]
fn a_key_is_refused_wherever_it_stands_as_there_are_none() {
    const WHY: &str = "this server has no keys, leave key out";
    let four = format!("4/backend,\"{WHY}\"");
    let five = format!("4/backend,{{\"message\":\"{WHY}\",\"data\":{{\"code\":\"invalid_key\"}}}}");
    check(&mut talk(Revision::V3, ""), &[("0/backend?key=tdk_1_x", &[&four])]);
    check(&mut talk(Revision::V3, "EIO=3&key=tdk%5F1"), &[("0/backend", &[&four])]);
    check(&mut talk(Revision::V4, "key=tdk_1_x&EIO=4"), &[("0/backend,", &[&five])]);
    check(&mut talk(Revision::V4, ""), &[("0/backend,{\"key\":\"tdk_1_x\"}", &[&five]), ("0/backend,{}", &["0/backend,{\"sid\":\"ID\"}"])]);
}

#[test]
fn page_events_are_called_and_others_are_refused_by_ack_or_as_an_error() {
    const UNKNOWN: &str = "{\"code\":\"not_found\",\"message\":\"there is no such event here; known are broadcast, p2p and my event\"}";
    const BINARY: &str = "{\"code\":\"invalid_field\",\"message\":\"data must be JSON, binary is not carried\",\"field\":\"data\"}";
    let mut talk = joined(Revision::V4);
    check(
        &mut talk,
        &[
            ("2/backend,3[\"p2p\",{\"id\":\"42\",\"data\":1}]", &["p2p {\"id\":\"42\",\"data\":1} Some(3)"]),
            ("2/backend,[\"broadcast\",1,2]", &["broadcast 1,2 None"]),
            ("2/backend,4[\"my event\",{\"data\":\"x\"}]", &["3/backend,4[{\"ok\":true}]"]),
            ("2/backend,[\"my event\"]", &[]),
            ("2/backend,5[\"register\",{\"data\":\"42\"}]", &[&format!("3/backend,5[{{\"error\":{UNKNOWN}}}]")]),
            ("2/backend,[\"report\"]", &[&format!("2/backend,[\"_error\",{UNKNOWN}]")]),
            ("51-/backend,6[\"broadcast\",{\"data\":{\"_placeholder\":true,\"num\":0}}]", &[]),
        ],
    );
    let said = talk.hear(Data::Binary(b"\x01\x02".as_slice().into())).unwrap();
    assert_eq!(said, [Wish::Say(format!("3/backend,6[{{\"error\":{BINARY}}}]"))]);
}

#[test]
fn an_answer_goes_to_the_ack_or_as_an_error_and_nowhere_after_a_goodbye() {
    let id = MessageId::v7(1, [0; 10]);
    let refused = || Err(Refusal::new(Code::UnknownTarget, "nobody").field("id").into());
    let mut talk = joined(Revision::V3);
    assert_eq!(talk.answered(Some(7), Ok(id)), Some(Wish::Say(format!("3/backend,7[{{\"ok\":true,\"id\":\"{id}\"}}]"))));
    assert_eq!(talk.answered(None, Ok(id)), None);
    let error = "{\"code\":\"unknown_target\",\"message\":\"nobody\",\"field\":\"id\"}";
    assert_eq!(talk.answered(Some(8), refused()), Some(Wish::Say(format!("3/backend,8[{{\"error\":{error}}}]"))));
    assert_eq!(talk.answered(None, refused()), Some(Wish::Say(format!("2/backend,[\"_error\",{error}]"))));
    check(&mut talk, &[("1/backend,", &[])]);
    assert_eq!(talk.answered(Some(9), Ok(id)), None);
}

#[test]
fn a_client_that_does_not_wait_is_told_so() {
    let mut talk = joined(Revision::V4);
    let call = "2/backend,[\"broadcast\",{\"data\":1}]";
    for _ in 0..CALLS_MAX {
        assert!(matches!(&talk.hear(Data::Text(call.into())).unwrap()[..], [Wish::Publish(call)] if call.by.app() == AppNo::DEFAULT));
    }
    let [Wish::Say(said)] = &talk.hear(Data::Text(call.into())).unwrap()[..] else { panic!("it was taken") };
    assert!(said.contains("overloaded"), "{said}");
    talk.answered(None, Ok(MessageId::v7(1, [0; 10])));
    assert!(matches!(talk.hear(Data::Text(call.into())).unwrap()[..], [Wish::Publish(_)]));
}

#[test]
fn a_key_that_has_ended_since_the_join_publishes_nothing() {
    let open = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_open = open.clone();
    let let_in: LetIn = Box::new(move |key| {
        let opens = key == Some("tdk_a_b") && is_open.load(std::sync::atomic::Ordering::Relaxed);
        if opens { Ok(Caller::operator()) } else { Err(Refusal::new(Code::InvalidKey, "no")) }
    });
    let mut talk = Talk::new(Revision::V4, "ID".to_owned(), "", let_in);
    check(
        &mut talk,
        &[
            ("0/backend,", &["4/backend,{\"message\":\"no\",\"data\":{\"code\":\"invalid_key\"}}"]),
            ("0/backend,{\"key\":\"tdk_a_b\"}", &["0/backend,{\"sid\":\"ID\"}"]),
            ("2/backend,1[\"broadcast\",{\"data\":1}]", &["broadcast {\"data\":1} Some(1)"]),
        ],
    );
    open.store(false, std::sync::atomic::Ordering::Relaxed);
    let refused = "3/backend,2[{\"error\":{\"code\":\"invalid_key\",\"message\":\"no\"}}]";
    check(&mut talk, &[("2/backend,2[\"broadcast\",{\"data\":1}]", &[refused])]);
}
