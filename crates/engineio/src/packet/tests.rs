use proptest::prelude::*;

use super::*;

fn check(text: &str, expected: Result<Packet<'_>, NoPacket>) {
    assert_eq!(Packet::parse(text), expected, "{text}");
}

#[test]
fn a_text_packet_is_a_type_digit_and_its_data() {
    check("2probe", Ok(Packet::text(PacketType::Ping, "probe")));
    check("6", Ok(Packet::text(PacketType::Noop, "")));
    check("4€", Ok(Packet::text(PacketType::Message, "€")));
    check("42[\"x\"]", Ok(Packet::text(PacketType::Message, "2[\"x\"]")));
}

#[test]
fn base64_is_a_binary_message_padded_or_not() {
    check("b4AQIDBA==", Ok(Packet::binary(&[1, 2, 3, 4][..])));
    check("b4AQIDBA", Ok(Packet::binary(&[1, 2, 3, 4][..])));
    check("b4", Ok(Packet::binary(&[][..])));
}

#[test]
fn base64_may_be_broken_into_lines() {
    check("b4AQID\nBA==\n", Ok(Packet::binary(&[1, 2, 3, 4][..])));
    check("b4AQID\r\nBA==\r\n", Ok(Packet::binary(&[1, 2, 3, 4][..])));
}

#[test]
fn what_has_no_known_type_is_no_packet() {
    for text in ["", "abc", "7", "9x", "€", "b", "b4*", "b2AQ==", "b4AQIDBA= ", " 4"] {
        check(text, Err(NoPacket));
    }
}

#[test]
fn only_revision_3_puts_a_type_byte_before_binary() {
    let binary = |revision, bytes| Packet::parse_binary(revision, bytes);
    assert_eq!(binary(Revision::V3, &[4, 1, 2]), Ok(Packet::binary(&[1, 2][..])));
    assert_eq!(binary(Revision::V3, &[4]), Ok(Packet::binary(&[][..])));
    assert_eq!(binary(Revision::V3, b"41"), Err(NoPacket));
    assert_eq!(binary(Revision::V3, &[]), Err(NoPacket));
    assert_eq!(binary(Revision::V4, &[4, 1, 2]), Ok(Packet::binary(&[4, 1, 2][..])));
    assert_eq!(binary(Revision::V4, &[]), Ok(Packet::binary(&[][..])));
}

#[test]
fn digits_are_read_as_they_are_written() {
    for digit in 0..=u8::MAX {
        let kind = PacketType::from_digit(digit);
        assert_eq!(kind.is_some(), (b'0'..=b'6').contains(&digit));
        assert_eq!(kind.map_or(char::from(digit), PacketType::digit), char::from(digit));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text: String, bytes: Vec<u8>) {
        let _ = (Packet::parse(&text), Packet::parse(&format!("b4{text}")));
        let _ = (Packet::parse_binary(Revision::V3, &bytes), Packet::parse_binary(Revision::V4, &bytes));
    }
}
