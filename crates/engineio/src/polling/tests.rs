use proptest::prelude::*;

use super::*;
use crate::{Data, PacketType};

fn text(data: &str) -> Packet<'static> {
    Packet::text(PacketType::Message, data.to_owned())
}

#[test]
fn the_framings_are_those_of_the_specification() {
    let units = [Unit::Text("4€"), Unit::Binary(&[1, 2, 3, 4])];
    assert_eq!(encode(Framing::V3Text, units), "2:4€10:b4AQIDBA==".as_bytes());
    assert_eq!(encode(Framing::V3Binary, units), [0, 4, 255, 0x34, 0xe2, 0x82, 0xac, 1, 5, 255, 4, 1, 2, 3, 4]);
    assert_eq!(encode(Framing::V4, [Unit::Text("4hello"), Unit::Binary(&[1, 2, 3, 4])]), b"4hello\x1ebAQIDBA==");
    assert_eq!(encode(Framing::V3Binary, [Unit::Text(&"4".repeat(109))])[..5], [0, 1, 0, 9, 255]);
}

#[test]
fn a_doubly_encoded_text_is_undone_and_remembered() {
    let mut dialect = Dialect::default();
    let body = "19:42[\"message\",\"\u{e2}\u{82}\u{ac}\"]";
    assert_eq!(decode_v3_text(body.as_bytes(), &mut dialect).unwrap(), [text("2[\"message\",\"€\"]")]);
    assert_eq!(dialect, Dialect::Double);
}

#[test]
fn a_wide_char_makes_the_session_raw_for_good() {
    let mut dialect = Dialect::default();
    assert_eq!(decode_v3_text("5:4€😀e".as_bytes(), &mut dialect).unwrap(), [text("€😀e")]);
    assert_eq!(dialect, Dialect::Raw);
    assert_eq!(decode_v3_text("3:4Ã©".as_bytes(), &mut dialect).unwrap(), [text("Ã©")]);
}

#[test]
fn what_is_no_payload_is_refused() {
    let mut dialect = Dialect::default();
    for body in ["", "abc", "5:4a", "1:😀", "x:4", "99999999999:4", ":4", "1:9"] {
        assert_eq!(decode_v3_text(body.as_bytes(), &mut dialect), Err(BadPayload), "{body}");
    }
    for body in [&b""[..], b"\x00\x01", b"\x00\x01\xff", b"\x02\x01\xff4", b"\x00\x0a\xff4", b"\x01\x01\xff\x03", b"\x00\xff4"] {
        assert_eq!(decode_v3_binary(body), Err(BadPayload), "{body:?}");
    }
    for body in ["", "abc", "4a\u{1e}", "b*", "4\u{1e}\u{1e}4"] {
        assert_eq!(decode_v4(body.as_bytes()), Err(BadPayload), "{body}");
    }
    assert_eq!(decode_v3_text(b"0:2:4a", &mut dialect).unwrap(), [text("a")]);
}

#[test]
fn a_jsonp_form_brings_newlines_and_backslashes() {
    assert_eq!(jsonp::unwrap(b"d=15%3A42%5B%22message%22%2C1%5D").unwrap(), b"15:42[\"message\",1]");
    assert_eq!(jsonp::unwrap(b"d=a%5Cn%5C%5Cn+b").unwrap(), b"a\n\\n b");
    assert_eq!(jsonp::unwrap(b"x=1"), Err(BadPayload));
    assert_eq!(jsonp::wrap(0, "20:42[\"message-back\",1]"), b"___eio[0](\"20:42[\\\"message-back\\\",1]\");");
    assert_eq!(jsonp::wrap(7, "\u{2028}"), b"___eio[7](\"\\u2028\");");
}

fn packets() -> impl Strategy<Value = Vec<(String, Option<Vec<u8>>)>> {
    prop::collection::vec((any::<String>().prop_filter("one separator", |s| !s.contains('\u{1e}')), prop::option::of(any::<Vec<u8>>())), 1..6)
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(packets in packets()) {
        let texts: Vec<String> = packets.iter().map(|(text, _)| format!("4{text}")).collect();
        let unit = |((_, binary), text): (&'_ (String, Option<Vec<u8>>), &'_ String)| -> Data<'static> {
            match binary {
                Some(bytes) => Data::Binary(bytes.clone().into()),
                None => Data::Text(text[1..].to_owned().into()),
            }
        };
        let expected: Vec<Data<'static>> = packets.iter().zip(&texts).map(unit).collect();
        let units = || packets.iter().zip(&texts).map(|((_, binary), text)| match binary {
            Some(bytes) => Unit::Binary(bytes),
            None => Unit::Text(text),
        });
        let data = |packets: Vec<Packet<'_>>| packets.into_iter().map(|packet| packet.into_owned().data).collect::<Vec<_>>();
        let body = encode(Framing::V4, units());
        prop_assert_eq!(data(decode_v4(&body).unwrap()), expected.clone());
        let body = encode(Framing::V3Binary, units());
        prop_assert_eq!(data(decode_v3_binary(&body).unwrap()), expected.clone());
        let body = encode(Framing::V3Text, units());
        prop_assert_eq!(data(decode_v3_text(&body, &mut Dialect::Raw).unwrap()), expected);
    }

    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>) {
        let _ = (decode_v4(&body), decode_v3_binary(&body), decode_v3_text(&body, &mut Dialect::default()), jsonp::unwrap(&body));
    }
}
