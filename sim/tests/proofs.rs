//! What counts as a proof, and what comes too late for it.

use tidings_sim::phone::Kind;
use tidings_sim::script::{LISTEN_MS, Script};
use tidings_sim::wire::Up;

/// A registered phone that has read a direct message; its answers are on their way.
fn with_answers_on_their_way(kind: Kind) -> (Script, usize) {
    let mut s = Script::new(&[(kind, 0)]);
    s.join(0);
    let n = s.deliver(Some(0), 3600);
    let wire = s.wire(0);
    while !s.world.wires[wire].down.is_empty() {
        s.world.pump_down(wire);
    }
    assert_eq!(s.saw(0), [n]);
    assert!(!s.world.wires[wire].up.is_empty(), "{kind:?} was asked with the message");
    (s, n)
}

#[test]
fn a_proof_that_comes_after_a_detach_still_counts() {
    // One of the two lives on the other worker: the socket moves there.
    let cases = [(1, false), (1, true), (2, false), (2, true)];
    for (kind, (other, attached)) in [Kind::Socket4, Kind::Socket3].into_iter().flat_map(|kind| cases.map(|case| (kind, case))) {
        let (mut s, n) = with_answers_on_their_way(kind);
        let wire = s.wire(0);
        let late: Vec<Up> = s.world.wires[wire].up.drain(..).collect();
        s.world.register_as(0, other);
        s.world.pump_up(wire);
        if attached {
            s.commit();
            s.world.deliver_answer();
        }
        s.world.wires[wire].up.extend(late);
        s.settle();
        s.pass(300);
        s.save();
        assert!(s.is_proven(0, 0, n), "{kind:?} {other} {attached}");
        s.kill(0);
        s.world.phones[0].uid = 0;
        s.join(0);
        s.pass(500);
        assert_eq!(s.saw(0), [n], "{kind:?} {other} {attached}: not sent again");
        s.end();
    }
}

#[test]
fn a_pong_or_3_counts_for_nothing_once_the_client_has_left() {
    for kind in [Kind::Socket4, Kind::Socket3] {
        for goodbye in [None, Some("41"), Some("1")] {
            let (mut s, n) = with_answers_on_their_way(kind);
            let wire = s.wire(0);
            if let Some(goodbye) = goodbye {
                s.world.wires[wire].up.push_front(Up::Text(goodbye));
            }
            s.pass(300);
            s.save();
            assert_eq!(s.is_proven(0, 0, n), goodbye.is_none(), "{kind:?} {goodbye:?}");
            s.kill(0);
            s.join(0);
            s.pass(500);
            let expected = if goodbye.is_none() { vec![n] } else { vec![n, n] };
            assert_eq!(s.saw(0), expected, "{kind:?} {goodbye:?}");
            s.end();
        }
    }
}

#[test]
fn a_pong_within_250_ms_of_a_disconnect_proves_nothing() {
    for (after_ms, counts) in [(0, false), (17, false), (249, false), (250, true)] {
        for goodbye in [Up::Text("41"), Up::Text("1"), Up::End] {
            let (mut s, n) = with_answers_on_their_way(Kind::Socket3);
            let wire = s.wire(0);
            s.world.pump_up(wire);
            if after_ms > 0 {
                s.world.advance(after_ms);
            }
            s.say(0, goodbye.clone());
            s.settle();
            s.save();
            assert_eq!(s.is_proven(0, 0, n), counts, "{goodbye:?} after {after_ms} ms");
            s.end();
        }
    }
}

/// A registered phone on polling, asked for nothing, whose message is in an answer that it never reads.
fn with_an_answer_lost(kind: Kind) -> (Script, usize, String) {
    let mut s = Script::new(&[(kind, 0)]);
    s.join(0);
    s.pass(1000);
    s.stall(0, true);
    let n = s.deliver(Some(0), 3600);
    let payload = s.intercept(0);
    assert!(payload.len() == 1 && payload[0].contains(&format!("{{\"data\":{n}}}")), "{payload:?}");
    (s, n, payload[0].clone())
}

fn get(stamp: u64) -> Up {
    Up::Get { stamp: Some(format!("s{stamp}")), number: None }
}

#[test]
fn a_repeated_get_gets_the_kept_payload_and_proves_nothing() {
    for upgrading in [false, true] {
        let (mut s, n, payload) = with_an_answer_lost(Kind::Upgrade4);
        let stamp = s.life(0).stamp;
        if upgrading {
            s.say(0, Up::Probe);
            s.say(0, Up::ProbeText("2probe"));
            assert!(s.intercept(0)[0].ends_with("3probe"));
        }
        for _ in 0..2 {
            s.say(0, get(stamp));
            assert_eq!(s.intercept(0), std::slice::from_ref(&payload), "upgrading: {upgrading}");
        }
        s.save();
        assert!(!s.is_proven(0, 0, n), "upgrading: {upgrading}");
        s.say(0, get(stamp + 1));
        s.save();
        assert!(s.is_proven(0, 0, n), "upgrading: {upgrading}");
        // The model knows that this app never saw it.
        assert!(s.world.fault.is_some());
    }
}

#[test]
fn only_a_number_not_seen_before_proves() {
    let stamp = with_an_answer_lost(Kind::Poll4).0.life(0).stamp;
    let says = [
        (vec![Up::Post("3".to_owned())], false),
        (vec![Up::Post("42[\"my event\",{\"data\":1}]".to_owned())], false),
        (vec![get(stamp)], false),
        (vec![get(stamp - 1)], false),
        // The handshake's own: this client has no numbers.
        (vec![get(0)], false),
        (vec![Up::Get { stamp: None, number: Some(1) }], false),
        (vec![get(stamp - 1), get(stamp), Up::Post("3".to_owned())], false),
        (vec![get(stamp + 1)], true),
        (vec![get(stamp - 1), get(stamp), get(stamp + 1)], true),
    ];
    for (ups, proves) in says {
        let (mut s, n, _) = with_an_answer_lost(Kind::Poll4);
        ups.iter().for_each(|up| s.say(0, up.clone()));
        s.save();
        assert_eq!(s.is_proven(0, 0, n), proves, "{ups:?}");
        // The model knows that the app never saw it.
        assert_eq!(s.world.fault.is_some(), proves, "{ups:?}");
    }
}

#[test]
fn a_socket_that_never_answers_is_given_nothing_as_proven() {
    let mut s = Script::new(&[(Kind::Socket4, 0)]);
    s.join(0);
    s.world.half_open(0);
    let n = s.deliver(Some(0), 3600);
    s.pass(LISTEN_MS);
    s.pass(60_000);
    assert!(!s.is_proven(0, 0, n));
    s.end();
}
