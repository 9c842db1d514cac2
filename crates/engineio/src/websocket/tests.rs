use proptest::prelude::*;

use super::*;

fn read_all(mut bytes: Vec<u8>, max: usize) -> Result<Vec<String>, Violation> {
    let mut reader = Reader::new();
    let (mut at, mut seen) = (0, Vec::new());
    while let Some((used, message)) = reader.read(&mut bytes[at..], max)? {
        seen.extend(message.map(|message| format!("{message:?}")));
        at += used;
    }
    Ok(seen)
}

#[test]
fn the_accept_value_is_that_of_the_rfc() {
    assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ==").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(accept("c2hvcnQ="), None);
}

#[test]
fn a_fragmented_message_lets_pings_through() {
    let mut bytes = client::frame(Opcode::Text, "hé".as_bytes(), [1, 2, 3, 4]);
    bytes[0] &= 0x7f;
    bytes.extend(client::frame(Opcode::Ping, b"x", [9; 4]));
    bytes.extend(client::frame(Opcode::Continuation, "llo".as_bytes(), [5, 6, 7, 8]));
    bytes.extend(client::frame(Opcode::Binary, &[1, 2], [0; 4]));
    assert_eq!(read_all(bytes, 100).unwrap(), ["Ping([120])", "Text(\"héllo\")", "Binary([1, 2])"]);
}

#[test]
fn what_breaks_the_rules_ends_with_its_code() {
    let check = |bytes: Vec<u8>, code| assert_eq!(read_all(bytes, 10).unwrap_err().close_code(), code);
    check(frame(Opcode::Text, b"unmasked").to_vec(), 1002);
    check(client::frame(Opcode::Text, b"\xff", [0; 4]), 1007);
    check(client::frame(Opcode::Text, b"more than ten", [0; 4]), 1009);
    check(client::frame(Opcode::Continuation, b"", [0; 4]), 1002);
    check(client::frame(Opcode::Ping, &[0; 126], [0; 4]), 1002);
    check(client::frame(Opcode::Close, &[3], [0; 4]), 1002);
    check(client::frame(Opcode::Close, &[3, 237], [0; 4]), 1002); // 1005 is never sent
    check(vec![0xc1, 0x80, 0, 0, 0, 0], 1002);
    check(vec![0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], 1009);
}

proptest! {
    #[test]
    fn every_length_comes_back_masked_or_not(payload in prop::collection::vec(any::<u8>(), 0..70_000), key: [u8; 4]) {
        let mut masked = client::frame(Opcode::Binary, &payload, key);
        prop_assert_eq!(need(&masked), masked.len());
        let mut reader = Reader::new();
        let (used, message) = reader.read(&mut masked, 1 << 20).unwrap().unwrap();
        prop_assert_eq!(message, Some(Message::Binary(&payload)));
        prop_assert_eq!(used, payload.len() + 4 + head(Opcode::Binary, payload.len()).as_ref().len());
        let mut plain = frame(Opcode::Binary, &payload).to_vec();
        let mut reader = client::Reader::new();
        prop_assert_eq!(reader.read(&mut plain, 1 << 20).unwrap().unwrap().1, Some(Message::Binary(&payload)));
    }

    #[test]
    fn a_cut_frame_waits_for_the_rest(payload in prop::collection::vec(any::<u8>(), 0..300), cut in 0.0..1.0) {
        let whole = client::frame(Opcode::Binary, &payload, [7, 1, 3, 9]);
        let mut part = whole[..(whole.len() as f64 * cut) as usize].to_vec();
        let before = part.clone();
        let mut reader = Reader::new();
        prop_assert_eq!(reader.read(&mut part, 1 << 20), Ok(None));
        prop_assert_eq!(part, before);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_all(bytes, 100);
    }
}
