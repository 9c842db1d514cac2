//! What every log must do: one suite, run on each of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tidings_json::Json;
use tidings_model::{AppNo, Content, Dev, Fact, MessageId, Millis, Overflowed, Position, Published, Target, Targets};

use super::{AppendError, Bounds, Follow, Log, Record};

/// A log under test, and how its process dies and comes back.
pub(crate) trait Stage {
    fn log(&self) -> Arc<dyn Log>;
    /// The process is killed and starts again.
    fn kill(&mut self);
}

pub(crate) fn message(time: u64, salt: u8, len: usize) -> Fact {
    Fact::from(Published {
        app: AppNo::DEFAULT,
        id: MessageId::v7(time, [salt; 10]),
        to: Target::All,
        targets: Targets::Everyone,
        devices: 0,
        online: 0,
        invalid: Vec::new(),
        expires: Millis(time + 1000),
        content: Arc::new(Content::data(Json::string(&"x".repeat(len)))),
        idempotency: None,
        replaces: Vec::new(),
    })
}

fn small(number: u64) -> Fact {
    Fact::Overflowed(Overflowed { dev: Dev(number as u32), after: Position::ZERO, upto: Position::new(number, 0), count: 1, bytes: number })
}

pub(crate) fn record(prev: u64, at: u64, facts: impl IntoIterator<Item = Fact>) -> Record {
    Record { epoch: 1, writer: 7, prev, at: Millis(at), facts: facts.into_iter().map(Arc::new).collect() }
}

/// Records `from..=upto`, each with one fact that names it.
fn records(from: u64, upto: u64) -> Vec<Record> {
    (from..=upto).map(|number| record(number - 1, 1000 + number, [small(number)])).collect()
}

fn fill(log: &dyn Log, upto: u64) {
    let last = log.bounds().expect("readable").last;
    if upto > last {
        assert_eq!(log.append(last, &records(last + 1, upto)), Ok(upto));
    }
}

/// The records' numbers that facts name, in the order of the log.
fn named(log: &dyn Log, after: Position, upto: Position) -> Vec<u64> {
    let batch = log.read(after, upto, usize::MAX).expect("readable");
    let name = |fact: &Fact| if let Fact::Overflowed(cut) = fact { cut.bytes } else { panic!("{fact:?}") };
    assert!(batch.entries.iter().all(|entry| entry.at.record() == name(&entry.fact)));
    batch.entries.iter().map(|entry| name(&entry.fact)).collect()
}

fn all(log: &dyn Log) -> Vec<u64> {
    named(log, Position::ZERO, Position::from_raw(u64::MAX))
}

pub(crate) fn an_empty_log_begins_at_one(stage: &mut dyn Stage) {
    let log = stage.log();
    assert_eq!(log.bounds(), Ok(Bounds { first: 1, last: 0 }));
    assert!(all(&*log).is_empty());
    assert_eq!(log.append(0, &records(1, 1)), Ok(1));
    assert_eq!(log.bounds(), Ok(Bounds { first: 1, last: 1 }));
}

pub(crate) fn records_come_back_in_order_without_a_hole_also_after_a_kill(stage: &mut dyn Stage) {
    for upto in [1, 2, 7, 40] {
        fill(&*stage.log(), upto);
        assert_eq!(all(&*stage.log()), (1..=upto).collect::<Vec<_>>());
        stage.kill();
        assert_eq!(all(&*stage.log()), (1..=upto).collect::<Vec<_>>());
    }
    let batch = stage.log().read(Position::ZERO, Position::end_of(3), usize::MAX).expect("readable");
    assert_eq!(batch.entries.iter().map(|entry| entry.time.0).collect::<Vec<_>>(), [1001, 1002, 1003]);
}

pub(crate) fn a_stale_expectation_is_refused_and_stores_nothing(stage: &mut dyn Stage) {
    fill(&*stage.log(), 5);
    stage.kill();
    assert_eq!(stage.log().append(4, &records(5, 9)), Err(AppendError::Fenced { last: 5 }));
    stage.kill();
    assert_eq!(all(&*stage.log()), (1..=5).collect::<Vec<_>>());
    fill(&*stage.log(), 6);
}

pub(crate) fn of_two_writers_one_is_refused(stage: &mut dyn Stage) {
    let log = stage.log();
    let race = |log: &Arc<dyn Log>| {
        let log = log.clone();
        thread::Builder::new().spawn(move || log.append(0, &records(1, 3))).expect("a thread")
    };
    let results = [race(&log), race(&log)].map(|thread| thread.join().expect("no panic"));
    assert_eq!(results.iter().filter(|result| **result == Ok(3)).count(), 1, "{results:?}");
    assert_eq!(all(&*log), [1, 2, 3]);
}

