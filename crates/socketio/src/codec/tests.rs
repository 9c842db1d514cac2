use proptest::prelude::*;

use super::*;

fn check(text: &str, expected: Result<Packet<'_>, Malformed>) {
    assert_eq!(decode(text), expected, "{text}");
}

fn packet<'a>(kind: PacketType, namespace: &'a str, id: Option<u64>, data: Option<&str>) -> Packet<'a> {
    let data = data.map(|data| Json::parse(data.as_bytes()).unwrap());
    Packet { id, data, ..Packet::new(kind, namespace) }
}

#[test]
fn packets_are_read_as_every_client_writes_them() {
    check("0", Ok(packet(PacketType::Connect, "/", None, None)));
    check("0{\"token\":\"1\"}", Ok(packet(PacketType::Connect, "/", None, Some("{\"token\":\"1\"}"))));
    check("0/chat,{}", Ok(packet(PacketType::Connect, "/chat", None, Some("{}"))));
    check("1/admin,", Ok(packet(PacketType::Disconnect, "/admin", None, None)));
    check("2[\"e\",1]", Ok(packet(PacketType::Event, "/", None, Some("[\"e\",1]"))));
    check("2/admin,13[\"foo\"]", Ok(packet(PacketType::Event, "/admin", Some(13), Some("[\"foo\"]"))));
    check("30[]", Ok(packet(PacketType::Ack, "/", Some(0), Some("[]"))));
    check("312[\"x\"]", Ok(packet(PacketType::Ack, "/", Some(12), Some("[\"x\"]"))));
    check("4\"no\"", Ok(packet(PacketType::ConnectError, "/", None, Some("\"no\""))));
    check("4/ns,{\"message\":\"no\"}", Ok(packet(PacketType::ConnectError, "/ns", None, Some("{\"message\":\"no\"}"))));
}

#[test]
fn the_comma_behind_a_namespace_may_be_missing_at_the_end() {
    check("0/chat", Ok(packet(PacketType::Connect, "/chat", None, None)));
    check("1/chat", Ok(packet(PacketType::Disconnect, "/chat", None, None)));
    check("0/", Ok(packet(PacketType::Connect, "/", None, None)));
    // Nowhere else: what follows is the namespace's own.
    check("2/chat[\"x\"]", Err(Malformed::Payload));
    check("2/chat[\"x\",1]", Err(Malformed::Json));
}

#[test]
fn a_namespaces_query_is_split_from_its_path() {
    let queried = |namespace, query| Ok(Packet { query: Some(query), ..Packet::new(PacketType::Connect, namespace) });
    check("0/admin?token=x&uid=1,", queried("/admin", "token=x&uid=1"));
    check("0/admin?token=x", queried("/admin", "token=x"));
    check("0/admin?", queried("/admin", ""));
    check("0/?a=b?c,", queried("/", "a=b?c"));
}

#[test]
fn binary_packets_announce_their_attachments() {
    let check = |text, kind, attachments, id, data| {
        check(text, Ok(Packet { attachments, ..packet(kind, "/", id, Some(data)) }));
    };
    let one = "[\"e\",{\"_placeholder\":true,\"num\":0}]";
    check("51-[\"e\",{\"_placeholder\":true,\"num\":0}]", PacketType::BinaryEvent, 1, None, one);
    check("52-789[\"e\",{\"_placeholder\":true,\"num\":0}]", PacketType::BinaryEvent, 2, Some(789), one);
    check("50-[\"e\"]", PacketType::BinaryEvent, 0, None, "[\"e\"]");
    check("62-789[[{\"_placeholder\":true,\"num\":1}]]", PacketType::BinaryAck, 2, Some(789), "[[{\"_placeholder\":true,\"num\":1}]]");
    check("5999-[\"e\"]", PacketType::BinaryEvent, 999, None, "[\"e\"]");
}

#[test]
fn payloads_are_kept_less_the_whitespace_between_tokens() {
    check("2 [ \"a b\" , 1.50,\"\\/\" ] ", Ok(packet(PacketType::Event, "/", None, Some("[\"a b\",1.50,\"\\/\"]"))));
    assert_eq!(decode("2[\"a\",1e400]").unwrap().data.unwrap().as_str(), "[\"a\",1e400]");
}

#[test]
fn an_id_is_read_as_a_number_up_to_19_digits() {
    check("2007[\"x\"]", Ok(packet(PacketType::Event, "/", Some(7), Some("[\"x\"]"))));
    check("29999999999999999999[\"x\"]", Ok(packet(PacketType::Event, "/", Some(9_999_999_999_999_999_999), Some("[\"x\"]"))));
    check("210000000000000000000[\"x\"]", Err(Malformed::Id));
    check("2-1[\"x\"]", Err(Malformed::Json));
    check("2+1[\"x\"]", Err(Malformed::Json));
}

#[test]
fn an_unknown_type_is_no_packet() {
    for text in ["", "abc", "7", "é", " 2[\"x\"]", "-1", "/"] {
        check(text, Err(Malformed::Type));
    }
}

#[test]
fn a_count_of_attachments_is_digits_and_a_dash() {
    for text in ["5", "5[\"x\"]", "5-[\"x\"]", "51[\"x\"]", "5+1-[\"x\"]", "51.0-[\"x\"]", "5/n,1-[\"x\"]", "599999999999999999999-[]", "6"]
    {
        check(text, Err(Malformed::Attachments));
    }
}

