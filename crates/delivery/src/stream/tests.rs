//! What one socket is given, and what it reads again.

use super::*;

const HOUR: u64 = 3_600_000;

fn at(n: u64) -> Position {
    Position::new(n, 0)
}

fn item(n: u64, ttl_ms: u64) -> Item {
    let frames = vec![Encoded::packet("4ten bytes")].into();
    Item { at: at(n), time: Millis(1000), expires: Millis(1000 + ttl_ms), direct: false, frames, replaces: Arc::default() }
}

/// A queue for two.
fn limits() -> Limits {
    Limits { socket_queue_messages: 2, socket_queue_bytes: 1000, ..Limits::default() }
}

struct Rig {
    stream: Stream,
    budget: usize,
}

impl Rig {
    fn new(stream: Stream) -> Self {
        Self { stream, budget: 10_000 }
    }

    fn offer(&mut self, n: u64, can_write: bool) -> Offer {
        self.stream.offer(&item(n, HOUR), can_write, &limits(), &mut self.budget)
    }

    fn popped(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| self.stream.pop(&mut self.budget)).map(|item| item.at.record()).collect()
    }
}

#[test]
fn what_is_taken_care_of_is_not_given_again() {
    let mut rig = Rig::new(Stream::live_from(at(5)));
    let offers = [(4, Offer::Later), (5, Offer::Later), (6, Offer::Write), (6, Offer::Later), (8, Offer::Write), (7, Offer::Later)];
    for (n, offer) in offers {
        assert_eq!(rig.offer(n, true), offer, "{n}");
    }
    assert_eq!(rig.stream.given, at(8));
    assert!(rig.stream.is_flowing());
}

#[test]
fn what_waits_leaves_the_queue_when_a_newer_one_takes_its_place() {
    let mut rig = Rig::new(Stream::live_from(at(0)));
    assert_eq!((rig.offer(1, false), rig.offer(2, false)), (Offer::Later, Offer::Later));
    let newer = |n, replaced: &[u64]| Item { replaces: replaced.iter().map(|n| at(*n)).collect(), ..item(n, HOUR) };
    // The queue was full; what left it makes room.
    assert_eq!(rig.stream.offer(&newer(3, &[1]), false, &limits(), &mut rig.budget), Offer::Later);
    assert_eq!(rig.popped(), [2, 3]);
    assert_eq!((rig.stream.given, rig.budget), (at(3), 10_000));
    // A socket that is behind forgets it, too, and reads the newer one later.
    assert_eq!([rig.offer(4, false), rig.offer(5, false), rig.offer(6, false)], [Offer::Later; 3]);
    assert_eq!(rig.stream.offer(&newer(7, &[4]), false, &limits(), &mut rig.budget), Offer::Later);
    assert_eq!(rig.popped(), [5]);
    assert!(rig.stream.must_catch_up());
}

#[test]
fn what_comes_while_something_waits_waits_behind_it() {
    let mut rig = Rig::new(Stream::live_from(at(0)));
    assert_eq!(rig.offer(1, false), Offer::Later);
    assert_eq!(rig.offer(2, true), Offer::Later, "there would be room now");
    assert!(!rig.stream.is_flowing());
    assert_eq!(rig.stream.given, at(0));
    assert_eq!(rig.popped(), [1, 2]);
    assert_eq!((rig.stream.given, rig.budget), (at(2), 10_000));
    assert_eq!(rig.offer(3, true), Offer::Write);
}

#[test]
fn a_full_queue_or_an_empty_budget_makes_a_socket_read_again() {
    for budget in [10_000, 30] {
        let mut rig = Rig::new(Stream::live_from(at(0)));
        rig.budget = budget;
        (1..=4).for_each(|n| assert_eq!(rig.offer(n, false), Offer::Later));
        assert!(!rig.stream.must_catch_up(), "first what waits");
        assert_eq!(rig.popped().len(), 2, "budget {budget}");
        assert!(rig.stream.must_catch_up());
        assert_eq!(rig.offer(5, true), Offer::Later, "order: it is read behind 3 and 4");
        rig.stream.replay(at(5), &mut rig.budget);
        assert_eq!(rig.stream.ask_window(true), Some((at(2), at(5))));
        assert_eq!(rig.budget, budget);
    }
}

#[test]
fn a_message_with_ttl_0_never_waits() {
    let mut rig = Rig::new(Stream::live_from(at(0)));
    let now_or_never = item(1, 0);
    assert_eq!(rig.stream.offer(&now_or_never, false, &limits(), &mut rig.budget), Offer::Later);
    assert_eq!(rig.popped(), [0; 0]);
    assert!(!rig.stream.must_catch_up(), "and is not read again for it");
    assert_eq!(rig.stream.offer(&item(2, 0), true, &limits(), &mut rig.budget), Offer::Write);
}

#[test]
fn a_shut_stream_reads_later_what_came() {
    let mut rig = Rig::new(Stream::shut_from(at(3)));
    assert_eq!(rig.offer(4, true), Offer::Later);
    assert_eq!(rig.popped(), [0; 0]);
    rig.stream.replay(at(4), &mut rig.budget);
    assert_eq!(rig.stream.ask_window(true), Some((at(3), at(4))));
    rig.stream.window(at(4), false);
    assert!(rig.stream.is_flowing());
}

#[test]
fn at_most_two_windows_are_unproven() {
    let mut stream = Stream::shut_from(at(0));
    stream.replay(at(100), &mut 0);
    for end in [10, 20] {
        assert!(stream.ask_window(true).is_some());
        assert_eq!(stream.ask_window(true), None, "one read at a time");
        stream.window(at(end), true);
    }
    assert_eq!(stream.ask_window(true), None);
    stream.prove(at(9));
    assert_eq!(stream.ask_window(true), None);
    stream.prove(at(10));
    assert_eq!(stream.ask_window(true), Some((at(20), at(100))));
    stream.window(at(30), true);
    assert_eq!(stream.ask_window(true), None);
    assert_eq!(stream.ask_window(false), Some((at(30), at(100))), "a socket whose proofs are slow does not wait for them");
}

#[test]
fn live_messages_wait_behind_a_replay() {
    let mut rig = Rig::new(Stream::shut_from(at(0)));
    rig.stream.replay(at(10), &mut rig.budget);
    rig.stream.ask_window(true);
    assert_eq!(rig.offer(10, true), Offer::Later, "the replay has it");
    assert_eq!(rig.offer(11, true), Offer::Later);
    assert_eq!(rig.popped(), [0; 0]);
    rig.stream.window(at(10), false);
    assert_eq!(rig.popped(), [11]);
}

#[test]
fn a_read_that_failed_is_asked_again() {
    let mut stream = Stream::shut_from(at(0));
    stream.replay(at(10), &mut 0);
    assert_eq!(stream.ask_window(true), Some((at(0), at(10))));
    stream.retry_window();
    assert_eq!(stream.ask_window(true), Some((at(0), at(10))));
}

#[test]
fn a_worker_that_is_further_makes_an_arriving_socket_read() {
    for (processed, behind) in [(5, false), (6, true)] {
        let mut stream = Stream::live_from(at(5));
        stream.arrive(at(processed));
        assert_eq!(stream.must_catch_up(), behind);
    }
}

#[test]
fn what_a_queue_held_goes_back_to_the_budget() {
    let mut rig = Rig::new(Stream::live_from(at(0)));
    rig.offer(1, false);
    assert!(rig.budget < 10_000);
    rig.stream.clear(&mut rig.budget);
    assert_eq!(rig.budget, 10_000);
}
