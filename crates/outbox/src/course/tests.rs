use std::time::Duration;

use tidings_json::Json;
use tidings_model::{AppName, EventName, Position, SinkMoved, What, Who};

use super::*;

const NO: SinkNo = SinkNo(3);
const HOUR: u64 = 3_600_000;

fn id(n: u64) -> EventId {
    EventId { at: Position::new(n, 0), n: 0 }
}

fn event(n: u64, bytes: usize) -> Event {
    let args = Json::trusted(format!("[\"{}\"]", "x".repeat(bytes)));
    let what = What::Emitted { who: Who::default(), event_name: EventName::trusted("e"), args };
    Event { id: id(n), app: AppName::root(), at: Millis(n), what }
}

/// A log of events, the store that a course is driven on, and a clock that goes when it is told.
struct World {
    course: Course,
    events: Vec<Event>,
    /// Facts that are nothing to this sink, and where the log ends.
    strangers: u64,
    end: u64,
    standing: Standing,
    now: u64,
    /// The next moves meet this.
    refuse: Vec<Code>,
    expired: Option<EventId>,
    moves: Vec<SinkMove>,
    alarms: Vec<Alarm>,
}

impl World {
    /// With events 1 to `count`, of a sink that has had none.
    fn new(count: u64) -> Self {
        Self::of((1..=count).map(|n| event(n, 10)).collect())
    }

    fn of(events: Vec<Event>) -> Self {
        let standing = Standing::new(Position::ZERO);
        let course = Course::new(NO, standing.clone(), 7, 0);
        let end = events.last().map_or(0, |event| event.id.at.record());
        let (moves, alarms) = (Vec::new(), Vec::new());
        Self { course, events, strangers: 0, end, standing, now: 0, refuse: Vec::new(), expired: None, moves, alarms }
    }

    /// Does what is asked until a batch is to be carried, or nothing is left to do now.
    fn run(&mut self) -> Option<Vec<u64>> {
        while let Some(act) = self.course.act(self.now) {
            assert!(self.course.held() <= 2 * BATCH_EVENTS, "one batch, and the next");
            match act {
                Act::Read { after, limit } => {
                    let read = self.read(after, limit);
                    self.course.page(self.now, read);
                }
                Act::Carry(batch) => return Some(batch.iter().map(|event| event.id.at.record()).collect()),
                Act::Move(ask) => self.make(&ask),
                Act::Tell(alarm) => self.alarms.push(alarm),
            }
        }
        None
    }

    fn read(&mut self, after: EventId, limit: usize) -> Read {
        if let Some(oldest) = self.expired.filter(|oldest| after < *oldest) {
            return Read::Expired { oldest };
        }
        let behind: Vec<Event> = self.events.iter().filter(|event| event.id > after).take(limit + 1).cloned().collect();
        let (more, events) = (behind.len() > limit, behind[..behind.len().min(limit)].to_vec());
        let end = if more { events[limit - 1].id } else { id(self.end).max(after) };
        let scanned = events.len() as u64 + std::mem::take(&mut self.strangers);
        Read::Page(EventPage { events, next: end, scanned, more })
    }

    /// As the writer decides it.
    fn make(&mut self, ask: &SinkMove) {
        self.moves.push(ask.clone());
        let result = match self.refuse.pop() {
            Some(code) => Err(code),
            None if ask.expected.is_some_and(|expected| expected != self.standing.cursor) => Err(Code::Conflict),
            None => {
                self.stand(ask);
                Ok(self.standing.clone())
            }
        };
        self.course.moved(self.now, result);
        self.course.stands(self.now, &self.standing);
    }

    fn stand(&mut self, ask: &SinkMove) {
        let moved = SinkMoved {
            sink: NO,
            to: ask.to.unwrap_or(self.standing.cursor),
            state: ask.state.unwrap_or(self.standing.state),
            last_error: ask.last_error.clone().unwrap_or_else(|| self.standing.last_error.clone()),
            park: ask.park,
            gap: ask.gap.then_some(self.standing.cursor),
        };
        self.end += 1;
        self.standing.apply(Position::new(self.end, 0), &moved);
    }

