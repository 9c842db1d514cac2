use super::*;

fn told(item: &str) -> Vec<String> {
    let lines = line::lines(&Json::parse(item.as_bytes()).expect("JSON")).expect("understood");
    lines.iter().map(|line| line.shown(false)).collect()
}

fn item(kind: &str, data: &str) -> String {
    format!(r#"{{"id":"1-0","at":"2026-11-23T10:00:00.123Z","type":"{kind}","data":{data}}}"#)
}

fn sent(devices: &str) -> Vec<String> {
    told(&item(
        "message.sent",
        &format!(r#"{{"message_id":"m","to":"uid","expires_at":"2026-11-24T10:00:00.123Z","devices":[{devices}]}}"#),
    ))
}

fn outcome(state: &str, reason: &str) -> String {
    format!(r#"{{"token":"p_abcdefgh","device_id":null,"state":{state},"proof":null,"after_ms":null,"reason":{reason}}}"#)
}

#[test]
fn a_message_has_a_line_for_each_device() {
    let reached = r#"{"token":"p_a","device_id":"tablet","state":"reached","proof":"engine","after_ms":27,"reason":null}"#;
    let waiting = outcome("\"waiting\"", "\"offline\"");
    assert_eq!(
        sent(&format!("{reached},{waiting}")),
        [
            "2026-11-23 10:00:00.123Z  sent          m  device tablet: reached, its Socket.IO engine had taken it (engine), 27 ms later",
            "2026-11-23 10:00:00.123Z  sent          m  device p_abcdef...: waiting, it is offline, until 2026-11-24 10:00:00.123Z",
        ]
    );
    assert_eq!(sent(""), ["2026-11-23 10:00:00.123Z  sent          m  to nobody: no device was registered then"]);
}

#[test]
fn every_reason_is_said_in_words() {
    for (state, reason, words) in [
        ("\"waiting\"", "\"unproven\"", "has not proven"),
        ("\"waiting\"", "\"behind\"", "slower"),
        ("\"lost\"", "\"expired\"", "expired before"),
        ("\"lost\"", "\"superseded\"", "newer message"),
        ("\"lost\"", "\"overflow\"", "mailbox was full"),
        ("\"lost\"", "\"unregistered\"", "registration ended"),
        ("null", "null", "not known any more"),
    ] {
        let lines = sent(&outcome(state, reason));
        assert!(lines[0].contains(words), "{lines:?}");
    }
}

#[test]
fn what_a_device_says_cannot_steer_a_terminal() {
    let lines = told(&item(
        "message.reported",
        "{\"message_id\":null,\"token\":\"p_a\",\"device_id\":\"d\u{9b}31m\",\"status\":\"\u{9b}2J\",\"inferred\":false}",
    ));
    assert_eq!(lines, ["2026-11-23 10:00:00.123Z  reported      device d\u{fffd}31m said \"\u{fffd}2J\""]);
}

#[test]
fn what_an_app_emits_is_shown_as_it_said_it() {
    let data = "{\"token\":\"p_abcdefgh\",\"device_id\":null,\"event_name\":\"cart\u{9b}\",\"args\":[{\"n\":1e400},\"\u{9b}2J\"]}";
    assert_eq!(
        told(&item("client.event", data)),
        [
            "2026-11-23 10:00:00.123Z  emitted       device p_abcdef... told the business server: cart\u{fffd} [{\"n\":1e400},\"\u{fffd}2J\"]"
        ]
    );
}

#[test]
fn colour_is_for_terminals() {
    let lines = line::lines(
        &Json::parse(item("device.unregistered", r#"{"token":"p_a","device_id":"d","reason":"evicted"}"#).as_bytes()).expect("JSON"),
    );
    let line = &lines.expect("understood")[0];
    assert!(!line.shown(false).contains('\x1b'));
    assert!(line.shown(true).contains("\x1b[31m") && line.shown(true).ends_with("\x1b[0m"));
}

#[test]
fn the_heading_says_how_the_user_is_now() {
    let heading = |user: &str| line::heading(&Json::parse(user.as_bytes()).expect("JSON")).expect("understood");
    let device = r#"{"mailbox":{"messages":2,"bytes":9}}"#;
    assert_eq!(
        heading(&format!(r#"{{"uid":"42","online":true,"last_seen":null,"devices":[{device},{device}]}}"#)),
        "42: online now; 2 devices; 4 messages wait"
    );
    assert_eq!(
        heading(r#"{"uid":"42","online":false,"last_seen":null,"devices":[]}"#),
        "42: without a device now; 0 devices; 0 messages wait"
    );
}

#[test]
fn a_uid_is_percent_encoded() {
    assert_eq!(encoded("a:b/c é~"), "a%3Ab%2Fc%20%C3%A9~");
}
