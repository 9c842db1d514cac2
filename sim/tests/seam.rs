//! The seam between mailbox and live, step by step: nothing lost, nothing doubled, no order broken.

#![expect(clippy::unwrap_used, reason = "a test's helpers")]

use tidings_delivery::Query;
use tidings_model::Request;
use tidings_sim::phone::Kind;
use tidings_sim::script::{LISTEN_MS, Script};

/// Everything that the phone has said arrives.
fn arrive(s: &mut Script) {
    let wire = s.wire(0);
    while !s.world.wires[wire].up.is_empty() && !s.world.wires[wire].server_gone {
        s.world.pump_up(wire);
    }
}

fn answer(s: &mut Script) {
    while s.world.waiting().0 > 0 {
        s.world.deliver_answer();
    }
}

/// A phone that was registered once, has missed `mail` since, and is back as nobody.
fn returned(kind: Kind, mail: usize) -> (Script, Vec<usize>) {
    let mut s = Script::new(&[(kind, 0)]);
    s.join(0);
    s.kill(0);
    let missed = s.mail(0, mail);
    s.connect_anonymously(0);
    (s, missed)
}

/// How far each replay that was begun reads.
fn replays(s: &Script) -> Vec<u64> {
    let journal = s.world.journal.as_ref().unwrap();
    let mut ends: Vec<u64> = journal
        .reads
        .iter()
        .map(|(_, query)| match query {
            Query::Mailbox(query) => query.upto.raw(),
            Query::Broadcasts(query) => query.upto.raw(),
        })
        .collect();
    ends.dedup();
    ends
}

#[test]
fn a_fact_that_arrives_during_the_register_or_the_mailbox_read_comes_once_and_in_order() {
    let cases = [(Some(0), true), (Some(0), false), (None, false), (None, true)];
    for (kind, (to, fed_first)) in Kind::ALL.into_iter().flat_map(|kind| cases.map(|case| (kind, case))) {
        let (mut s, missed) = returned(kind, 1);
        s.world.register_as(0, 0);
        arrive(&mut s);
        s.commit();
        // The writer has answered, the worker has not heard it: a fact comes between.
        let during_register = s.publish(to, 3600);
        s.commit();
        if fed_first {
            s.feed();
            answer(&mut s);
        } else {
            answer(&mut s);
            s.feed();
        }
        s.settle();
        s.world.advance(LISTEN_MS);
        assert_eq!(s.world.waiting().1, 1, "{kind:?}: the mailbox is being read");
        let during_read = s.deliver(to, 3600);
        s.settle();
        s.pass(100);
        let saw = s.saw(0);
        if (to, fed_first) == (None, true) {
            // It may have come before the answer, as to everybody; Java cannot say whether it did.
            let (during, others): (Vec<usize>, Vec<usize>) = saw.iter().partition(|n| **n == during_register);
            assert_eq!(others, [missed[0], during_read], "{kind:?}");
            assert!(during.len() == 1 || kind == Kind::Java3 && during.len() == 2, "{kind:?}: {saw:?}");
        } else {
            assert_eq!(saw, [missed[0], during_register, during_read], "{kind:?} {to:?} {fed_first}");
        }
        s.end();
    }
}

