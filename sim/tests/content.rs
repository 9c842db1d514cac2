//! What a message may have beside data: an event of its own, arguments of its own, a newer one that takes its place.

use tidings_delivery::{Config, DirectEvent};
use tidings_json::Json;
use tidings_model::{Body, CollapseKey, Content, EventName};
use tidings_sim::history;
use tidings_sim::phone::Kind;
use tidings_sim::script::Script;
use tidings_sim::wire::Up;
use tidings_sim::world::World;

fn named(data: Json) -> Content {
    Content { event_name: Some(EventName::trusted("news")), ..Content::data(data) }
}

/// Its number is its one argument.
fn bare(number: Json) -> Content {
    Content { body: Body::Args(Json::trusted(format!("[{number}]"))), ..named(number) }
}

fn keyed(data: Json) -> Content {
    Content { collapse_key: Some(CollapseKey::trusted("k")), ..Content::data(data) }
}

#[test]
fn messages_arrive_live_and_replayed_whatever_carries_them() {
    for kind in Kind::ALL {
        let mut s = Script::new(&[(kind, 0)]);
        s.join(0);
        let mut all = Vec::new();
        for _ in 0..2 {
            for uid in [Some(0), None] {
                all.extend([s.deliver_as(uid, bare), s.deliver_as(uid, named), s.deliver_as(uid, Content::data)]);
            }
            s.pass(5000);
            s.kill(0);
            // The next round waits for the phone.
            all.extend([s.deliver_as(Some(0), bare), s.deliver_as(None, bare), s.deliver_as(Some(0), named)]);
            s.join(0);
        }
        s.pass(5000);
        assert_eq!(s.saw(0), all, "{kind:?}");
        assert!(s.is_proven(0, 0, all[all.len() - 1]), "{kind:?}");
        s.end();
    }
}

#[test]
fn the_wire_has_the_events_own_name_and_arguments() {
    let args = |_: Json| Content { body: Body::Args(Json::trusted("[[1],\"\u{e9}\",{\"b\":[]}]")), ..named(Json::null()) };
    for kind in [Kind::Socket3, Kind::Socket4] {
        let mut s = Script::new(&[(kind, 0)]);
        s.join(0);
        s.stall(0, true);
        for uid in [Some(0), None] {
            s.deliver_as(uid, args);
            let coming = s.intercept(0).concat();
            assert!(coming.contains("42[\"news\",[1],\"\u{e9}\",{\"b\":[]}]"), "{kind:?}: {coming}");
            let n = s.deliver_as(uid, named);
            let coming = s.intercept(0).concat();
            assert!(coming.contains(&format!("42[\"news\",{{\"data\":{n}}}]")), "{kind:?}: {coming}");
        }
    }
}

#[test]
fn a_superseded_message_is_not_replayed() {
    for (kind, uid) in Kind::ALL.into_iter().flat_map(|kind| [(kind, Some(0)), (kind, None)]) {
        let mut s = Script::new(&[(kind, 0)]);
        s.join(0);
        let live = s.deliver_as(uid, keyed);
        s.pass(5000);
        s.kill(0);
        s.deliver_as(uid, keyed);
        let plain = s.deliver_as(uid, Content::data);
        let newest = s.deliver_as(uid, keyed);
        s.join(0);
        s.pass(5000);
        assert_eq!(s.saw(0), [live, plain, newest], "{kind:?}");
        assert!(s.is_proven(0, 0, newest), "{kind:?}");
        s.end();
    }
}

#[test]
fn a_uid_that_is_a_reserved_name_cannot_name_events() {
    for (event, refused) in [(DirectEvent::Token, false), (DirectEvent::Uid, true), (DirectEvent::Both, true)] {
        let mut s = Script::new(&[(Kind::Socket4, 0)]);
        s.world = World::new(1, Config { direct_event: event, ..history::config(None) }, 1);
        s.world.phones[0].kind = Kind::Socket4;
        s.connect_anonymously(0);
        s.stall(0, true);
        s.say(0, Up::Text("42[\"register\",{\"data\":\"disconnect\"}]"));
        let coming = s.intercept(0).concat();
        assert_eq!(coming.contains("_register_error") && coming.contains("invalid_field"), refused, "{event:?}: {coming}");
    }
}
