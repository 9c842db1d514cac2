//! Sinks: what is decided, what is kept, and what their moves tell.

use tidings_model::{
    Administer, Answer, AppName, AppNo, Code, EventId, EventType, Limits, Millis, NewApp, NewSink, Position, Request, SinkChange, SinkConf,
    SinkError, SinkId, SinkMove, SinkNo, SinkSecret, SinkState, Standing, Tracked, Webhook, What,
};

use super::tests::Desk;
use super::*;

impl Desk {
    fn tracked(&mut self, request: Request) -> Result<Arc<Tracked>, Code> {
        match self.ask(request) {
            Answer::Sink(tracked) => Ok(tracked),
            Answer::Refused(refusal) => Err(refusal.code),
            other => panic!("{other:?}"),
        }
    }

    fn create(&mut self, id: &str, app: AppNo) -> Result<Arc<Tracked>, Code> {
        self.tracked(Request::Administer(Administer::CreateSink(webhook(id, app))))
    }

    fn make_app(&mut self, name: &str) -> AppNo {
        let new = NewApp { name: AppName::trusted(name), disabled: false, client_topics: Vec::new() };
        match self.ask(Request::Administer(Administer::CreateApp(new))) {
            Answer::App(app) => app.no,
            other => panic!("{other:?}"),
        }
    }

    fn stand(&mut self, ask: SinkMove) -> Result<Standing, Code> {
        self.tracked(Request::MoveSink(Box::new(ask))).map(|tracked| tracked.standing.clone())
    }

    fn kept(&self, no: SinkNo) -> Standing {
        self.store.sinks().get(no).expect("it is there").standing.clone()
    }

    /// What a sink is told from the first fact on.
    fn told_to(&self, sink: Option<SinkNo>, types: Option<Vec<EventType>>) -> Vec<(EventId, What)> {
        let query = EventQuery { app: Some(ROOT), sink, after: None, types, limit: 100 };
        self.store.events(&query).events.into_iter().map(|event| (event.id, event.what)).collect()
    }
}

const ROOT: AppNo = AppNo::DEFAULT;

fn webhook(id: &str, app: AppNo) -> NewSink {
    let conf = Webhook { url: "https://a.example/".to_owned(), types: None, secrets: vec![SinkSecret::new(&[1; 24])] };
    NewSink { id: SinkId::trusted(id), app: Some(app), conf: SinkConf::Webhook(conf) }
}

fn at(record: u64) -> EventId {
    EventId { at: Position::new(record, 0), n: 0 }
}

fn move_to(no: SinkNo, to: EventId) -> SinkMove {
    SinkMove { to: Some(to), ..SinkMove::of(no) }
}

#[test]
fn a_sink_begins_where_it_was_made_and_its_number_is_never_given_again() {
    let mut desk = Desk::new();
    let first = desk.create("wh_a", ROOT).unwrap();
    let end = desk.store.durable().record();
    assert_eq!((first.sink.no, first.standing.clone()), (SinkNo(0), Standing::new(Position::new(end, 0))));
    assert_eq!(desk.create("wh_a", ROOT), Err(Code::Conflict));
    assert_eq!(desk.create("wh_b", AppNo(9)), Err(Code::NotFound));
    assert!(matches!(desk.ask(Request::Administer(Administer::RemoveSink(first.sink.no))), Answer::Done));
    desk.store.crash();
    assert_eq!(desk.create("wh_a", ROOT).unwrap().sink.no, SinkNo(1));
    assert!(matches!(desk.ask(Request::Administer(Administer::RemoveSink(first.sink.no))), Answer::Refused(_)));
}

#[test]
fn an_app_takes_its_sinks_with_it_and_has_only_so_many() {
    let mut desk = Desk::new();
    let shop = desk.make_app("/shop");
    for n in 0..Limits::SINKS_PER_APP {
        desk.create(&format!("wh_{n}"), shop).unwrap();
    }
    assert_eq!(desk.create("wh_more", shop), Err(Code::QuotaExceeded));
    let ice = NewSink { id: SinkId::trusted(SinkId::ICE), app: None, conf: SinkConf::Ice };
    assert!(desk.tracked(Request::Administer(Administer::CreateSink(ice))).is_ok());
    desk.ask(Request::Administer(Administer::RemoveApp(shop)));
    let left: Vec<String> = desk.store.sinks().iter().map(|tracked| tracked.sink.id.to_string()).collect();
    assert_eq!(left, ["ice"]);
}

#[test]
fn a_change_keeps_the_standing_and_at_most_two_secrets() {
    let mut desk = Desk::new();
    let made = desk.create("wh_a", ROOT).unwrap();
    let no = made.sink.no;
    let change = SinkChange { no, url: None, types: None, rotate: None, retire: false };
    for n in 2..5 {
        let rotate = Some(SinkSecret::new(&[n; 24]));
        desk.tracked(Request::Administer(Administer::ChangeSink(SinkChange { rotate, ..change.clone() }))).unwrap();
    }
    let types = Some(Some(vec![EventType::ClientEvent]));
    let changed = desk.tracked(Request::Administer(Administer::ChangeSink(SinkChange { types, ..change.clone() }))).unwrap();
    let SinkConf::Webhook(conf) = &changed.sink.conf else { panic!("{changed:?}") };
    assert_eq!(conf.secrets, [SinkSecret::new(&[4; 24]), SinkSecret::new(&[3; 24])]);
    assert_eq!((changed.sink.types(), &changed.standing), (Some(&[EventType::ClientEvent][..]), &made.standing));
    desk.tracked(Request::Administer(Administer::ChangeSink(SinkChange { retire: true, ..change.clone() }))).unwrap();
    let nobody = SinkChange { no: SinkNo(9), ..change };
    assert_eq!(desk.tracked(Request::Administer(Administer::ChangeSink(nobody))), Err(Code::NotFound));
    assert!(!format!("{:?}", desk.store.sinks()).contains("4, 4"), "no secret is shown");
}

