use tidings_json::Json;
use tidings_model::{AppName, DeviceId, End, EventId, EventName, MessageId, Millis, Position, Proof, State, Token, Uid};

use super::*;

fn written(what: What) -> String {
    let event = Event { id: EventId { at: Position::new(2, 1), n: 3 }, app: AppName::root(), at: Millis(1_763_892_000_123), what };
    let line = line(&event);
    let head = r#"{"id":"513-3","type":""#;
    let rest = line.strip_prefix(head).unwrap().strip_suffix("}\n").unwrap();
    rest.replace(r#"","app":"/","at":"2025-11-23T10:00:00.123Z","data":"#, " ")
}

fn somebody() -> Who {
    Who { uid: Some(Uid::trusted("4\"2")), token: Some(Token::from_random([0; 24])), device_id: Some(DeviceId::trusted("d1")) }
}

const WHO: &str = r#""uid":"4\"2","token":"p_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","device_id":"d1""#;

#[test]
fn each_type_has_its_data() {
    assert_eq!(
        written(What::Registered { who: somebody(), first: true }),
        format!("device.registered {{{WHO},\"platform\":null,\"app_version\":null,\"first\":true}}")
    );
    assert_eq!(written(What::Unregistered { who: somebody() }), format!("device.unregistered {{{WHO}}}"));
    assert_eq!(written(What::Online { who: somebody() }), format!("device.online {{{WHO}}}"));
    assert_eq!(written(What::Offline { who: somebody() }), format!("device.offline {{{WHO}}}"));
}

#[test]
fn a_report_carries_its_status_as_it_came() {
    let id = MessageId::v7(1, [0; 10]);
    let status = Json::trusted(r#"{"b":1e400,"a":[0.10]}"#);
    let what = What::Reported(Told {
        who: somebody(),
        message: Some(id),
        state: Some(State::Reached),
        proof: Some(Proof::Engine),
        status: Some(status),
        inferred: true,
        reason: None,
        meta: Some("order \"7\"".into()),
    });
    assert_eq!(
        written(what),
        format!(
            "message.reported {{\"message_id\":\"{id}\",{WHO},\"state\":\"reached\",\"proof\":\"engine\",\"status\":{{\"b\":1e400,\"a\":[0.10]}},\"inferred\":true,\"reason\":null,\"meta\":\"order \\\"7\\\"\"}}"
        )
    );
}

#[test]
fn an_end_is_told_as_state_and_as_reason() {
    for end in End::ALL {
        let id = MessageId::v7(1, [0; 10]);
        let what = What::Reported(Told {
            who: somebody(),
            message: Some(id),
            state: None,
            proof: None,
            status: None,
            inferred: false,
            reason: Some(end),
            meta: None,
        });
        let end = end.as_str();
        assert_eq!(
            written(what),
            format!(
                "message.reported {{\"message_id\":\"{id}\",{WHO},\"state\":\"{end}\",\"proof\":null,\"status\":null,\"inferred\":false,\"reason\":\"{end}\",\"meta\":null}}"
            )
        );
    }
}

#[test]
fn an_apps_event_carries_its_arguments_as_they_came() {
    let args = Json::trusted(r#"[{"b":1e400,"a":0.10},null]"#);
    let what = What::Emitted { who: somebody(), event_name: EventName::trusted("cart"), args };
    assert_eq!(written(what), format!("client.event {{{WHO},\"event_name\":\"cart\",\"args\":[{{\"b\":1e400,\"a\":0.10}},null]}}"));
}

#[test]
fn what_is_not_known_is_null() {
    let what = What::Reported(Told::default());
    assert_eq!(
        written(what),
        r#"message.reported {"message_id":null,"uid":null,"token":null,"device_id":null,"state":null,"proof":null,"status":null,"inferred":false,"reason":null,"meta":null}"#
    );
}
