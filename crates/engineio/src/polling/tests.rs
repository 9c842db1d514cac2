use proptest::prelude::*;

use super::*;
use crate::{Data, PacketType};

fn text(data: &str) -> Packet<'static> {
    Packet::text(PacketType::Message, data.to_owned())
}

/// What JS 1.x does before it counts: each UTF-8 byte becomes a char.
fn doubled(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

#[test]
fn the_framings_are_those_of_the_specification() {
    let units = [Unit::Text("4€"), Unit::Binary(&[1, 2, 3, 4])];
    assert_eq!(encode(Framing::V3Text, units), "2:4€10:b4AQIDBA==".as_bytes());
    assert_eq!(encode(Framing::V3Binary, units), [0, 4, 255, 0x34, 0xe2, 0x82, 0xac, 1, 5, 255, 4, 1, 2, 3, 4]);
    assert_eq!(encode(Framing::V4, [Unit::Text("4hello"), Unit::Binary(&[1, 2, 3, 4])]), b"4hello\x1ebAQIDBA==");
    assert_eq!(encode(Framing::V3Binary, [Unit::Text(&"4".repeat(109))])[..5], [0, 1, 0, 9, 255]);
    assert_eq!(encode(Framing::V3Text, [Unit::Text("4€😀")]), "4:4€😀".as_bytes());
}

#[test]
fn no_packets_make_an_empty_body() {
    for framing in [Framing::V4, Framing::V3Text, Framing::V3Binary] {
        assert_eq!(encode(framing, []), b"");
    }
}

#[test]
fn the_noop_and_the_close_are_what_clients_know() {
    assert_eq!(encode(Framing::V3Text, [Unit::Text("6")]), b"1:6");
    assert_eq!(encode(Framing::V3Binary, [Unit::Text("6")]), [0, 1, 0xff, 0x36]);
    assert_eq!(decode_v3_binary(&[0, 1, 0xff, 0x31]), Ok(vec![Packet::text(PacketType::Close, "")]));
}

#[test]
fn eio4_binary_has_no_type_digit_and_may_lack_its_padding() {
    let binary = Packet::binary(&[1, 2, 3, 4][..]);
    assert_eq!(decode_v4(b"bAQIDBA==\x1e4x\x1ebAQIDBA"), Ok(vec![binary.clone(), text("x"), binary]));
}

#[test]
fn a_binary_framed_text_is_plain_utf8_for_every_client() {
    let body = encode(Framing::V3Binary, [Unit::Text("4Ã©")]);
    assert_eq!(decode_v3_binary(&body), Ok(vec![text("Ã©")]));
}

#[test]
fn a_doubly_encoded_text_is_undone_and_remembered() {
    let mut dialect = Dialect::default();
    let body = [b"4:4".as_slice(), &[0xc3, 0xa2, 0xc2, 0x82, 0xc2, 0xac]].concat();
    assert_eq!(decode_v3_text(&body, &mut dialect).unwrap(), [text("€")]);
    assert_eq!(dialect, Dialect::Double);
    // A char that is no UTF-8 of its own is left alone, and decides nothing.
    assert_eq!(decode_v3_text("2:4é".as_bytes(), &mut dialect).unwrap(), [text("é")]);
    assert_eq!(dialect, Dialect::Double);
}

#[test]
fn a_wide_char_makes_the_session_raw_for_good() {
    let mut dialect = Dialect::Double;
    assert_eq!(decode_v3_text("5:4€😀e".as_bytes(), &mut dialect).unwrap(), [text("€😀e")]);
    assert_eq!(dialect, Dialect::Raw);
    assert_eq!(decode_v3_text("3:4Ã©".as_bytes(), &mut dialect).unwrap(), [text("Ã©")]);
    assert_eq!(dialect, Dialect::Raw);
}

#[test]
fn a_wide_char_speaks_for_the_packets_before_it() {
    let body = "3:4Ã©2:4€";
    assert_eq!(decode_v3_text(body.as_bytes(), &mut Dialect::default()).unwrap(), [text("Ã©"), text("€")]);
}

#[test]
fn ascii_tells_nothing_about_the_dialect() {
    let mut dialect = Dialect::default();
    decode_v3_text(b"2:4a10:b4AQIDBA==", &mut dialect).unwrap();
    assert_eq!(dialect, Dialect::Unknown);
}

#[test]
fn what_is_no_payload_is_refused() {
    let mut dialect = Dialect::default();
    for body in ["", "abc", "5:4a", "1:😀", "x:4", "99999999999:4", "4294967297:4", ":4", "1:9", "-1:4", "+1:4", " 1:4", "2:4a2", "3:b4*"]
    {
        assert_eq!(decode_v3_text(body.as_bytes(), &mut dialect), Err(BadPayload), "{body}");
    }
    assert_eq!(decode_v3_text(b"3:4\xc3\x28", &mut dialect), Err(BadPayload));
    let long = [&[0][..], &[9; 10], b"\xff4"].concat();
    let digits = [&[0][..], &[0; 11], b"\xff4"].concat();
    for body in
        [&b""[..], b"\0", b"\0\x01", b"\0\x01\xff", b"\x02\x01\xff4", b"\x02\0\xff", b"\0\x0a\xff4", b"\x01\x01\xff\x03", b"\0\xff4"]
    {
        assert_eq!(decode_v3_binary(body), Err(BadPayload), "{body:?}");
    }
    for body in [&b"\0\x02\xff4\xff"[..], b"\0\x31\xff4", b"\x01\x02\xff44", &long, &digits] {
        assert_eq!(decode_v3_binary(body), Err(BadPayload), "{body:?}");
    }
    for body in ["", "abc", "4a\u{1e}", "b*", "4\u{1e}\u{1e}4", "\u{1e}"] {
        assert_eq!(decode_v4(body.as_bytes()), Err(BadPayload), "{body}");
    }
    assert_eq!(decode_v4(b"4\xff"), Err(BadPayload));
}

#[test]
fn empty_packets_are_skipped() {
    assert_eq!(decode_v3_text(b"0:", &mut Dialect::default()), Ok(vec![]));
    assert_eq!(decode_v3_text(b"0:2:4a0:", &mut Dialect::default()), Ok(vec![text("a")]));
    assert_eq!(decode_v3_binary(b"\0\0\xff\x01\0\xff\0\x02\xff4a"), Ok(vec![text("a")]));
}

#[test]
fn a_payload_holds_so_many_packets_and_no_more() {
    let check = |decode: &dyn Fn(&[u8]) -> Result<usize, BadPayload>, framing| {
        let body = |count| encode(framing, vec![Unit::Text("4"); count]);
        assert_eq!(decode(&body(PACKETS_MAX)), Ok(PACKETS_MAX));
        assert_eq!(decode(&body(PACKETS_MAX + 1)), Err(BadPayload));
    };
    check(&|body| decode_v4(body).map(|packets| packets.len()), Framing::V4);
    check(&|body| decode_v3_binary(body).map(|packets| packets.len()), Framing::V3Binary);
    check(&|body| decode_v3_text(body, &mut Dialect::default()).map(|packets| packets.len()), Framing::V3Text);
}

#[test]
fn a_jsonp_form_brings_newlines_and_backslashes() {
    let check = |form: &str, expected: Result<&str, BadPayload>| {
        assert_eq!(jsonp::unwrap(form.as_bytes()), expected.map(|text| text.as_bytes().to_vec()), "{form}");
    };
    check("d=15%3A42%5B%22message%22%2C1%5D", Ok("15:42[\"message\",1]"));
    check("d=a%5Cn%5C%5Cn+b", Ok("a\n\\n b"));
    check("d=%5c%5c%5cn", Ok("\\\\n"));
    check("d=%E2%82%AC%5C", Ok("€\\"));
    check("t=1&d=x&d=y", Ok("x"));
    check("d=", Ok(""));
    check("x=1", Err(BadPayload));
    check("", Err(BadPayload));
    for form in ["d=%", "d=%4", "d=%4g", "d=%+1"] {
        check(form, Err(BadPayload));
    }
}

#[test]
fn a_jsonp_answer_is_a_call_with_a_javascript_string() {
    assert_eq!(jsonp::wrap(0, "20:42[\"message-back\",1]"), b"___eio[0](\"20:42[\\\"message-back\\\",1]\");");
    assert_eq!(jsonp::wrap(7, "\u{2028}\u{2029}\0\n\r\t\\"), b"___eio[7](\"\\u2028\\u2029\\u0000\\n\\r\\t\\\\\");");
}

/// Text packets with their type digit, or binary messages.
type Sent = Result<String, Vec<u8>>;

fn packets() -> impl Strategy<Value = Vec<Sent>> {
    let text = "[0-6][^\u{1e}]{0,12}".prop_map(Ok);
    let binary = prop::collection::vec(any::<u8>(), 0..12).prop_map(Err);
    prop::collection::vec(prop_oneof![2 => text, 1 => binary], 1..6)
}

fn units(packets: &[Sent]) -> impl Iterator<Item = Unit<'_>> {
    packets.iter().map(|packet| match packet {
        Ok(text) => Unit::Text(text),
        Err(bytes) => Unit::Binary(bytes),
    })
}