#[test]
fn what_is_no_acceptable_json_is_named_so() {
    check("2abc[\"x\"]", Err(Malformed::Json));
    check("2[\"x\"", Err(Malformed::Json));
    check("2[\"x\"]1", Err(Malformed::Json));
    check("2[\"x\",{\"a\":1,\"a\":2}]", Err(Malformed::Json));
    check("2[\"x\",\"\\ud800\"]", Err(Malformed::Json));
    check(&format!("2[\"x\",{}{}]", "[".repeat(128), "]".repeat(128)), Err(Malformed::Json));
    check("0abc", Err(Malformed::Json));
}

#[test]
fn each_type_has_its_shape_of_payload() {
    let wrong =
        ["0[]", "0\"x\"", "0 1", "1[]", "1null", "2", "2{}", "2[]", "2[{}]", "2[null,1]", "2[[\"x\"]]", "2\"x\"", "3", "31", "31{}"];
    for text in wrong.into_iter().chain(["4", "4null", "4true", "51-", "51-{}", "61-1", "61-{}"]) {
        check(text, Err(Malformed::Payload));
    }
}

#[test]
fn reserved_names_are_refused_however_they_are_spelled() {
    for name in ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener", "disc\\u006fnnect"] {
        check(&format!("2[\"{name}\"]"), Err(Malformed::Reserved));
        check(&format!("50-/n,1[\"{name}\",1]"), Err(Malformed::Reserved));
    }
    assert!(decode("2[\"Connect\"]").is_ok());
    assert!(decode("2[\"message\",\"connect\"]").is_ok());
    assert!(decode("31[\"connect\"]").is_ok());
}

#[test]
fn what_is_written_has_a_comma_behind_its_namespace() {
    let check = |packet: Packet<'_>, expected| assert_eq!(encode(&packet), expected);
    check(packet(PacketType::Connect, "/", None, None), "0");
    check(packet(PacketType::Connect, "/chat", None, None), "0/chat,");
    check(packet(PacketType::Disconnect, "/chat", None, None), "1/chat,");
    check(Packet { query: Some("a=b"), ..Packet::new(PacketType::Connect, "/") }, "0/?a=b,");
    check(packet(PacketType::BinaryAck, "/n", Some(789), Some("[ 1 ]")).with_attachments(2), "62-/n,789[1]");
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("{\"_placeholder\":true,\"num\":0}".to_owned()),
        "-?[1-9][0-9]{0,25}(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        any::<String>().prop_map(|text| Json::string(&text).as_str().to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|parts| format!("[{}]", parts.join(","))),
            inner.prop_map(|value| format!("{{\"a\":{value},\"b\":[]}}")),
        ]
    })
}

prop_compose! {
    fn packets()(
        kind in prop::sample::select(b"0123456".as_slice()),
        namespace in prop_oneof![Just("/".to_owned()), "/[^,?]{0,8}"],
        query in prop::option::of("[^,]{0,8}"),
        id in prop::option::of(0..10_000_000_000_000_000_000_u64),
        attachments in 0..1000_usize,
        (name, auth) in (any::<String>(), any::<bool>()),
        args in prop::collection::vec(json(), 0..4),
    ) -> (PacketType, String, Option<String>, Option<u64>, usize, Option<String>) {
        let kind = PacketType::from_digit(kind).unwrap();
        let whole = Packet::emit("/", &name, args.iter().map(String::as_str)).data.unwrap().as_str().to_owned();
        let answer = format!("[{}]", args.join(","));
        let data = match kind {
            PacketType::Connect => auth.then(|| format!("{{\"auth\":{answer}}}")),
            PacketType::Disconnect => None,
            PacketType::Event | PacketType::BinaryEvent => Some(whole),
            PacketType::Ack | PacketType::BinaryAck => Some(answer),
            PacketType::ConnectError => Some(Json::string(&name).as_str().to_owned()),
        };
        (kind, namespace, query, id.filter(|_| takes_id(kind)), if kind.is_binary() { attachments } else { 0 }, data)
    }
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded((kind, namespace, query, id, attachments, data) in packets()) {
        let data = data.map(|data| Json::parse(data.as_bytes()).unwrap());
        let packet = Packet { kind, namespace: &namespace, query: query.as_deref(), id, attachments, data };
        let text = encode(&packet);
        match decode(&text) {
            Err(Malformed::Reserved) => prop_assert!(text.contains("onnect") || text.contains("Listener")),
            got => prop_assert_eq!(got, Ok(packet)),
        }
    }

    #[test]
    fn what_is_decoded_is_encoded_in_one_way(text in "[0-6]([0-9]{0,2}-)?(/[a-z]{0,2}(\\?[a-z=&]{0,3})?,?)?[0-9]{0,3}(\\[ ?\"[ab]\"(, ?[01])? ?\\]|\\{\\})?") {
        if let Ok(packet) = decode(&text) {
            let written = encode(&packet);
            let again = decode(&written);
            prop_assert_eq!(again.as_ref().map(encode), Ok(written.clone()));
            prop_assert_eq!(again, Ok(packet));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text: String, digit in 0..8u8) {
        let _ = (decode(&text), decode(&format!("{digit}{text}")), decode(&format!("{digit}1-/{text}")));
    }
}
