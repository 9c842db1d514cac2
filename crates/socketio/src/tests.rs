use proptest::prelude::*;
use tidings_json::Json;

use super::attachments::Pending;
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
    check("0/chat", Ok(packet(PacketType::Connect, "/chat", None, None)));
    check("0/admin?token=x&uid=1,", Ok(Packet { query: Some("token=x&uid=1"), ..Packet::new(PacketType::Connect, "/admin") }));
    check("0{\"token\":\"1\"}", Ok(packet(PacketType::Connect, "/", None, Some("{\"token\":\"1\"}"))));
    check("1/admin,", Ok(packet(PacketType::Disconnect, "/admin", None, None)));
    check("2/admin,13[\"foo\"]", Ok(packet(PacketType::Event, "/admin", Some(13), Some("[\"foo\"]"))));
    check("30[]", Ok(packet(PacketType::Ack, "/", Some(0), Some("[]"))));
    check(
        "51-[\"e\",{\"_placeholder\":true,\"num\":0}]",
        Ok(Packet { attachments: 1, ..packet(PacketType::BinaryEvent, "/", None, Some("[\"e\",{\"_placeholder\":true,\"num\":0}]")) }),
    );
}

#[test]
fn what_breaks_the_protocol_is_named() {
    check("", Err(Malformed::Type));
    check("abc", Err(Malformed::Type));
    check("7", Err(Malformed::Type));
    check("2", Err(Malformed::Payload));
    check("2{}", Err(Malformed::Payload));
    check("2[]", Err(Malformed::Payload));
    check("2[{}]", Err(Malformed::Payload));
    check("2abc[\"x\"]", Err(Malformed::Json));
    check("2[\"x\",{\"a\":1,\"a\":2}]", Err(Malformed::Json));
    check("2[\"disconnect\"]", Err(Malformed::Reserved));
    check("2[\"disc\\u006fnnect\"]", Err(Malformed::Reserved));
    check("3[1]", Err(Malformed::Payload));
    check("31{}", Err(Malformed::Payload));
    check("5[\"x\"]", Err(Malformed::Attachments));
    check("212345678901234567890[\"x\"]", Err(Malformed::Id));
    check("0[]", Err(Malformed::Payload));
    check("1[]", Err(Malformed::Payload));
}

#[test]
fn event_names_are_compared_unescaped() {
    let packet = decode("2[\"mess\\u0061ge\",\"a\\/b\"]").unwrap();
    let event = packet.event().unwrap();
    assert_eq!((&*event.name, event.args), ("message", vec!["\"a\\/b\""]));
}

#[test]
fn attachments_are_exactly_as_many_as_announced() {
    let header = decode("52-7[\"e\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]").unwrap();
    let mut pending = Pending::new(header.clone(), 5).unwrap();
    assert_eq!(pending.push(&[1, 2]), Ok(false));
    assert_eq!(pending.push(&[3]), Ok(true));
    assert_eq!(decode(pending.header()), Ok(header.clone()));
    assert_eq!(pending.attachments(), [&[1, 2][..], &[3]]);
    assert_eq!(pending.push(&[4]), Err(Malformed::Attachments));
    assert_eq!(Pending::new(header, 1).unwrap().push(&[1, 2]), Err(Malformed::Attachments));
    assert!(Pending::new(decode("511-[\"e\"]").unwrap(), 100).is_err());
    assert!(Pending::new(decode("50-[\"e\"]").unwrap(), 100).unwrap().is_complete());
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(name in "[a-z\"\\\\é€😀]{1,8}", id in prop::option::of(0u64..1 << 31), room in "(/[a-z]{1,5})?") {
        prop_assume!(!["connect", "disconnect"].contains(&&*name));
        let namespace = if room.is_empty() { "/" } else { &room };
        let data = Json::parse(format!("[{},1]", Json::string(&name)).as_bytes()).unwrap();
        let packet = Packet { id, data: Some(data), ..Packet::new(PacketType::Event, namespace) };
        let text = encode(&packet);
        prop_assert_eq!(decode(&text), Ok(packet));
    }

    #[test]
    fn no_text_makes_it_panic(text: String, digit in 0..8u8) {
        let _ = (decode(&text), decode(&format!("{digit}{text}")));
    }
}
