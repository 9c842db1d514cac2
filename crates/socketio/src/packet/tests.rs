use super::*;
use crate::{decode, encode};

#[test]
fn event_names_are_compared_unescaped_and_arguments_stay_raw() {
    let packet = decode("29[\"mess\\u0061ge\",\"a\\/b\",{\"k\":[1]}]").unwrap();
    let event = packet.event().unwrap();
    assert_eq!(event, Event { name: "message".into(), args: vec!["\"a\\/b\"", "{\"k\":[1]}"], id: Some(9) });
    for (spelled, name) in [("a\\/b", "a/b"), ("caf\\u00e9", "café"), ("café", "café"), ("we\\\"ird", "we\"ird")] {
        assert_eq!(decode(&format!("2[\"{spelled}\"]")).unwrap().event().unwrap().name, name);
    }
}

#[test]
fn an_event_may_be_named_by_a_number() {
    assert_eq!(decode("2[12.0,1]").unwrap().event().unwrap().name, "12.0");
}

#[test]
fn only_events_hold_an_event() {
    assert_eq!(decode("0").unwrap().event(), Err(Malformed::Payload));
    assert_eq!(decode("0{}").unwrap().event(), Err(Malformed::Payload));
    assert_eq!(decode("31[]").unwrap().event(), Err(Malformed::Payload));
}

#[test]
fn an_emitted_event_is_the_one_that_is_heard() {
    let packet = Packet::emit("/n", "a\"b\n", ["1", "\"x\""]);
    assert_eq!(encode(&packet), "2/n,[\"a\\\"b\\n\",1,\"x\"]");
    let text = encode(&packet);
    let heard = decode(&text).unwrap();
    assert_eq!(heard.event().unwrap(), Event { name: "a\"b\n".into(), args: vec!["1", "\"x\""], id: None });
}

#[test]
fn an_ack_answers_with_its_id() {
    assert_eq!(encode(&Packet::ack("/", 7, [])), "37[]");
    assert_eq!(encode(&Packet::ack("/n", 0, ["{}", "1"])), "3/n,0[{},1]");
}

#[test]
fn attachments_make_a_packet_binary() {
    let placeholder = "{\"_placeholder\":true,\"num\":0}";
    let event = Packet::emit("/", "e", [placeholder]).with_attachments(1);
    assert_eq!(encode(&event), "51-[\"e\",{\"_placeholder\":true,\"num\":0}]");
    assert_eq!(encode(&Packet::ack("/", 3, [placeholder]).with_attachments(1)), "61-3[{\"_placeholder\":true,\"num\":0}]");
    assert_eq!(encode(&Packet::emit("/", "e", []).with_attachments(0)), "2[\"e\"]");
}