#[test]
fn a_move_that_rests_on_an_older_cursor_is_refused() {
    let mut desk = Desk::new();
    let made = desk.create("wh_a", ROOT).unwrap();
    let (no, begin) = (made.sink.no, made.standing.cursor);
    let expecting = |expected, to| SinkMove { expected: Some(expected), ..move_to(no, to) };
    desk.stand(move_to(no, at(1))).unwrap();
    assert_eq!(desk.stand(expecting(begin, begin)), Err(Code::Conflict), "it was set back meanwhile");
    assert_eq!(desk.stand(expecting(at(1), begin)).unwrap().cursor, begin);
    assert_eq!(desk.stand(move_to(no, at(1000))), Err(Code::InvalidField), "the log does not go so far");
    let before = desk.store.durable();
    assert_eq!(desk.stand(move_to(no, begin)).unwrap().cursor, begin);
    assert_eq!(desk.store.durable(), before, "a move to where it is makes no fact");
    assert!(matches!(desk.ask_with(Request::MoveSink(Box::new(move_to(no, at(1)))), Fault::Full), Answer::Refused(_)));
    assert_eq!(desk.kept(no).cursor, begin);
}

#[test]
fn what_is_parked_is_listed_until_the_sink_is_set_back_before_it() {
    let mut desk = Desk::new();
    let no = desk.create("wh_a", ROOT).unwrap().sink.no;
    for _ in 0..4 {
        desk.create("filler", AppNo::DEFAULT).ok();
        desk.ask(Request::Administer(Administer::RemoveSink(SinkNo(desk.store.sinks().next().0 - 1))));
    }
    for record in [3, 5] {
        desk.stand(SinkMove { park: Some(at(record)), ..move_to(no, at(record)) }).unwrap();
    }
    assert_eq!(desk.kept(no).parked, [at(3), at(5)]);
    assert_eq!(desk.stand(move_to(no, at(4))).unwrap().parked, [at(3)]);
    desk.store.crash();
    assert_eq!(desk.kept(no).parked, [at(3)]);
    assert_eq!(desk.stand(move_to(no, at(2))).unwrap().parked, []);
}

#[test]
fn one_more_parked_than_is_kept_pauses_the_sink_where_it_is() {
    let mut desk = Desk::new();
    let made = desk.create("wh_a", ROOT).unwrap();
    let (no, here) = (made.sink.no, made.standing.cursor);
    let park = |n| SinkMove { park: Some(EventId { n, ..here }), ..move_to(no, EventId { n, ..here }) };
    for n in 1..=Limits::PARKED as u32 {
        assert_eq!(desk.stand(park(n)).unwrap().state, SinkState::Active);
    }
    let full = desk.stand(park(Limits::PARKED as u32 + 1)).unwrap();
    assert_eq!((full.state, full.cursor.n as usize, full.parked.len()), (SinkState::Paused, Limits::PARKED, Limits::PARKED));
}

#[test]
fn an_error_is_kept_short_and_goes_when_it_is_over() {
    let mut desk = Desk::new();
    let no = desk.create("wh_a", ROOT).unwrap().sink.no;
    let error = SinkError { at: Millis(5), why: "ü".repeat(1000).into() };
    let paused = SinkMove { state: Some(SinkState::Paused), last_error: Some(Some(error)), ..SinkMove::of(no) };
    let kept = desk.stand(paused).unwrap();
    assert_eq!((kept.state, kept.last_error.unwrap().why.len()), (SinkState::Paused, Limits::SINK_ERROR_BYTES));
    let active = desk.stand(SinkMove { state: Some(SinkState::Active), ..SinkMove::of(no) }).unwrap();
    assert!(active.last_error.is_some(), "it is told until a try is taken");
    assert_eq!(desk.stand(SinkMove { last_error: Some(None), ..SinkMove::of(no) }).unwrap().last_error, None);
}

#[test]
fn a_gap_is_an_event_at_the_place_of_the_move_for_that_sink_alone() {
    let mut desk = Desk::new();
    let made = desk.create("wh_a", ROOT).unwrap();
    let other = desk.create("wh_b", ROOT).unwrap().sink.no;
    let (no, from) = (made.sink.no, made.standing.cursor);
    let jump = SinkMove { gap: true, ..move_to(no, at(from.at.record() + 1)) };
    let gap = desk.stand(jump).unwrap().gap.expect("it is owed");
    assert_eq!((gap.from, gap.to), (from, at(from.at.record() + 1)));
    let told = vec![(EventId { at: gap.at, n: 0 }, What::Gap { from, to: gap.to })];
    assert_eq!(desk.told_to(Some(no), None), told);
    assert_eq!(desk.told_to(Some(no), Some(vec![EventType::ClientEvent])), told, "whatever it wants to be told");
    assert!(desk.told_to(Some(other), None).is_empty() && desk.told_to(None, None).is_empty());
    // A second one before the first was told tells of both; once it is told it is over.
    let second = desk.stand(SinkMove { gap: true, ..move_to(no, at(gap.at.record() - 1)) }).unwrap().gap.expect("it is owed");
    assert_eq!((second.from, second.at > gap.at), (from, true));
    desk.store.crash();
    assert_eq!(desk.kept(no).gap, Some(second));
    assert_eq!(desk.stand(move_to(no, EventId { at: second.at, n: 0 })).unwrap().gap, None);
}
