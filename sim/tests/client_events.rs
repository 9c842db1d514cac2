//! What an app emits to its business server: told once it is stored, in its order, and by nobody else.

use tidings_delivery::{Config, Pattern};
use tidings_model::{Fact, Position};
use tidings_sim::history;
use tidings_sim::phone::Kind;
use tidings_sim::script::Script;
use tidings_sim::wire::Up;
use tidings_store::Fault;

fn script(adjust: impl FnOnce(&mut Config)) -> Script {
    let client_events = ["order.*", "cart"].map(|pattern| Pattern::parse(pattern).expect("a pattern")).to_vec();
    let mut config = Config { client_events, ..history::config(None) };
    adjust(&mut config);
    Script::configured(&[(Kind::Socket4, 0)], config)
}

/// What the log has of it: names and arguments.
fn told(s: &Script) -> Vec<String> {
    let batch = s.world.store.read(Position::ZERO, Position::from_raw(u64::MAX));
    let emitted = |fact: &Fact| match fact {
        Fact::ClientEvent(event) => Some(format!("{} {}", event.event_name, event.args)),
        _ => None,
    };
    batch.entries.iter().filter_map(|entry| emitted(&entry.fact)).collect()
}

fn answers(s: &mut Script) -> String {
    s.coming(0).concat()
}

/// Everything that waits for an answer gets it.
fn answered(s: &mut Script) {
    s.commit();
    while s.world.waiting().0 > 0 {
        s.world.deliver_answer();
    }
}

#[test]
fn the_ack_comes_when_the_event_is_stored_and_not_before() {
    let mut s = script(|_| {});
    s.join(0);
    s.stall(0, true);
    s.say(0, Up::Text("427[\"cart\",{\"a\":1e400},null]"));
    assert!(!answers(&mut s).contains("437"), "nothing is stored yet");
    assert!(told(&s).is_empty());
    answered(&mut s);
    assert!(answers(&mut s).contains("437[{\"ok\":true}]"), "{}", answers(&mut s));
    assert_eq!(told(&s), ["cart [{\"a\":1e400},null]"]);
}

#[test]
fn what_was_not_stored_is_told_as_an_error() {
    let mut s = script(|_| {});
    s.join(0);
    s.stall(0, true);
    s.say(0, Up::Text("427[\"cart\"]"));
    s.world.decide();
    s.world.append(Fault::Full);
    s.world.notify();
    answered(&mut s);
    assert!(answers(&mut s).contains("437[{\"error\":{\"code\":"), "{}", answers(&mut s));
    assert!(told(&s).is_empty());
}

#[test]
fn events_of_a_socket_keep_their_order_with_and_without_an_ack() {
    let mut s = script(|_| {});
    s.join(0);
    s.stall(0, true);
    for event in ["42[\"order.new\",1]", "421[\"cart\",2]", "42[\"order.paid\",3]", "42[\"order.\",4]"] {
        s.say(0, Up::Text(event));
    }
    answered(&mut s);
    assert_eq!(told(&s), ["order.new [1]", "cart [2]", "order.paid [3]", "order. [4]"]);
}

#[test]
fn only_a_registered_socket_emits_and_only_what_is_allowed() {
    let mut s = script(|_| {});
    s.connect_anonymously(0);
    s.stall(0, true);
    s.say(0, Up::Text("421[\"cart\",1]"));
    assert!(answers(&mut s).contains("431[{\"error\":{\"code\":\"forbidden\""), "{}", answers(&mut s));
    let mut s = script(|_| {});
    s.join(0);
    s.stall(0, true);
    for (event, answer) in [
        ("421[\"carts\",1]", "431[{\"error\":{\"code\":\"forbidden\""),
        ("422[\"broadcast\",{\"data\":1}]", "432[{\"error\":{\"code\":\"forbidden\""),
        ("423[\"my event\",{\"data\":1}]", "433[{\"ok\":true}]"),
    ] {
        s.say(0, Up::Text(event));
        assert!(answers(&mut s).contains(answer), "{event}: {}", answers(&mut s));
    }
    answered(&mut s);
    assert!(told(&s).is_empty());
}

#[test]
fn too_large_and_too_many_are_refused_with_the_limit() {
    let mut s = script(|config| (config.limits.payload, config.limits.client_events_per_socket_per_min) = (10, 3));
    s.join(0);
    s.stall(0, true);
    s.say(0, Up::Text("421[\"cart\",12345678]"));
    s.say(0, Up::Text("422[\"cart\",123456789]"));
    s.say(0, Up::Text("423[\"cart\",3]"));
    s.say(0, Up::Text("424[\"cart\",4]"));
    answered(&mut s);
    let answers = answers(&mut s);
    for answer in [
        "431[{\"ok\":true}]",
        "432[{\"error\":{\"code\":\"payload_too_large\"",
        "\"field\":\"args\"",
        "433[{\"ok\":true}]",
        "434[{\"error\":{\"code\":\"rate_limited\"",
    ] {
        assert!(answers.contains(answer), "{answer}: {answers}");
    }
    assert_eq!(told(&s), ["cart [12345678]", "cart [3]"]);
}
