//! Page events from devices that may not send them.

use tidings_sim::phone::Kind;
use tidings_sim::script::Script;
use tidings_sim::wire::Up;

#[test]
fn a_page_event_that_asks_for_no_ack_is_ignored_and_counted() {
    let mut s = Script::new(&[(Kind::Socket4, 0)]);
    s.join(0);
    let ignored = |s: &Script| s.world.rosters.iter().map(|roster| roster.counters().ignored_page_events).sum::<u64>();
    for event in ["42[\"broadcast\",{\"data\":1}]", "42[\"p2p\",{\"id\":\"0\",\"data\":1}]"] {
        s.say(0, Up::Text(event));
    }
    s.say(0, Up::Text("427[\"broadcast\",{\"data\":1}]"));
    s.say(0, Up::Text("42[\"something else\"]"));
    assert_eq!(ignored(&s), 2);
    assert!(s.saw(0).is_empty());
    s.end();
}