    /// What somebody else does to the sink.
    fn by_others(&mut self, ask: &SinkMove) {
        self.stand(ask);
        self.course.stands(self.now, &self.standing);
    }

    fn answer(&mut self, outcome: Outcome) {
        self.course.outcome(Moment { ms: self.now, log: Millis(self.now) }, outcome);
    }

    fn take(&mut self, batch: &[u64]) {
        self.answer(Outcome::Taken { upto: id(batch[batch.len() - 1]) });
    }

    fn fail(&mut self) {
        self.answer(Outcome::Later { after: None, why: "500".to_owned() });
    }

    /// Lets time pass until something is to be done; how long that was. None: nothing is due.
    fn wait(&mut self) -> Option<u64> {
        let wakes = self.course.wakes()?;
        let waited = wakes.saturating_sub(self.now);
        self.now = self.now.max(wakes);
        Some(waited)
    }
}

fn is_about(waited: u64, nominal: u64) -> bool {
    (nominal * 8 / 10..=nominal * 12 / 10).contains(&waited)
}

#[test]
fn events_are_carried_in_batches_and_each_answer_moves_the_cursor_before_the_next() {
    let mut world = World::new(250);
    for (batch, before) in [(1..=100, 0), (101..=200, 100), (201..=250, 200)] {
        let carried = world.run().expect("a batch");
        assert_eq!((&carried, world.standing.cursor), (&batch.collect::<Vec<_>>(), id(before)));
        world.take(&carried);
    }
    assert_eq!(world.run(), None);
    assert!(world.standing.cursor >= id(250) && world.moves.len() == 3);
    assert_eq!(world.course.wakes(), None, "an idle log is not polled");
}

/// Another process drives it.
fn restarted(world: World) -> World {
    let course = Course::new(NO, world.standing.clone(), 8, world.now);
    World { course, moves: Vec::new(), ..world }
}

#[test]
fn the_next_batch_is_read_while_one_is_carried_and_no_more() {
    let mut world = World::new(1000);
    let first = world.run().expect("a batch");
    assert_eq!(world.run(), None);
    assert_eq!(world.course.held(), 200);
    world.take(&first[..60]);
    assert_eq!(world.run().expect("the rest of it"), (61..=160).collect::<Vec<_>>());
    assert_eq!((world.run(), world.course.held(), world.standing.cursor), (None, 140, id(60)));
}

#[test]
fn a_batch_has_a_size_and_one_event_may_be_larger() {
    let large = BATCH_BYTES / 2 - 1000;
    let mut world = World::of(vec![event(1, large), event(2, large), event(3, large), event(4, 2 * BATCH_BYTES), event(5, 1)]);
    let mut batches = Vec::new();
    while let Some(batch) = world.run() {
        world.take(&batch);
        batches.push(batch);
    }
    assert_eq!(batches, [vec![1, 2], vec![3], vec![4], vec![5]]);
}

#[test]
fn the_schedule_is_kept_to_its_end_with_the_very_same_batch_and_then_it_pauses() {
    let mut world = World::new(5);
    let batch = world.run().expect("a batch");
    for (failures, nominal) in SCHEDULE_MS.into_iter().enumerate() {
        world.fail();
        assert_eq!(world.run(), None);
        assert_eq!(world.moves.len(), failures + 1, "why is kept");
        assert_eq!(world.standing.last_error.as_ref().map(|error| &*error.why), Some("500"));
        // More comes meanwhile: it is no part of the batch.
        world.events.push(event(6 + failures as u64, 10));
        world.course.news(world.now);
        let waited = world.wait().expect("it is tried again");
        let again = world.run().expect("it is due");
        assert!(is_about(waited, nominal), "{waited} is not about {nominal}");
        assert_eq!(again, batch);
    }
    world.fail();
    assert_eq!(world.run(), None);
    assert_eq!((world.standing.state, world.standing.cursor), (SinkState::Paused, id(0)));
    assert_eq!(world.alarms, [Alarm::Paused { why: "500".into() }]);
    assert_eq!((world.course.held(), world.course.wakes()), (0, None), "it holds nothing and waits for nothing");
    assert_eq!((world.course.counts().failed, world.course.waits_since()), (9, Some(Millis(1))));
    world.by_others(&SinkMove { state: Some(SinkState::Active), ..SinkMove::of(NO) });
    let all = world.run().expect("it goes on from its cursor at once");
    assert_eq!(all, (1..=13).collect::<Vec<_>>());
    world.take(&all);
    assert_eq!(world.run(), None);
    assert_eq!((world.standing.last_error.clone(), world.standing.cursor), (None, id(13).max(world.standing.cursor)));
}

