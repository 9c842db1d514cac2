use proptest::prelude::*;

use super::*;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Reads what there is; what was read is written down, because messages are only lent.
fn read_on(reader: &mut Reader, bytes: &mut Vec<u8>, max: usize) -> Result<Vec<String>, Violation> {
    let (mut at, mut seen) = (0, Vec::new());
    while let Some((used, message)) = reader.read(&mut bytes[at..], max)? {
        seen.extend(message.map(|message| format!("{message:?}")));
        at += used;
    }
    bytes.drain(..at);
    Ok(seen)
}

fn read_all(mut bytes: Vec<u8>, max: usize) -> Result<Vec<String>, Violation> {
    read_on(&mut Reader::new(), &mut bytes, max)
}

/// A client frame that is not its message's last.
fn fragment(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = client::frame(opcode, payload, KEY);
    bytes[0] &= 0x7f;
    bytes
}

#[test]
fn the_accept_value_is_that_of_the_rfc() {
    assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ==").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    for key in ["", "c2hvcnQ=", "not base64 at all!!!!!!!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(accept(key), None, "{key}");
    }
}

#[test]
fn frames_are_those_of_the_rfc() {
    assert_eq!(frame(Opcode::Text, b"Hello")[..], [0x81, 5, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    assert_eq!(client::frame(Opcode::Text, b"Hello", KEY), [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    assert_eq!(close_frame(1002)[..], [0x88, 2, 3, 0xea]);
    let check = |len, expected: &[u8]| assert_eq!(head(Opcode::Binary, len).as_ref(), expected, "{len}");
    check(0, &[0x82, 0]);
    check(125, &[0x82, 125]);
    check(126, &[0x82, 126, 0, 126]);
    check(65_535, &[0x82, 126, 0xff, 0xff]);
    check(65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
}

#[test]
fn a_fragmented_message_lets_pings_through() {
    let mut bytes = fragment(Opcode::Text, b"h\xc3");
    bytes.extend(client::frame(Opcode::Ping, b"x", [9; 4]));
    bytes.extend(fragment(Opcode::Continuation, b""));
    bytes.extend(client::frame(Opcode::Continuation, b"\xa9llo", [5, 6, 7, 8]));
    bytes.extend(client::frame(Opcode::Binary, &[1, 2], [0; 4]));
    assert_eq!(read_all(bytes, 100).unwrap(), ["Ping([120])", "Text(\"héllo\")", "Binary([1, 2])"]);
}

#[test]
fn what_breaks_the_rules_ends_with_its_code() {
    let check = |bytes: Vec<u8>, code| assert_eq!(read_all(bytes.clone(), 10).map_err(Violation::close_code), Err(code), "{bytes:x?}");
    check(frame(Opcode::Text, b"unmasked").to_vec(), 1002);
    check(client::frame(Opcode::Text, b"\xff", [0; 4]), 1007);
    check(client::frame(Opcode::Text, b"more than ten", [0; 4]), 1009);
    check(client::frame(Opcode::Continuation, b"", [0; 4]), 1002);
    check([fragment(Opcode::Text, b"a"), client::frame(Opcode::Text, b"b", [0; 4])].concat(), 1002);
    check([fragment(Opcode::Binary, b"a"), fragment(Opcode::Binary, b"b")].concat(), 1002);
    check([fragment(Opcode::Text, b"\xc3"), client::frame(Opcode::Continuation, b"(", [0; 4])].concat(), 1007);
    check([fragment(Opcode::Text, b"123456"), client::frame(Opcode::Continuation, b"78901", [0; 4])].concat(), 1009);
    check(client::frame(Opcode::Ping, &[0; 126], [0; 4]), 1002);
    check(fragment(Opcode::Ping, b""), 1002);
    for reserved in [0xc1, 0xa1, 0x91, 0x83, 0x8b, 0x8f] {
        check(vec![reserved, 0x80, 0, 0, 0, 0], 1002);
    }
}

#[test]
fn a_frame_is_judged_by_its_head_alone() {
    let check = |bytes: &[u8], code| assert_eq!(read_all(bytes.to_vec(), 10).map_err(Violation::close_code), Err(code), "{bytes:x?}");
    check(&[0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], 1009);
    check(&[0x81, 0x8b, 0, 0, 0, 0], 1009);
    check(&[0x80, 0x81, 0, 0, 0, 0], 1002);
    check(&[0x81, 1], 1002);
    check(&[0x89, 0xfe], 1002);
}

#[test]
fn a_message_may_be_exactly_as_long_as_allowed() {
    assert_eq!(read_all(client::frame(Opcode::Text, b"1234567890", KEY), 10).unwrap(), ["Text(\"1234567890\")"]);
    let bytes = [fragment(Opcode::Text, b"12345"), client::frame(Opcode::Continuation, b"67890", KEY)].concat();
    assert_eq!(read_all(bytes, 10).unwrap(), ["Text(\"1234567890\")"]);
    // Control frames have a limit of their own.
    assert_eq!(read_all(client::frame(Opcode::Ping, &[0; 125], KEY), 10).unwrap().len(), 1);
}

#[test]
fn close_frames_have_a_code_that_may_be_sent_or_none() {
    let check = |payload: &[u8], expected: Result<Message<'_>, Violation>| {
        let expected = expected.map(|message| vec![format!("{message:?}")]);
        assert_eq!(read_all(client::frame(Opcode::Close, payload, KEY), 10), expected, "{payload:?}");
    };
    check(&[], Ok(Message::Close(None)));
    check(&[3], Err(Violation::Protocol));
    for code in [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999_u16] {
        check(&[&code.to_be_bytes()[..], b"why"].concat(), Ok(Message::Close(Some(code))));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000_u16] {
        check(&code.to_be_bytes(), Err(Violation::Protocol));
    }
    check(&[3, 0xe8, 0xff], Err(Violation::Utf8));
}

#[test]
fn need_is_the_whole_frame_once_its_head_is_there() {
    assert_eq!(need(&[0x81]), 0);
    assert_eq!(need(&[0x81, 0xfe, 1]), 0);
    assert_eq!(need(&[0x81, 0xfe, 1, 0, 1, 2, 3]), 0);
    assert_eq!(need(&[0x81, 0xfe, 1, 0, 1, 2, 3, 4]), 8 + 256);
    assert_eq!(need(&[0x81, 2]), 4);
    assert_eq!(need(&[0xff; 14]), 0);
    let endless = [&[0x82, 0xff][..], &[0xff; 8], &KEY].concat();
    assert_eq!(need(&endless), usize::MAX);
}

#[test]
fn a_reader_holds_nothing_between_messages() {
    assert_eq!(size_of::<Reader>(), 8);
    let mut reader = Reader::new();
    let mut bytes = fragment(Opcode::Binary, b"ab");
    assert_eq!(read_on(&mut reader, &mut bytes, 10).unwrap(), [] as [&str; 0]);
    assert_eq!(reader.held(), 2);
    let mut bytes = client::frame(Opcode::Continuation, b"c", KEY);
    assert_eq!(read_on(&mut reader, &mut bytes, 10).unwrap(), ["Binary([97, 98, 99])"]);
    assert_eq!(reader.held(), 0);
}

#[test]
fn a_client_refuses_what_only_clients_send() {
    let mut reader = client::Reader::new();
    assert_eq!(reader.read(&mut client::frame(Opcode::Text, b"x", KEY), 10), Err(Violation::Protocol));
    assert_eq!(reader.read(&mut frame(Opcode::Text, b"x").to_vec(), 10), Ok(Some((3, Some(Message::Text("x"))))));
}

#[test]
fn masking_is_the_same_at_every_alignment() {
    let plain: Vec<u8> = (0..64).collect();
    for start in 0..16 {
        for end in start..plain.len() {
            let mut bytes = plain.clone();
            mask::apply(&mut bytes[start..end], KEY);
            let expected: Vec<u8> = plain[start..end].iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            assert_eq!(bytes[start..end], expected, "{start}..{end}");
            assert_eq!((&bytes[..start], &bytes[end..]), (&plain[..start], &plain[end..]));
        }
    }
}

/// A message in frames as a client may send it, with a ping between any two; and what must be read of it.
#[derive(Clone, Debug)]
struct Sent {
    opcode: Opcode,
    parts: Vec<String>,
    key: [u8; 4],
}

impl Sent {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (i, part) in self.parts.iter().enumerate() {
            let opcode = if i == 0 { self.opcode } else { Opcode::Continuation };
            let start = bytes.len();
            bytes.extend(client::frame(opcode, part.as_bytes(), self.key));
            if i + 1 < self.parts.len() {
                bytes[start] &= 0x7f;
                bytes.extend(client::frame(Opcode::Ping, &[i as u8], self.key));
            }
        }
        bytes
    }

    fn expected(&self) -> Vec<String> {
        let whole = self.parts.concat();
        let message = if self.opcode == Opcode::Text { Message::Text(&whole) } else { Message::Binary(whole.as_bytes()) };
        let pings = (0..self.parts.len() - 1).map(|i| format!("{:?}", Message::Ping(&[i as u8])));
        pings.chain([format!("{message:?}")]).collect()
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let opcode = prop_oneof![Just(Opcode::Text), Just(Opcode::Binary)];
    let parts = prop::collection::vec("[a-zé€😀]{0,60}", 1..4);
    (opcode, parts, any::<[u8; 4]>()).prop_map(|(opcode, parts, key)| Sent { opcode, parts, key })
}

proptest! {
    #[test]
    fn any_cut_of_the_bytes_gives_the_same_messages(messages in prop::collection::vec(sent(), 1..4), cuts in prop::collection::vec(1..40_usize, 1..9)) {
        let bytes: Vec<u8> = messages.iter().flat_map(Sent::bytes).collect();
        let expected: Vec<String> = messages.iter().flat_map(Sent::expected).collect();
        prop_assert_eq!(&read_all(bytes.clone(), 1000).unwrap(), &expected);
        let (mut reader, mut buffer, mut seen, mut rest) = (Reader::new(), Vec::new(), Vec::new(), bytes.as_slice());
        for cut in cuts.iter().cycle() {
            let (part, left) = rest.split_at((*cut).min(rest.len()));
            buffer.extend_from_slice(part);
            seen.extend(read_on(&mut reader, &mut buffer, 1000).unwrap());
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(seen, expected);
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn every_length_comes_back_masked_or_not(len in prop_oneof![0..200_usize, 65_500..65_600_usize], byte: u8, key: [u8; 4]) {
        let payload: Vec<u8> = (0..len).map(|i| byte.wrapping_add(i as u8)).collect();
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
    fn a_cut_frame_waits_for_the_rest_untouched(payload in prop::collection::vec(any::<u8>(), 0..300), cut in 0.0..1.0) {
        let whole = client::frame(Opcode::Binary, &payload, [7, 1, 3, 9]);
        let mut part = whole[..(whole.len() as f64 * cut) as usize].to_vec();
        let before = part.clone();
        let mut reader = Reader::new();
        prop_assert_eq!(reader.read(&mut part, 1 << 20), Ok(None));
        prop_assert_eq!(part, before);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (need(&bytes), client::Reader::new().read(&mut bytes.clone(), 100).map(drop));
        let _ = read_all(bytes, 100);
    }
}
