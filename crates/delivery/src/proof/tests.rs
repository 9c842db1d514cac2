//! What is counted, held, handed over.

use super::*;

fn at(n: u64) -> Position {
    Position::new(n, 0)
}

#[test]
fn a_pong_ripens_after_250_ms_and_not_before() {
    let mut proving = Proving::starting_at(at(0));
    proving.hold(7, Proof::Peer, Moment(1000));
    assert!(proving.is_holding());
    assert_eq!((proving.due(), proving.held_mark()), (Some(Moment(1250)), 7));
    assert_eq!(proving.ripe(Moment(1249)).map(|(mark, _)| mark), None);
    assert_eq!(proving.ripe(Moment(1250)).map(|(mark, _)| mark), Some(7));
    assert_eq!(proving.ripe(Moment(1250)).map(|(mark, _)| mark), None);
    assert!(!proving.is_holding());
}

#[test]
fn the_second_held_pong_swallows_later_ones_and_waits_for_itself() {
    let mut proving = Proving::starting_at(at(0));
    for (mark, now) in [(1, 1000), (2, 1100), (3, 1200)] {
        proving.hold(mark, Proof::Peer, Moment(now));
    }
    assert_eq!(proving.held_mark(), 3);
    assert_eq!(proving.ripe(Moment(1449)).map(|(mark, _)| mark), Some(1));
    assert_eq!(proving.ripe(Moment(1449)).map(|(mark, _)| mark), None);
    assert_eq!(proving.ripe(Moment(1450)).map(|(mark, _)| mark), Some(3));
}

#[test]
fn an_answer_that_says_less_takes_nothing_from_what_is_held() {
    let mut proving = Proving::starting_at(at(0));
    for (mark, now) in [(1, 1000), (3, 1020), (0, 1040)] {
        proving.hold(mark, Proof::Poll, Moment(now));
    }
    assert_eq!(proving.held_mark(), 3);
    assert_eq!(proving.ripe(Moment(1400)).map(|(mark, _)| mark), Some(1));
    assert_eq!(proving.ripe(Moment(1440)).map(|(mark, _)| mark), Some(3));
}

#[test]
fn who_leaves_has_not_stayed_for_what_is_held() {
    let mut proving = Proving::starting_at(at(0));
    proving.hold(1, Proof::Peer, Moment(1000));
    proving.forget_held();
    assert_eq!(proving.ripe(Moment(9000)).map(|(mark, _)| mark), None);
}

#[test]
fn held_pongs_go_on_with_the_socket() {
    let (mut old, mut new) = (Proving::starting_at(at(0)), Proving::starting_at(at(0)));
    old.hold(1, Proof::Peer, Moment(1000));
    new.inherit(&mut old);
    assert_eq!((old.ripe(Moment(2000)).map(|(mark, _)| mark), new.ripe(Moment(2000)).map(|(mark, _)| mark)), (None, Some(1)));
}

#[test]
fn a_direct_message_is_news_once_with_its_time() {
    let mut proving = Proving::starting_at(at(1));
    proving.wrote_direct(at(2), Millis(5000));
    proving.wrote_direct(at(4), Millis(6000));
    assert!(!proving.count(at(1), Proof::Peer, Millis(9000)), "nothing new");
    assert!(!proving.has_news());
    assert!(proving.count(at(3), Proof::Peer, Millis(5250)));
    let proof = DirectProof { message: at(2), dev: Dev(9), state: State::Reached, proof: Proof::Peer, after_ms: 250 };
    assert_eq!(proving.take(Dev(9)), (at(3), vec![proof]));
    assert!(!proving.has_news());
    assert!(!proving.count(at(2), Proof::Engine, Millis(9000)), "a proof never goes back");
    assert!(proving.count(at(4), Proof::Engine, Millis(6001)));
    let (upto, direct) = proving.take(Dev(9));
    assert_eq!((upto, direct.len(), direct[0].after_ms), (at(4), 1, 1));
}

#[test]
fn what_was_counted_for_a_device_that_went_elsewhere_is_not_told() {
    let mut proving = Proving::starting_at(at(0));
    proving.wrote_direct(at(1), Millis(0));
    proving.count(at(1), Proof::Engine, Millis(1));
    proving.disown();
    assert!(!proving.has_news());
    assert_eq!(proving.take(Dev(1)).1, []);
}

#[test]
fn a_socket_with_1024_unproven_direct_messages_gets_no_more() {
    let mut proving = Proving::starting_at(at(0));
    (1..DIRECTS_MAX as u64).for_each(|n| proving.wrote_direct(at(n), Millis(0)));
    assert!(!proving.is_full());
    proving.wrote_direct(at(DIRECTS_MAX as u64), Millis(0));
    assert!(proving.is_full());
    proving.count(at(1), Proof::Poll, Millis(0));
    assert!(!proving.is_full());
}

#[test]
fn the_earlier_of_pong_and_question_is_due() {
    let mut proving = Proving::starting_at(at(0));
    assert_eq!(proving.due(), None);
    proving.ask_at = Some(Moment(1200));
    proving.hold(1, Proof::Peer, Moment(1000));
    assert_eq!(proving.due(), Some(Moment(1200)));
    proving.ask_at = None;
    assert_eq!(proving.due(), Some(Moment(1250)));
}

#[test]
fn a_report_without_an_id_speaks_of_exactly_one_outstanding_message() {
    for (written, meant) in [(vec![], None), (vec![1], Some(at(1))), (vec![1, 2], None), (vec![1, 2, 3], None)] {
        let mut outstanding = Outstanding::default();
        written.iter().for_each(|n| outstanding.wrote(at(*n)));
        assert_eq!(outstanding.end(), meant, "{written:?}");
        assert_eq!(outstanding.end(), None, "and ends all of them");
    }
}

#[test]
fn a_poll_waits_longer_than_a_pong() {
    let mut proving = Proving::default();
    proving.hold(7, Proof::Poll, Moment(1000));
    assert_eq!(proving.ripe(Moment(1399)), None);
    assert_eq!(proving.ripe(Moment(1400)), Some((7, Proof::Poll)));
}