#[test]
fn jitter_spreads_the_tries() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let mut world = World::new(1);
        world.course = Course::new(NO, world.standing.clone(), seed, 0);
        world.run();
        world.fail();
        world.run();
        seen.insert(world.wait());
    }
    assert!(seen.len() > 40, "{seen:?}");
}

#[test]
fn a_restart_tries_at_once_and_begins_the_schedule_anew() {
    let mut world = World::new(1);
    for _ in 0..3 {
        world.run();
        world.fail();
        world.run();
        world.wait();
    }
    let mut world = restarted(world);
    assert_eq!(world.run(), Some(vec![1]));
    world.fail();
    world.run();
    assert!(world.wait().is_some_and(|waited| is_about(waited, SCHEDULE_MS[0])));
}

#[test]
fn a_wait_that_the_other_side_names_is_obeyed_within_bounds_and_uses_up_no_step() {
    let mut world = World::new(1);
    for (named, obeyed) in [(0, 100), (100, 100), (7_000, 7_000), (HOUR, HOUR), (9 * HOUR, HOUR)] {
        assert!(world.run().is_some());
        world.answer(Outcome::Later { after: Some(Duration::from_millis(named)), why: "429".to_owned() });
        world.run();
        assert_eq!(world.wait(), Some(obeyed));
    }
    world.run();
    world.fail();
    world.run();
    assert!(world.wait().is_some_and(|waited| is_about(waited, SCHEDULE_MS[0])), "the first step is still there");
}

#[test]
fn who_is_always_busy_is_paused_when_the_schedule_would_be_over_and_says_why_once_a_minute() {
    let mut world = World::new(1);
    while world.standing.state == SinkState::Active {
        assert!(world.run().is_some(), "at {}", world.now);
        world.answer(Outcome::Later { after: Some(Duration::from_secs(1)), why: "429".to_owned() });
        world.run();
        world.wait();
    }
    assert!((SCHEDULE_MS.iter().sum::<u64>()..=SCHEDULE_MS.iter().sum::<u64>() + 2000).contains(&world.now), "{}", world.now);
    let minutes = world.now / 60_000;
    assert!((minutes..=minutes + 3).contains(&(world.moves.len() as u64)), "{} moves in {minutes} minutes", world.moves.len());
}

/// Answers until nothing is left, refusing whatever holds one of `poison`; what was taken, in order.
fn carry_all(world: &mut World, poison: &[u64]) -> Vec<u64> {
    let mut taken = Vec::new();
    loop {
        match world.run() {
            Some(batch) if batch.iter().any(|n| poison.contains(n)) => world.answer(Outcome::Refused { why: "400".to_owned() }),
            Some(batch) => {
                world.take(&batch);
                taken.extend(batch);
            }
            None if world.wait().is_none() => return taken,
            None => {}
        }
    }
}

#[test]
fn a_refused_event_is_found_by_halving_asked_once_more_and_parked_and_the_rest_goes_on_in_order() {
    for poison in [vec![1], vec![100], vec![37], vec![41, 42, 250], (1..=300).collect()] {
        let mut world = World::new(300);
        let taken = carry_all(&mut world, &poison);
        let expected: Vec<u64> = (1..=300).filter(|n| !poison.contains(n)).collect();
        assert_eq!(taken, expected, "each once, as nothing is lost here");
        assert_eq!(world.standing.parked, poison.iter().map(|n| id(*n)).collect::<Vec<_>>());
        assert!(world.standing.cursor >= id(300) && world.course.counts().parked as usize == poison.len());
        assert!(world.now >= poison.len() as u64 * SUSPICION_MS * 8 / 10, "each had its second try");
        assert!(world.alarms.iter().all(|alarm| matches!(alarm, Alarm::Parked { .. })));
    }
}

