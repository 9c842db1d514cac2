use tidings_json::Json;
use tidings_model::{AppName, DeviceId, End, EventId, MessageId, Millis, Position, Proof, State, Token, Uid};

use super::*;

fn event(n: u32, what: What) -> Event {
    Event { id: EventId { at: Position::new(2, 1), n }, app: AppName::root(), at: Millis(1_763_892_000_123), what }
}

fn phone() -> Who {
    Who { uid: Some(Uid::trusted("42")), token: Some(Token::from_random([0; 24])), device_id: Some(DeviceId::trusted("d1")) }
}

fn registered(n: u32) -> Event {
    event(n, What::Registered { who: phone(), first: n == 0 })
}

fn reported(n: u32) -> Event {
    let status = Some(Json::trusted("{\"status\":1}"));
    event(
        n,
        What::Reported(Told { who: phone(), message: None, state: None, proof: None, status, inferred: true, reason: None, meta: None }),
    )
}

fn online(n: u32) -> Event {
    event(n, What::Online { who: phone() })
}

/// The call, the ids it tells, how many are dealt with and how many of these are passed over.
fn first(form: Form, events: &[Event]) -> (&'static str, Vec<String>, usize, u64) {
    let part = form.first(events);
    let (operation, ids) = match part.notice {
        None => ("", vec![]),
        Some(notice) => (notice.operation(), ids(notice)),
    };
    (operation, ids, part.events, part.passed_over)
}

fn ids(notice: Notice) -> Vec<String> {
    match notice {
        Notice::Registered(one) => vec![one.event_id],
        Notice::Reported(one) => vec![one.event_id],
        Notice::RegisteredBatch(all) => all.into_iter().map(|one| one.event_id).collect(),
        Notice::ReportedBatch(all) => all.into_iter().map(|one| one.event_id).collect(),
        Notice::Events(all) => all.into_iter().map(|one| one.event_id).collect(),
    }
}

fn text(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn an_event_listener_is_told_all_in_one_call() {
    let events = [registered(0), online(1), reported(2)];
    assert_eq!(first(Form::Events, &events), ("events", text(&["513-0", "513-1", "513-2"]), 3, 0));
}

#[test]
fn a_change_of_kind_ends_a_run_and_what_cannot_be_told_does_not() {
    let events = [online(0), registered(1), online(2), registered(3), online(4), reported(5), registered(6)];
    assert_eq!(first(Form::Batches, &events), ("registeredBatch", text(&["513-1", "513-3"]), 5, 3));
    assert_eq!(first(Form::Batches, &events[5..]), ("reportedBatch", text(&["513-5"]), 1, 0));
}

#[test]
fn single_calls_tell_one_and_pass_over_what_lies_about_it() {
    let events = [online(0), reported(1), online(2), reported(3)];
    assert_eq!(first(Form::Singles, &events), ("reported", text(&["513-1"]), 3, 2));
    assert_eq!(first(Form::Singles, &[registered(0)]), ("registered", text(&["513-0"]), 1, 0));
}

#[test]
fn what_cannot_be_told_at_all_is_dealt_with_without_a_call() {
    assert_eq!(first(Form::Batches, &[online(0), online(1)]), ("", vec![], 2, 2));
}

#[test]
fn an_event_has_the_data_it_has_over_http() {
    let Some(Notice::Events(events)) = Form::Events.first(&[online(7)]).notice else { panic!("no call") };
    let wanted = push::Event {
        event_id: "513-7".into(),
        r#type: "device.online".into(),
        app: "/".into(),
        at_ms: 1_763_892_000_123,
        payload: r#"{"uid":"42","token":"p_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","device_id":"d1"}"#.into(),
        extra: Attributes::new(),
    };
    assert_eq!(events, [wanted]);
}

#[test]
fn a_ghost_has_no_device_id() {
    let who = Who { device_id: None, ..phone() };
    let Some(Notice::Registered(told)) = Form::Singles.first(&[event(0, What::Registered { who, first: true })]).notice else {
        panic!("no call")
    };
    let wanted = Registration {
        event_id: "513-0".into(),
        app: "/".into(),
        uid: "42".into(),
        device_id: String::new(),
        token: "p_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
        platform: String::new(),
        app_version: String::new(),
        first: true,
        at_ms: 1_763_892_000_123,
        extra: Attributes::new(),
    };
    assert_eq!(told, wanted);
}

fn told(told: Told) -> Report {
    match Form::Singles.first(&[event(0, What::Reported(told))]).notice {
        Some(Notice::Reported(report)) => report,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_of_state_has_its_proof() {
    let id = MessageId::v7(1, [0; 10]);
    let (state, proof, meta) = (Some(State::Reached), Some(Proof::Engine), Some("order 7".into()));
    let report = told(Told { who: phone(), message: Some(id), state, proof, status: None, inferred: false, reason: None, meta });
    let facts = [&report.message_id, &report.state, &report.proof, &report.status, &report.meta].map(String::as_str);
    assert_eq!(facts, [id.to_string().as_str(), "reached", "engine", "", "order 7"]);
    assert_eq!(report.extra, Attributes::new());
}

#[test]
fn a_status_is_unchanged_and_a_guessed_link_is_said() {
    let status = Some(Json::trusted(r#"{"b":1e400,"a":[0.10]}"#));
    let report =
        told(Told { who: Who::default(), message: None, state: None, proof: None, status, inferred: true, reason: None, meta: None });
    let facts = [&report.message_id, &report.uid, &report.token, &report.state, &report.status].map(String::as_str);
    assert_eq!(facts, ["", "", "", "", r#"{"b":1e400,"a":[0.10]}"#]);
    assert_eq!(report.extra, Attributes::from([("inferred".to_owned(), "true".to_owned())]));
}

#[test]
fn an_end_is_a_state_and_its_own_reason() {
    let reason = Some(End::Expired);
    let report = told(Told { who: phone(), message: None, state: None, proof: None, status: None, inferred: false, reason, meta: None });
    assert_eq!((report.state.as_str(), report.proof.as_str()), ("expired", ""));
    assert_eq!(report.extra, Attributes::from([("reason".to_owned(), "expired".to_owned())]));
}
