use tidings_model::{AppName, EventId, Millis, Position, What, Who};

use super::*;

fn event(n: u32) -> Event {
    let what = What::Online { who: Who::default() };
    Event { id: EventId { at: Position::new(2, 1), n }, app: AppName::root(), at: Millis(1_763_892_000_123), what }
}

#[test]
fn a_body_has_its_events_in_order() {
    let letter = Letter::of("wh_1", &[event(1), event(2)]);
    let one = |n| crate::object(&event(n));
    assert_eq!(letter.body, format!("{{\"events\":[{},{}]}}", one(1), one(2)));
}

#[test]
fn the_same_events_for_the_same_sink_have_the_same_id() {
    let id = |sink, events: &[Event]| Letter::of(sink, events).id;
    let first = id("wh_1", &[event(1), event(2), event(3)]);
    assert_eq!(first, id("wh_1", &[event(1), event(2), event(3)]));
    assert_eq!(first, "msg_xOBb8wlf6LE1hKpVN1e3rA");
    let others = [id("wh_2", &[event(1), event(2), event(3)]), id("wh_1", &[event(1), event(3)]), id("wh_1", &[event(1)])];
    assert!(others.iter().all(|other| *other != first));
}

#[test]
fn each_secret_signs_id_time_and_body() {
    let letter = Letter { id: "msg_1".to_owned(), body: Bytes::from_static(b"{\"events\":[]}") };
    let secrets = [SinkSecret::new(&[1; 32]), SinkSecret::new(&[2; 32])];
    let [new, old] = secrets.each_ref().map(|secret| signature(secret, b"msg_1.1763892000.{\"events\":[]}"));
    assert_eq!(letter.sign(&secrets, 1_763_892_000), format!("{new} {old}"));
}