#[test]
fn who_takes_it_at_the_second_try_has_nothing_parked() {
    let mut world = World::new(1);
    assert_eq!(world.run(), Some(vec![1]));
    world.answer(Outcome::Refused { why: "400".to_owned() });
    assert_eq!(world.run(), None);
    assert!(world.wait().is_some_and(|waited| is_about(waited, SUSPICION_MS)));
    assert_eq!(world.run(), Some(vec![1]));
    world.take(&[1]);
    world.run();
    assert!(world.standing.parked.is_empty() && world.standing.cursor == id(1));
}

#[test]
fn a_carrier_that_took_nothing_is_asked_later() {
    let mut world = World::new(2);
    assert!(world.run().is_some());
    world.answer(Outcome::Taken { upto: id(0) });
    assert_eq!(world.run(), None);
    assert!(world.wait().is_some_and(|waited| is_about(waited, SCHEDULE_MS[0])));
    assert_eq!(world.run(), Some(vec![1, 2]));
}

#[test]
fn a_sink_that_is_paused_by_others_drops_what_it_holds_and_an_answer_that_comes_late_is_nothing() {
    let mut world = World::new(9);
    let batch = world.run().expect("a batch");
    let generation = world.course.generation();
    world.by_others(&SinkMove { state: Some(SinkState::Paused), ..SinkMove::of(NO) });
    assert!(world.course.generation() > generation && !world.course.is_carrying() && world.course.held() == 0);
    world.take(&batch);
    assert_eq!((world.run(), world.moves.len()), (None, 0));
    world.by_others(&SinkMove { state: Some(SinkState::Active), ..SinkMove::of(NO) });
    assert_eq!(world.run(), Some(batch));
}

#[test]
fn a_sink_that_is_set_back_begins_there_also_where_an_answer_crossed_it() {
    let mut world = World::new(9);
    let batch = world.run().expect("a batch");
    world.take(&batch);
    world.run();
    assert_eq!(world.standing.cursor, id(9));
    world.by_others(&SinkMove { to: Some(id(4)), ..SinkMove::of(NO) });
    let again = world.run().expect("a batch");
    assert_eq!(again, [5, 6, 7, 8, 9]);
    // Nobody has told the course yet when its own move arrives.
    world.stand(&SinkMove { to: Some(id(1)), ..SinkMove::of(NO) });
    world.take(&again);
    assert_eq!(world.run(), Some((2..=9).collect()));
    assert_eq!(world.standing.cursor, id(1));
}

#[test]
fn a_store_that_takes_nothing_is_asked_again_and_the_batch_is_not_carried_twice() {
    let mut world = World::new(150);
    world.refuse = vec![Code::StorageUnavailable, Code::Overloaded, Code::OutcomeUnknown];
    let batch = world.run().expect("a batch");
    world.take(&batch);
    for _ in 0..3 {
        assert_eq!(world.run(), None, "the next one waits for it");
        assert_eq!(world.wait(), Some(STORE_RETRY_MS));
    }
    assert_eq!(world.run(), Some((101..=150).collect()));
    assert_eq!(world.moves.len(), 4);
}

#[test]
fn a_sink_that_fell_behind_the_log_jumps_and_says_so_once() {
    let mut world = World::new(300);
    world.expired = Some(id(200));
    assert_eq!(world.run(), Some((201..=300).collect()));
    assert_eq!((world.moves.len(), world.moves[0].gap, world.standing.cursor), (1, true, id(200)));
    assert_eq!(world.alarms, [Alarm::Gap { from: id(0), to: id(200) }]);
    assert_eq!(world.course.counts().gaps, 1);
}