#[test]
fn a_socket_that_falls_behind_during_a_replay_and_again_while_catching_up_gets_all() {
    for kind in [Kind::Socket4, Kind::Socket3] {
        let (mut s, mut all) = returned(kind, 200);
        let wire = s.wire(0);
        s.world.register_as(0, 0);
        s.settle();
        s.world.advance(LISTEN_MS);
        // Ten more than the six that may wait, twice.
        for replay in 1..=2 {
            while replays(&s).len() < replay {
                s.world.deliver_page();
                s.world.pump_down(wire);
                s.world.pump_up(wire);
            }
            all.extend((0..10).map(|n| s.deliver((n % 2 == 0).then_some(0), 3600)));
        }
        s.settle();
        for _ in 0..20 {
            s.pass(300);
        }
        assert_eq!(s.saw(0), all, "{kind:?}");
        assert_eq!(replays(&s).len(), 3, "{kind:?}: it fell behind twice");
        s.end();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Asked,
    Unanswered,
    Listening,
    Reading,
    Replaying,
    Live,
}

/// Takes a phone that has said `register` so far.
fn bring_to(s: &mut Script, phase: Phase) {
    arrive(s);
    if phase == Phase::Asked {
        return;
    }
    s.stall(0, true);
    s.commit();
    answer(s);
    s.feed();
    if phase == Phase::Unanswered {
        return s.stall(0, false);
    }
    s.stall(0, false);
    s.settle();
    if phase == Phase::Listening {
        return;
    }
    s.world.advance(LISTEN_MS);
    if phase == Phase::Reading {
        return;
    }
    s.world.deliver_page();
    if phase == Phase::Live {
        s.pass(1000);
    }
}

#[test]
fn a_second_register_in_every_phase_ends_the_first() {
    let phases = [Phase::Asked, Phase::Unanswered, Phase::Listening, Phase::Reading, Phase::Replaying, Phase::Live];
    let kinds = [Kind::Socket4, Kind::Socket3, Kind::Poll4, Kind::Java3];
    for (kind, phase) in kinds.into_iter().flat_map(|kind| phases.map(|phase| (kind, phase))) {
        // On the first one's worker, and on the other.
        (1..3).for_each(|other| register_twice(kind, phase, other));
    }
}

fn register_twice(kind: Kind, phase: Phase, other: usize) {
    let (mut s, missed) = returned(kind, 100);
    s.world.register_as(0, 0);
    bring_to(&mut s, phase);
    s.world.register_as(0, other);
    for _ in 0..4 {
        s.pass(LISTEN_MS);
    }
    let (first, second) = (s.deliver(Some(0), 3600), s.deliver(Some(other), 3600));
    s.pass(1000);
    let saw = s.saw(0);
    assert!(saw.contains(&second) && !saw.contains(&first), "{kind:?} {phase:?} {other}: {saw:?}");
    assert!(all_but_the_last_left(&s), "{kind:?} {phase:?} {other}");
    // What was the first one's is still there for it.
    s.kill(0);
    s.world.phones[0].uid = 0;
    s.join(0);
    s.pass(1000);
    let saw = s.saw(0);
    assert!(missed.iter().all(|n| saw.contains(n)) && saw.contains(&first), "{kind:?} {phase:?} {other}: {saw:?}");
    s.end();
}

/// Each registration but the last was left, by the same socket.
fn all_but_the_last_left(s: &Script) -> bool {
    let registers: Vec<_> =
        s.asked().filter_map(|request| if let Request::Register(register) = request { Some(register.socket) } else { None }).collect();
    let leaves: Vec<_> =
        s.asked().filter_map(|request| if let Request::Leave(leave) = request { Some(leave.socket) } else { None }).collect();
    let (last, others) = registers.split_last().unwrap();
    others.iter().all(|socket| leaves.contains(socket)) && !leaves.contains(last)
}

#[test]
fn what_it_had_as_anonymous_is_not_replayed() {
    for kind in [Kind::Socket4, Kind::Socket3, Kind::Poll4, Kind::Upgrade4] {
        let mut s = Script::new(&[(kind, 0)]);
        s.join(0);
        s.kill(0);
        let missed = s.deliver(None, 3600);
        s.connect_anonymously(0);
        let had = s.deliver(None, 3600);
        s.settle();
        assert_eq!(s.saw(0), [had], "{kind:?}");
        s.world.register_as(0, 0);
        s.pass(LISTEN_MS);
        let live = s.deliver(None, 3600);
        s.pass(1000);
        assert_eq!(s.saw(0), [had, missed, live], "{kind:?}");
        s.end();
    }
}

#[test]
fn a_message_that_expires_in_the_queue_is_not_written() {
    let mut s = Script::new(&[(Kind::Socket4, 0)]);
    s.join(0);
    let wire = s.wire(0);
    s.stall(0, true);
    let mut all = Vec::new();
    while !s.world.wires[wire].blocked {
        all.push(s.deliver(None, 3600));
    }
    let _short = s.deliver(None, 2);
    all.push(s.deliver(None, 3600));
    s.world.advance(2000);
    s.stall(0, false);
    s.settle();
    assert_eq!(replays(&s).len(), 1, "it waited in the queue: nothing was read again");
    assert_eq!(s.saw(0), all);
    s.end();
}

#[test]
fn a_full_inbox_becomes_a_read_of_the_log() {
    let mut s = Script::new(&[(Kind::Socket4, 0), (Kind::Socket3, 0), (Kind::Poll4, 2)]);
    (0..3).for_each(|phone| s.join(phone));
    let log_reads = |s: &Script| s.world.journal.as_ref().unwrap().log_reads;
    let store = |s: &mut Script| {
        let n = s.publish(None, 3600);
        s.commit();
        n
    };
    // Four fit into an inbox: the last ones are missing, and nothing comes behind them.
    let before = log_reads(&s);
    let mut all: Vec<usize> = (0..10).map(|_| store(&mut s)).collect();
    s.pass(100);
    assert!(log_reads(&s) > before);
    // The gap lies before something that did fit.
    let before = log_reads(&s);
    all.extend((0..6).map(|_| store(&mut s)));
    (0..2).for_each(|worker| s.world.deliver_feed(worker));
    all.push(store(&mut s));
    (0..2).for_each(|worker| (0..4).for_each(|_| s.world.deliver_feed(worker)));
    assert!(log_reads(&s) > before);
    s.pass(100);
    (0..3).for_each(|phone| assert_eq!(s.saw(phone), all, "phone {phone}"));
    s.end();
}

#[test]
fn a_message_for_who_left_never_goes_to_who_took_its_place() {
    // Of three users at least two live on one worker.
    for (gone, came) in [(0, 1), (1, 2), (2, 0)] {
        let mut s = Script::new(&[(Kind::Socket4, gone), (Kind::Socket4, came)]);
        s.join(0);
        let wire = s.wire(0);
        let worker = s.world.wires[wire].worker;
        s.kill(0);
        s.world.connect_to(1, worker);
        s.pass(LISTEN_MS);
        let (_lost, own) = (s.deliver(Some(gone), 3600), s.deliver(Some(came), 3600));
        s.pass(1000);
        assert_eq!(s.saw(1), [own], "{gone} {came}");
        s.end();
    }
}

/// A slow link: each write takes 250 ms to the phone.
fn live_for_3_s(s: &mut Script) {
    s.world.connect(0);
    let wire = s.wire(0);
    for tick in 0..60 {
        s.world.advance(50);
        s.commit();
        answer(s);
        s.world.deliver_page();
        if tick % 5 == 4 {
            s.world.pump_down(wire);
        }
        if s.world.phones[0].life.is_some() {
            arrive(s);
        }
    }
    s.kill(0);
}

#[test]
fn a_replay_over_a_link_that_dies_every_3_s_still_ends() {
    for kind in [Kind::Socket4, Kind::Socket3] {
        let mut s = Script::new(&[(kind, 0)]);
        s.join(0);
        s.kill(0);
        let missed = s.mail(0, 400);
        let mut lives = 0;
        while !missed.iter().all(|n| s.saw(0).contains(n)) {
            lives += 1;
            assert!(lives <= 20, "{kind:?}: {} of 400 after {lives} lives", s.saw(0).len());
            live_for_3_s(&mut s);
        }
        assert!(lives > 2, "{kind:?}: one life was enough");
        s.end();
    }
}
