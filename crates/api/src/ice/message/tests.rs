use std::collections::BTreeMap;

use tidings_model::{Lifetime, Target};

use super::*;

fn send(payload: &str, extras: Extras) -> Sending {
    Sending { to: To::Uid("4\"2".to_owned()), payload: payload.to_owned(), extras }
}

fn options(given: &[(&str, &str)]) -> Extras {
    let options: BTreeMap<_, _> = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Extras { options: Some(options), ..Extras::default() }
}

fn refused(sending: &Sending) -> (&'static str, String) {
    let failure = renamed(sending.draft(AppNo::DEFAULT).unwrap_err());
    (failure.code().as_str(), failure.field().unwrap_or_default().to_owned())
}

#[test]
fn a_call_reads_as_the_body_of_http() {
    let extras = Extras {
        ttl_seconds: Some(60),
        collapse_key: Some("k".to_owned()),
        event_name: Some("news".to_owned()),
        ..options(&[("label", "a \"b\""), ("meta", "{}")])
    };
    let body = send("{ \"a\" : 1 }", extras).body().unwrap();
    assert_eq!(
        body.as_str(),
        r#"{"to":{"uid":"4\"2"},"data":{"a":1},"ttl":60,"collapse_key":"k","event_name":"news","label":"a \"b\"","meta":"{}"}"#
    );
    let (draft, dry_run) =
        send("1", options(&[("expires_at", "2026-11-23T10:00:00Z"), ("dry_run", "true")])).draft(AppNo::DEFAULT).unwrap();
    assert!(matches!(draft.lifetime, Lifetime::Until(_)) && dry_run);
    assert_eq!(draft.to, Target::Uids(vec![tidings_model::Uid::parse("4\"2").unwrap()]));
}

#[test]
fn a_payload_cannot_become_more_than_a_value() {
    let injected = send(r#"1,"to":{"all":true}"#, Extras::default());
    assert_eq!(refused(&injected), ("invalid_json", "payload".to_owned()));
    let args = send("", Extras { event_name: Some("e".to_owned()), ..options(&[("args", r#"[1],"to":{"all":true}"#)]) });
    assert_eq!(refused(&args), ("invalid_json", "args".to_owned()));
}

#[test]
fn what_is_wrong_is_named_as_the_contract_names_it() {
    let ttl = |ttl| send("1", Extras { ttl_seconds: Some(ttl), ..Extras::default() });
    let key = |key: &str| send("1", Extras { request_id: Some(key.to_owned()), ..Extras::default() });
    let cases = [
        (send("", Extras::default()), "invalid_field", "payload"),
        (send("1", options(&[("args", "[1]")])), "invalid_field", "args"),
        (send("1", options(&[("ttl", "1")])), "unknown_field", "ttl"),
        (send("1", options(&[("notification", "{}")])), "unknown_field", "notification"),
        (send("1", options(&[("dry_run", "yes")])), "invalid_json", "dry_run"),
        (ttl(-1), "invalid_field", "ttlSeconds"),
        (key(""), "invalid_field", "requestId"),
        (key("a\0b"), "invalid_field", "requestId"),
        (send("1", Extras { collapse_key: Some(" ".to_owned()), ..Extras::default() }), "invalid_field", "collapseKey"),
        (send("1", Extras { event_name: Some("ping".to_owned()), ..Extras::default() }), "invalid_field", "eventName"),
    ];
    for (sending, code, field) in cases {
        assert_eq!(refused(&sending), (code, field.to_owned()));
    }
}

#[test]
fn the_order_of_options_and_space_in_a_payload_do_not_change_a_request() {
    let keyed = |payload: &str| send(payload, Extras { request_id: Some("r".to_owned()), ..options(&[("meta", "m"), ("label", "l")]) });
    let digest = |payload: &str| keyed(payload).draft(AppNo::DEFAULT).unwrap().0.idempotency.unwrap();
    assert_eq!(digest(r#"{"a":1,"b":2}"#), digest(r#"{ "b":2, "a":1 }"#));
    assert_ne!(digest("1").request, digest("2").request);
}