#[test]
fn what_is_in_memory_is_carried_before_a_gap_is_told() {
    let mut world = World::new(300);
    let first = world.run().expect("a batch");
    world.expired = Some(id(200));
    world.take(&first[..50]);
    assert_eq!(world.run(), Some((51..=100).collect()), "the log has them no more, but we have");
    world.take(&first[50..]);
    while world.course.held() == 0 || !world.course.is_carrying() {
        if world.run().is_none() {
            world.wait();
        }
    }
    assert_eq!(world.alarms, [Alarm::Gap { from: id(100), to: id(200) }]);
}

#[test]
fn a_paused_sink_looks_after_its_cursor_when_the_log_goes_on_but_seldom() {
    let mut world = World::new(300);
    world.by_others(&SinkMove { state: Some(SinkState::Paused), ..SinkMove::of(NO) });
    world.expired = Some(id(200));
    assert_eq!((world.run(), world.wait()), (None, None), "while nothing comes nothing is looked for");
    world.course.news(world.now);
    world.wait();
    assert_eq!(world.run(), None);
    assert_eq!((world.standing.cursor, world.standing.state), (id(200), SinkState::Paused));
    assert_eq!(world.alarms, [Alarm::Gap { from: id(0), to: id(200) }]);
    world.run();
    for _ in 0..3 {
        world.course.news(world.now);
        assert!(world.wait().is_some_and(|waited| waited >= PROBE_MS - 1));
        assert_eq!((world.run(), world.course.held()), (None, 0));
    }
}

#[test]
fn what_a_sink_does_not_want_moves_its_cursor_now_and_then_and_moves_of_sinks_do_not() {
    let mut world = World::of(Vec::new());
    for round in 0..100 {
        (world.strangers, world.end) = (5, world.end + 5);
        world.course.news(world.now);
        world.wait();
        assert_eq!(world.run(), None);
        assert!(world.moves.len() as u64 <= world.now / PASSING_MS + 1, "round {round}");
        world.now += 500;
    }
    assert!((5..=6).contains(&world.moves.len()), "{} moves in {} ms", world.moves.len(), world.now);
    world.now += PASSING_MS;
    world.run();
    let moves = world.moves.len();
    for _ in 0..5 {
        // Its own move, and others': they are read and passed, and that is all.
        world.course.news(world.now);
        world.wait();
        world.run();
        world.now += PASSING_MS;
    }
    assert_eq!((world.moves.len(), world.course.wakes()), (moves, None));
}

#[test]
fn a_change_of_what_it_is_told_reads_again_and_tries_at_once() {
    let mut world = World::new(3);
    world.run();
    world.fail();
    world.run();
    world.events.remove(1);
    world.course.begin_anew(world.now);
    assert_eq!(world.run(), Some(vec![1, 3]));
}

#[test]
fn a_sink_that_is_said_to_be_mended_is_tried_at_once() {
    let mut world = World::new(2);
    assert_eq!(world.run(), Some(vec![1, 2]));
    world.fail();
    assert_eq!(world.run(), None);
    world.by_others(&SinkMove { state: Some(SinkState::Active), last_error: Some(None), ..SinkMove::of(NO) });
    assert_eq!(world.run(), Some(vec![1, 2]));
}

#[test]
fn who_pauses_a_sink_is_not_alarmed_by_it() {
    let mut world = World::new(2);
    assert_eq!(world.run(), Some(vec![1, 2]));
    world.stand(&SinkMove { state: Some(SinkState::Paused), ..SinkMove::of(NO) });
    // The answer to its own move is the first that it hears of it.
    world.take(&[1, 2]);
    assert_eq!(world.run(), None);
    assert!(world.course.is_paused() && world.alarms.is_empty(), "{:?}", world.alarms);
}

#[test]
fn at_a_stop_an_answer_is_still_made_durable_and_nothing_more_is_begun() {
    let mut world = World::new(150);
    let batch = world.run().expect("a batch");
    world.course.stop();
    assert_eq!(world.run(), None);
    world.take(&batch);
    assert_eq!(world.run(), None);
    assert_eq!((world.standing.cursor, world.course.is_moving(), world.course.wakes()), (id(100), false, None));
}
