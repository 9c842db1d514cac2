use super::*;
use crate::{decode, encode};

#[test]
fn the_answer_to_connect_has_an_id_in_protocol_5_only() {
    assert_eq!(encode(&Protocol::V4.joined("/", "x")), "0");
    assert_eq!(encode(&Protocol::V4.joined("/chat", "x")), "0/chat,");
    assert_eq!(encode(&Protocol::V5.joined("/", "aQ_1")), "0{\"sid\":\"aQ_1\"}");
    assert_eq!(encode(&Protocol::V5.joined("/chat", "aQ_1")), "0/chat,{\"sid\":\"aQ_1\"}");
}

#[test]
fn a_refusal_is_a_string_in_protocol_4_and_an_object_in_5() {
    assert_eq!(encode(&Protocol::V4.refused("/nope", &Refusal::UNKNOWN)), "4/nope,\"Invalid namespace\"");
    assert_eq!(encode(&Protocol::V5.refused("/nope", &Refusal::UNKNOWN)), "4/nope,{\"message\":\"Invalid namespace\"}");
}

#[test]
fn a_refusals_data_takes_the_strings_place_unless_java_would_misread_it() {
    let refusal = |data: &str| Refusal { message: "Not \"authorized\"", data: Some(Json::parse(data.as_bytes()).unwrap()) };
    assert_eq!(encode(&Protocol::V4.refused("/", &refusal("{\"code\":403}"))), "4{\"code\":403}");
    assert_eq!(encode(&Protocol::V4.refused("/", &refusal("true"))), "4\"Not \\\"authorized\\\"\"");
    let five = encode(&Protocol::V5.refused("/", &refusal("true")));
    assert_eq!(five, "4{\"message\":\"Not \\\"authorized\\\"\",\"data\":true}");
    assert!(decode(&five).is_ok());
}

#[test]
fn only_protocol_4_is_in_the_root_already() {
    assert!(Protocol::V4.joins_root_unasked() && !Protocol::V5.joins_root_unasked());
    assert_eq!(Protocol::V4.connect("/", true), Connect::Ignore);
    assert_eq!(Protocol::V4.connect("/chat", true), Connect::Violation);
    assert_eq!(Protocol::V5.connect("/", true), Connect::Violation);
    assert_eq!(Protocol::V5.connect("/", false), Connect::Join);
    assert_eq!(Protocol::V4.connect("/chat", false), Connect::Join);
}

fn credentials(protocol: Protocol, text: &str) -> String {
    protocol.credentials(&decode(text).unwrap()).as_str().to_owned()
}

#[test]
fn protocol_4_shows_who_it_is_by_the_namespaces_query() {
    let check = |text, expected| assert_eq!(credentials(Protocol::V4, text), expected, "{text}");
    check("0", "{}");
    check("0/a?,", "{}");
    check("0/a?token=abc&x=1,", "{\"token\":\"abc\",\"x\":\"1\"}");
    check("0/a?z=1&a=2&z=3&&flag", "{\"z\":\"1\",\"a\":\"2\",\"flag\":\"\"}");
    check("0/a?q=a%20b+c%22%C3%A9&p=%4&r=100%", "{\"q\":\"a b c\\\"é\",\"p\":\"%4\",\"r\":\"100%\"}");
    check("0/a?q=%ff&%71=2", "{\"q\":\"\u{fffd}\"}");
    check("0/a?a=b=c", "{\"a\":\"b=c\"}");
}

#[test]
fn protocol_5_shows_who_it_is_by_its_auth_object() {
    assert_eq!(credentials(Protocol::V5, "0"), "{}");
    assert_eq!(credentials(Protocol::V5, "0/a,{\"token\": 1}"), "{\"token\":1}");
}
