//! A legacy app attaches its token listener some time after `_register`.

use tidings_sim::phone::Kind;
use tidings_sim::script::{LISTEN_MS, Script};

/// A phone that has just been told its token, with a broadcast and a direct message behind it.
fn just_registered(kind: Kind) -> (Script, [usize; 2]) {
    let mut s = Script::new(&[(kind, 0)]);
    s.connect_anonymously(0);
    s.world.register_as(0, 0);
    let wire = s.wire(0);
    while !s.world.wires[wire].up.is_empty() {
        s.world.pump_up(wire);
    }
    s.stall(0, true);
    s.commit();
    while s.world.waiting().0 > 0 {
        s.world.deliver_answer();
    }
    let behind = [s.deliver(None, 3600), s.deliver(Some(0), 3600)];
    (s, behind)
}

#[test]
fn nothing_follows_register_on_a_legacy_socket_before_the_delay() {
    for kind in Kind::ALL {
        let (mut s, behind) = just_registered(kind);
        // It answers late: the delay counts from there.
        s.world.advance(700);
        s.stall(0, false);
        s.settle();
        s.world.advance(LISTEN_MS - 1);
        s.settle();
        assert_eq!(s.saw(0), [], "{kind:?}");
        s.world.advance(1);
        s.settle();
        assert_eq!(s.saw(0), behind, "{kind:?}");
        s.end();
    }
}

#[test]
fn a_socket_that_does_not_answer_register_within_5_s_gets_its_messages_after_the_delay() {
    for kind in [Kind::Socket4, Kind::Socket3] {
        let (mut s, _) = just_registered(kind);
        s.settle();
        s.world.advance(5000 + LISTEN_MS - 1);
        s.settle();
        let early = s.coming(0);
        assert!(
            early.iter().any(|frame| frame.contains("_register")) && !early.iter().any(|frame| frame.contains("\"data\"")),
            "{early:?}"
        );
        s.world.advance(1);
        s.settle();
        let both = s.coming(0).iter().map(|frame| frame.matches("\"data\"").count()).sum::<usize>();
        assert_eq!(both, 2, "{kind:?}");
        s.end();
    }
}

#[test]
fn a_repeated_register_begins_a_running_delay_anew_and_starts_none_that_is_over() {
    let mut s = Script::new(&[(Kind::Socket4, 0)]);
    s.connect(0);
    s.pass(LISTEN_MS - 100);
    s.world.register_as(0, 0);
    s.settle();
    let first = s.deliver(Some(0), 3600);
    s.pass(LISTEN_MS - 1);
    assert_eq!(s.saw(0), []);
    s.pass(1);
    assert_eq!(s.saw(0), [first]);
    s.world.register_as(0, 0);
    s.settle();
    let second = s.deliver(Some(0), 3600);
    s.settle();
    assert_eq!(s.saw(0), [first, second]);
    s.end();
}

/// What followed `_register` unanswered may have met no listener, and that is no less so where somebody else registers then.
#[test]
fn broadcasts_that_may_have_met_no_listener_are_given_to_the_next_registration_of_the_socket() {
    for kind in [Kind::Socket4, Kind::Socket3] {
        let mut s = Script::new(&[(kind, 1)]);
        s.join(0);
        s.world.phones[0].listens_after = 900;
        let register = |s: &mut Script, uid| {
            s.world.register_as(0, uid);
            let wire = s.wire(0);
            while !s.world.wires[wire].up.is_empty() {
                s.world.pump_up(wire);
            }
            s.commit();
            while s.world.waiting().0 > 0 {
                s.world.deliver_answer();
            }
        };
        s.stall(0, true);
        register(&mut s, 0);
        let broadcast = s.deliver(None, 3600);
        s.world.advance(5000 + LISTEN_MS);
        while s.world.waiting().1 > 0 {
            s.world.deliver_page();
        }
        assert!(s.coming(0).iter().any(|frame| frame.contains("app broadcast")), "{kind:?}: it was given");
        register(&mut s, 1);
        s.stall(0, false);
        s.settle();
        assert_eq!(s.saw(0), [], "{kind:?}: nobody listened");
        (0..10).for_each(|_| s.pass(1000));
        assert_eq!(s.saw(0), [broadcast], "{kind:?}");
        s.end();
    }
}