pub(crate) fn a_read_is_bounded_and_goes_on_where_it_ended(stage: &mut dyn Stage) {
    let log = stage.log();
    fill(&*log, 30);
    let (mut after, mut got, mut reads) = (Position::ZERO, Vec::new(), 0);
    while after < Position::end_of(25) {
        let batch = log.read(after, Position::end_of(25), 200).expect("readable");
        assert!(batch.upto > after, "at least one record");
        got.extend(batch.entries.iter().map(|entry| entry.at.record()));
        after = batch.upto;
        reads += 1;
    }
    assert_eq!(got, (1..=25).collect::<Vec<_>>());
    assert!(reads > 3);
    assert_eq!(after, Position::end_of(25));
    let beyond = log.read(Position::end_of(30), Position::end_of(99), 1).expect("readable");
    assert!(beyond.entries.is_empty());
    assert_eq!(beyond.upto, Position::end_of(30));
}

pub(crate) fn a_position_inside_a_record_cuts_it(stage: &mut dyn Stage) {
    let log = stage.log();
    log.append(0, &[record(0, 1000, (0..5).map(|_| small(1)))]).expect("stored");
    let between = |from: u8, upto: u8| log.read(Position::new(1, from), Position::new(1, upto), 1).expect("readable");
    assert_eq!(between(1, 3).entries.iter().map(|entry| entry.at.index()).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(between(1, 3).upto, Position::new(1, 3));
    assert_eq!(log.read(Position::ZERO, Position::new(1, 0), 1).expect("readable").entries.len(), 1);
}

pub(crate) fn facts_of_every_size_come_back(stage: &mut dyn Stage) {
    let log = stage.log();
    for (prev, len) in [1, 100, 8_000, 64 << 10, 500 << 10].into_iter().enumerate() {
        let prev = prev as u64;
        assert_eq!(log.append(prev, &[record(prev, 1000, [message(1000, 0, len)])]), Ok(prev + 1));
        let stored = log.published(Position::new(prev + 1, 0)).expect("readable").expect("a message");
        assert_eq!(stored.content.body.text().len(), len + 2);
    }
    stage.kill();
    let log = stage.log();
    assert_eq!(log.append(5, &[record(5, 1000, (0..256).map(|_| small(6)))]), Ok(6));
    assert_eq!(log.read(Position::end_of(5), Position::end_of(6), 1).expect("readable").entries.len(), 256);
    assert_eq!(log.published(Position::new(6, 0)), Ok(None));
    assert_eq!(log.published(Position::new(77, 0)), Ok(None));
}

pub(crate) fn a_message_is_found_by_its_id(stage: &mut dyn Stage) {
    let log = stage.log();
    // Two records of one millisecond, and neighbours.
    let times = [1000, 1005, 1005, 1005, 1010];
    for (prev, time) in times.into_iter().enumerate() {
        let facts = [small(0), message(time, prev as u8, 3), message(time, 100 + prev as u8, 3)];
        log.append(prev as u64, &[record(prev as u64, time, facts)]).expect("stored");
    }
    stage.kill();
    let log = stage.log();
    let find = |time, salt| log.find(MessageId::v7(time, [salt; 10])).expect("readable").map(|(at, _)| at);
    for (prev, time) in times.into_iter().enumerate() {
        assert_eq!(find(time, prev as u8), Some(Position::new(prev as u64 + 1, 1)));
        assert_eq!(find(time, 100 + prev as u8), Some(Position::new(prev as u64 + 1, 2)));
    }
    for (time, salt) in [(1005, 0), (999, 0), (1007, 0), (1011, 0), (1010, 1)] {
        assert_eq!(find(time, salt), None, "{time} {salt}");
    }
}

pub(crate) fn a_follower_sees_everything_once_while_appends_run(stage: &mut dyn Stage) {
    const LAST: u64 = 400;
    let log = stage.log();
    fill(&*log, 20);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let followers: Vec<_> = [(0, 1), (10, 300), (20, usize::MAX)]
            .map(|(after, bytes)| {
                let (log, done) = (&log, &done);
                scope.spawn(move || {
                    let mut follow = Follow::new(&**log, Position::end_of(after));
                    let mut seen = Vec::new();
                    loop {
                        let was_done = done.load(Ordering::Acquire);
                        let batch = follow.next(bytes).expect("readable");
                        if batch.entries.is_empty() && was_done {
                            return (after, seen);
                        }
                        seen.extend(batch.entries.iter().map(|entry| entry.at.record()));
                    }
                })
            })
            .into_iter()
            .collect();
        for upto in 21..=LAST {
            fill(&*log, upto);
        }
        done.store(true, Ordering::Release);
        for follower in followers {
            let (after, seen) = follower.join().expect("no panic");
            assert_eq!(seen, (after + 1..=LAST).collect::<Vec<_>>());
        }
    });
}

/// Makes a test of every case for one kind of log.
macro_rules! conformance {
    ($stage:expr) => {
        $crate::log::conformance::conformance!($stage,
            an_empty_log_begins_at_one
            records_come_back_in_order_without_a_hole_also_after_a_kill
            a_stale_expectation_is_refused_and_stores_nothing
            of_two_writers_one_is_refused
            a_read_is_bounded_and_goes_on_where_it_ended
            a_position_inside_a_record_cuts_it
            facts_of_every_size_come_back
            a_message_is_found_by_its_id
            a_follower_sees_everything_once_while_appends_run);
    };
    ($stage:expr, $($case:ident)*) => {
        $(#[test] fn $case() { $crate::log::conformance::$case(&mut $stage); })*
    };
}
pub(crate) use conformance;