fn expected(packets: &[Sent]) -> Vec<Packet<'_>> {
    let packet = |packet: &'_ Sent| match packet {
        Ok(text) => Packet::parse(text).unwrap().into_owned(),
        Err(bytes) => Packet::binary(bytes.clone()),
    };
    packets.iter().map(packet).collect()
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(packets in packets()) {
        let expected = expected(&packets);
        let body = encode(Framing::V4, units(&packets));
        prop_assert_eq!(&decode_v4(&body).unwrap(), &expected);
        let body = encode(Framing::V3Binary, units(&packets));
        prop_assert_eq!(&decode_v3_binary(&body).unwrap(), &expected);
        let body = encode(Framing::V3Text, units(&packets));
        prop_assert_eq!(&decode_v3_text(&body, &mut Dialect::Raw).unwrap(), &expected);
    }

    #[test]
    fn what_a_doubling_client_posts_is_what_it_meant(packets in packets()) {
        let sent: Vec<Sent> = packets.iter().cloned().map(|packet| packet.map(|text| doubled(&text))).collect();
        let body = encode(Framing::V3Text, units(&sent));
        prop_assert_eq!(decode_v3_text(&body, &mut Dialect::default()).unwrap(), expected(&packets));
    }

    #[test]
    fn ascii_text_is_one_byte_a_unit(texts in prop::collection::vec("[0-6][ -~]{0,200}", 1..5)) {
        let body = encode(Framing::V3Text, texts.iter().map(|text| Unit::Text(text)));
        prop_assert!(body.is_ascii());
        let whole: String = texts.iter().map(|text| format!("{}:{text}", text.len())).collect();
        prop_assert_eq!(body, whole.into_bytes());
    }

    #[test]
    fn a_truncated_body_never_gives_other_packets(packets in packets(), cut in 0.0..1.0) {
        let expected = expected(&packets);
        let prefix = |got: Result<Vec<Packet<'_>>, BadPayload>| got.map_or(true, |got| expected.starts_with(&got));
        let cut = |body: &[u8]| body[..(body.len() as f64 * cut) as usize].to_vec();
        let body = cut(&encode(Framing::V3Binary, units(&packets)));
        prop_assert!(prefix(decode_v3_binary(&body)));
        let body = cut(&encode(Framing::V3Text, units(&packets)));
        prop_assert!(prefix(decode_v3_text(&body, &mut Dialect::Raw)));
    }

    #[test]
    fn a_jsonp_form_gives_back_what_a_client_put_in(payload in "[a-z\\\\n\n€ &=+%]{0,20}") {
        // As the client writes it: newlines become `\n`, and a `\n` that was there becomes `\\n`.
        prop_assume!(!payload.contains("\\\n") && !payload.contains("\\\\"));
        let escaped = payload.replace("\\n", "\\\\n").replace('\n', "\\n");
        let form: String = escaped.bytes().map(|byte| format!("%{byte:02X}")).collect();
        prop_assert_eq!(jsonp::unwrap(format!("d={form}").as_bytes()).unwrap(), payload.into_bytes());
    }

    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>) {
        let _ = (decode_v4(&body), decode_v3_binary(&body), decode_v3_text(&body, &mut Dialect::default()), jsonp::unwrap(&body));
    }

    #[test]
    fn bytes_that_look_like_a_payload_do_not_make_it_panic(body in "([0-9]{0,11}:?[b4\u{1e}é€]{0,3}){0,6}", data: Vec<u8>) {
        let _ = (decode_v4(body.as_bytes()), decode_v3_text(body.as_bytes(), &mut Dialect::default()));
        let framed: Vec<u8> = data.iter().map(|byte| [0, 1, 2, 4, 9, 0xff, b'4', b'b'][usize::from(byte % 8)]).collect();
        let _ = decode_v3_binary(&framed);
    }

    #[test]
    fn data_is_only_binary_in_messages(body in "[0-6b4:AQ=\u{1e}]{1,20}") {
        for packet in decode_v4(body.as_bytes()).unwrap_or_default() {
            prop_assert!(packet.kind == PacketType::Message || matches!(packet.data, Data::Text(_)));
        }
    }
}
