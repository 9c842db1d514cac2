//! A backend ends a user's sockets: for now, or for good.

use tidings_model::{AppNo, Named, Request};
use tidings_sim::phone::Kind;
use tidings_sim::script::Script;
use tidings_sim::world::uid_of;

const KINDS: [Kind; 4] = [Kind::Socket4, Kind::Socket3, Kind::Poll4, Kind::Java3];

fn named(uid: usize) -> Named {
    Named { app: AppNo::DEFAULT, uid: uid_of(uid) }
}

/// What the phone is told at the end, and whether its connection is over.
fn ends(s: &mut Script, phone: usize, request: Request) -> (String, bool) {
    s.world.command(request);
    s.commit();
    s.feed();
    let wire = s.wire(phone);
    let over = s.world.wires[wire].server_gone;
    (s.coming(phone).concat(), over)
}

#[test]
fn a_disconnect_is_a_bare_end_and_the_phone_may_come_back() {
    for kind in KINDS {
        let mut s = Script::new(&[(kind, 0), (kind, 1)]);
        s.join(0);
        s.join(1);
        let (told, over) = ends(&mut s, 0, Request::Disconnect(named(0)));
        assert!(over && !told.contains("41"), "{kind:?}: {told:?}");
        let other = s.wire(1);
        assert!(!s.world.wires[other].server_gone, "{kind:?}: somebody else's socket stays");
        s.settle();
        let missed = s.deliver(Some(0), 3600);
        s.join(0);
        assert_eq!(s.saw(0), [missed], "{kind:?}");
        s.end();
    }
}

#[test]
fn an_erasure_says_41_before_the_end() {
    for kind in KINDS {
        let mut s = Script::new(&[(kind, 0)]);
        s.join(0);
        s.deliver(Some(0), 3600);
        s.settle();
        let (told, over) = ends(&mut s, 0, Request::Erase(named(0)));
        assert!(over && told.contains("41"), "{kind:?}: {told:?}");
    }
}

/// The writer had attached the socket when it decided to end it, and the worker hears of the end first.
#[test]
fn an_end_that_overtakes_the_answer_to_a_register_still_ends_that_socket() {
    for (request, last) in [(Request::Disconnect(named(0)), false), (Request::Erase(named(0)), true)] {
        let mut s = Script::new(&[(Kind::Socket4, 0)]);
        s.connect_anonymously(0);
        s.world.register_as(0, 0);
        let wire = s.wire(0);
        while !s.world.wires[wire].up.is_empty() {
            s.world.pump_up(wire);
        }
        s.world.command(request.clone());
        s.commit();
        s.feed();
        assert!(!s.world.wires[wire].server_gone, "{request:?}: it is nobody's yet");
        while s.world.waiting().0 > 0 {
            s.world.deliver_answer();
        }
        assert!(s.world.wires[wire].server_gone, "{request:?}");
        assert_eq!(s.coming(0).concat().contains("41"), last, "{request:?}");
    }
}
