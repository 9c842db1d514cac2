//! Messages to topics: for who is in it where the message stands in the log, live or from the mailbox.

use tidings_delivery::Config;
use tidings_model::Limits;
use tidings_sim::history;
use tidings_sim::phone::Kind;
use tidings_sim::script::{LISTEN_MS, Script};

const TOPIC: usize = 0;

fn carry(s: &mut Script) {
    s.commit();
    s.feed();
    while s.world.waiting().0 > 0 {
        s.world.deliver_answer();
    }
    s.settle();
}

fn subscribe(s: &mut Script, uid: usize, on: bool) {
    s.world.subscribe(uid, TOPIC, on);
    carry(s);
}

/// A message to the topic, stored and dealt with. Its number.
fn tell(s: &mut Script) -> usize {
    s.world.publish_to_topic(TOPIC, 3600);
    carry(s);
    s.world.model.sent.len() - 1
}

#[test]
fn a_message_to_a_topic_comes_live_to_who_is_in_it_and_to_nobody_else() {
    for kind in Kind::ALL {
        let mut s = Script::new(&[(kind, 0), (kind, 1), (kind, 0)]);
        (0..3).for_each(|phone| s.join(phone));
        let early = tell(&mut s);
        subscribe(&mut s, 0, true);
        let one = tell(&mut s);
        subscribe(&mut s, 1, true);
        let two = tell(&mut s);
        subscribe(&mut s, 0, false);
        let three = tell(&mut s);
        s.pass(1000);
        assert_eq!((s.saw(0), s.saw(1), s.saw(2)), (vec![one, two], vec![two, three], vec![one, two]), "{kind:?} {early}");
        s.end();
    }
}

#[test]
fn who_was_away_gets_what_was_sent_while_he_was_in_it() {
    for kind in Kind::ALL {
        let mut s = Script::new(&[(kind, 0)]);
        s.join(0);
        subscribe(&mut s, 0, true);
        s.kill(0);
        let first = tell(&mut s);
        subscribe(&mut s, 0, false);
        let _outside = tell(&mut s);
        subscribe(&mut s, 0, true);
        let second = tell(&mut s);
        s.join(0);
        let live = tell(&mut s);
        s.pass(1000);
        assert_eq!(s.saw(0), [first, second, live], "{kind:?}");
        s.end();
    }
}

#[test]
fn a_change_that_the_answer_to_a_register_has_not_seen_counts() {
    for (kind, on) in Kind::ALL.into_iter().flat_map(|kind| [(kind, true), (kind, false)]) {
        let mut s = Script::new(&[(kind, 0)]);
        s.join(0);
        subscribe(&mut s, 0, !on);
        s.kill(0);
        s.connect_anonymously(0);
        s.world.register_as(0, 0);
        let wire = s.wire(0);
        while !s.world.wires[wire].up.is_empty() {
            s.world.pump_up(wire);
        }
        s.commit();
        // The writer has answered; before the worker hears it, the user comes into the topic, or leaves it.
        s.world.subscribe(0, TOPIC, on);
        s.commit();
        s.feed();
        carry(&mut s);
        s.pass(LISTEN_MS);
        let live = tell(&mut s);
        s.pass(1000);
        assert_eq!(s.saw(0), if on { vec![live] } else { vec![] }, "{kind:?} {on}");
        s.end();
    }
}

#[test]
fn a_message_to_a_topic_waits_its_turn_and_moves_the_cursor() {
    for kind in [Kind::Socket4, Kind::Socket3, Kind::Poll4] {
        let mut s = Script::new(&[(kind, 0)]);
        s.join(0);
        subscribe(&mut s, 0, true);
        // More than may wait in memory: it falls behind and reads its mailbox.
        s.stall(0, true);
        let all: Vec<usize> = (0..40).map(|n| if n % 2 == 0 { tell(&mut s) } else { s.deliver(Some(0), 3600) }).collect();
        s.stall(0, false);
        for _ in 0..10 {
            s.pass(1000);
        }
        assert_eq!(s.saw(0), all, "{kind:?}");
        s.save();
        assert!(s.is_proven(0, 0, all[39]), "{kind:?}");
        s.end();
    }
}

#[test]
fn more_sockets_than_one_slice_of_a_walk_hear_it() {
    let config = history::config(None);
    let limits = Limits { sockets_per_uid: 1000, ..config.limits };
    let mut s = Script::configured(&[(Kind::Socket4, 0); 300], Config { limits, ..config });
    (0..300).for_each(|phone| s.world.connect(phone));
    s.pass(LISTEN_MS);
    subscribe(&mut s, 0, true);
    let (one, other) = (tell(&mut s), s.deliver(Some(0), 3600));
    s.settle();
    assert!((0..300).all(|phone| s.saw(phone) == [one, other]));
    s.end();
}
