//! With the real store, and a carrier that keeps what it was given.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use tidings_json::Json;
use tidings_model::{
    Administer, Answer, AppName, AppNo, Event, EventId, EventType, Limits, NewApp, NewSink, Position, Report, Request, Sink, SinkChange,
    SinkConf, SinkMove, SinkSecret, SinkState, Tracked, Webhook,
};
use tidings_store::{Config, EventQuery, Lane, Owner};
use tokio::sync::oneshot;

use super::*;
use crate::{Carrier, Outcome};

/// How it answers; None: never.
type Answers = dyn Fn(&[Event]) -> Option<Outcome> + Send + Sync;

/// What a business server has had, over all processes, and how it answers.
#[derive(Clone)]
struct Server {
    had: watch::Sender<Vec<EventId>>,
    answers: Arc<Answers>,
}

impl Server {
    fn new(answers: impl Fn(&[Event]) -> Option<Outcome> + Send + Sync + 'static) -> Self {
        Self { had: watch::Sender::new(Vec::new()), answers: Arc::new(answers) }
    }

    fn willing() -> Self {
        Self::new(|batch| Some(taken(batch)))
    }

    async fn has_had(&self, count: usize) {
        self.had.subscribe().wait_for(|had| had.len() >= count).await.expect("it lives");
    }

    fn had(&self) -> Vec<EventId> {
        self.had.borrow().clone()
    }
}

fn taken(batch: &[Event]) -> Outcome {
    Outcome::Taken { upto: batch[batch.len() - 1].id }
}

fn down() -> Outcome {
    Outcome::Later { after: None, why: "connection refused".to_owned() }
}

struct Line(Server);

impl Carrier for Line {
    async fn carry(&mut self, batch: &[Event]) -> Outcome {
        match (self.0.answers)(batch) {
            Some(outcome) => {
                if let Outcome::Taken { upto } = outcome {
                    let taken = batch.iter().map(|event| event.id).filter(|id| *id <= upto);
                    self.0.had.send_modify(|had| had.extend(taken));
                }
                outcome
            }
            None => std::future::pending().await,
        }
    }
}

impl Carriers for Server {
    type Carrier = Line;

    fn carrier(&self, _: &Sink) -> Option<Line> {
        Some(Line(self.clone()))
    }
}

struct Node {
    store: Store,
    owner: Owner,
}

const ROOT: AppNo = AppNo::DEFAULT;

impl Node {
    fn on(dir: &Path) -> Self {
        let limits = Limits { disk_reserve_bytes: 0, ..Limits::default() };
        let config = Config { dir: dir.to_owned(), limits, workers: 1, build: "test".to_owned(), accept_clock: true };
        let (store, owner) = Store::open(config).expect("it opens");
        Self { store, owner }
    }

    async fn ask(&self, request: Request) -> Answer {
        let (tell, told) = oneshot::channel();
        let asked = self.store.ask(Lane::Backends, request, Box::new(move |answer| drop(tell.send(answer))));
        assert!(asked.is_ok(), "there is room");
        told.await.expect("every request is answered")
    }

    async fn sink(&self, request: Request) -> Arc<Tracked> {
        match self.ask(request).await {
            Answer::Sink(tracked) => tracked,
            other => panic!("{other:?}"),
        }
    }

    async fn make(&self, app: AppNo, types: Option<Vec<EventType>>) -> SinkNo {
        let conf = Webhook { url: "http://a".to_owned(), types, secrets: vec![SinkSecret::new(&[1; 24])] };
        let new = NewSink { id: SinkId::trusted("wh_a"), app: Some(app), conf: SinkConf::Webhook(conf) };
        self.sink(Request::Administer(Administer::CreateSink(new))).await.sink.no
    }

    /// So many events of `app`.
    async fn happen(&self, app: AppNo, count: usize) {
        let mut told = Vec::new();
        for n in 0..count {
            told.push(self.happens(app, n));
            if told.len() == 2000 {
                all(&mut told).await;
            }
        }
        all(&mut told).await;
    }

    fn happens(&self, app: AppNo, n: usize) -> oneshot::Receiver<Answer> {
        let (tell, told) = oneshot::channel();
        let (status, written) = (Json::trusted(n.to_string()), Position::ZERO);
        let report = Report { app, reg: None, dev: None, id: None, inferred: None, written, status };
        let asked = self.store.ask(Lane::Devices, Request::Report(report), Box::new(move |answer| drop(tell.send(answer))));
        assert!(asked.is_ok(), "there is room");
        told
    }

    fn events(&self) -> Vec<EventId> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let query = EventQuery { app: Some(ROOT), sink: None, after, types: None, limit: 1000 };
            let page = self.store.events(&query).expect("readable");
            all.extend(page.events.iter().map(|event| event.id));
            if !page.more {
                return all;
            }
            after = Some(page.next);
        }
    }

    fn standing(&self, no: SinkNo) -> tidings_model::Standing {
        self.store.sinks().get(no).expect("it is there").standing.clone()
    }

    fn close(self) {
        self.owner.close().expect("it closes");
    }
}

async fn all(told: &mut Vec<oneshot::Receiver<Answer>>) {
    for told in told.drain(..) {
        assert!(matches!(told.await, Ok(Answer::Done)));
    }
}

/// Until the store's sinks fit.
async fn until(outbox: &Outbox, fits: impl Fn(&[SinkNumbers]) -> bool) {
    while !fits(&outbox.numbers()) {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_arrives_in_order_however_often_the_process_ends() {
    let dir = TempDir::new().expect("a folder");
    let server = Server::willing();
    let no = {
        let node = Node::on(dir.path());
        let no = node.make(ROOT, None).await;
        node.close();
        no
    };
    for round in 1..=6 {
        let node = Node::on(dir.path());
        let outbox = Outbox::start(&node.store, server.clone(), round);
        let so_far = server.had().len();
        node.happen(ROOT, 150).await;
        server.has_had(so_far + 20 * round as usize).await;
        // In the midst of whatever it does.
        drop(outbox);
        node.close();
    }
    let node = Node::on(dir.path());
    let outbox = Outbox::start(&node.store, server.clone(), 9);
    let events = node.events();
    assert_eq!(events.len(), 900);
    until(&outbox, |_| node.standing(no).cursor >= events[899]).await;
    let had = server.had();
    // Each time it went back at the most to the last answer that was durable.
    let backwards = had.windows(2).filter(|pair| pair[1] <= pair[0]).count();
    assert!(backwards <= 6, "{backwards}");
    assert!(had.windows(2).all(|pair| pair[1] <= pair[0] || !events.iter().any(|id| pair[0] < *id && *id < pair[1])), "no hole");
    assert_eq!(had.iter().copied().collect::<BTreeSet<_>>(), events.into_iter().collect());
    outbox.close().await;
    node.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_is_down_costs_one_batch_and_catches_up_when_it_is_back() {
    let dir = TempDir::new().expect("a folder");
    let node = Node::on(dir.path());
    let is_up = Arc::new(AtomicUsize::new(0));
    let switch = is_up.clone();
    let server = Server::new(move |batch| Some(if switch.load(Ordering::Acquire) == 1 { taken(batch) } else { down() }));
    let no = node.make(ROOT, None).await;
    let outbox = Outbox::start(&node.store, server.clone(), 1);
    node.happen(ROOT, 1).await;
    until(&outbox, |sinks| sinks[0].failed == 1).await;
    node.happen(ROOT, 20_000).await;
    let numbers = outbox.numbers().remove(0);
    assert!(numbers.held <= crate::course::BATCH_EVENTS as u64 && numbers.lag_records > 1, "{numbers:?}");
    is_up.store(1, Ordering::Release);
    // What changes is tried at once.
    let change = SinkChange { no, url: Some("http://b".to_owned()), types: None, rotate: None, retire: false };
    node.sink(Request::Administer(Administer::ChangeSink(change))).await;
    server.has_had(20_001).await;
    assert_eq!(server.had(), node.events());
    until(&outbox, |sinks| sinks[0].lag_records == 0 && sinks[0].held == 0).await;
    assert_eq!(node.standing(no).last_error, None);
    outbox.close().await;
    node.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_hears_of_its_app_alone_and_ends_with_it() {
    let dir = TempDir::new().expect("a folder");
    let node = Node::on(dir.path());
    let new = NewApp { name: AppName::trusted("/shop"), disabled: false, client_topics: Vec::new() };
    let Answer::App(shop) = node.ask(Request::Administer(Administer::CreateApp(new))).await else { panic!("it is made") };
    node.make(shop.no, None).await;
    let server = Server::willing();
    let outbox = Outbox::start(&node.store, server.clone(), 1);
    node.happen(ROOT, 3).await;
    node.happen(shop.no, 2).await;
    server.has_had(2).await;
    assert!(node.events().iter().all(|id| !server.had().contains(id)));
    node.ask(Request::Administer(Administer::RemoveApp(shop.no))).await;
    until(&outbox, <[_]>::is_empty).await;
    outbox.close().await;
    node.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_is_paused_set_back_and_goes_on_as_it_is_asked() {
    let dir = TempDir::new().expect("a folder");
    let node = Node::on(dir.path());
    let no = node.make(ROOT, None).await;
    let server = Server::willing();
    let outbox = Outbox::start(&node.store, server.clone(), 1);
    node.happen(ROOT, 5).await;
    server.has_had(5).await;
    let begin = EventId { at: Position::ZERO, n: 0 };
    node.sink(Request::MoveSink(Box::new(SinkMove { state: Some(SinkState::Paused), ..SinkMove::of(no) }))).await;
    until(&outbox, |sinks| sinks[0].is_paused).await;
    node.happen(ROOT, 2).await;
    node.sink(Request::MoveSink(Box::new(SinkMove { to: Some(begin), ..SinkMove::of(no) }))).await;
    assert_eq!(server.had().len(), 5);
    node.sink(Request::MoveSink(Box::new(SinkMove { state: Some(SinkState::Active), ..SinkMove::of(no) }))).await;
    server.has_had(12).await;
    let events = node.events();
    assert_eq!(server.had(), [&events[..5], &events[..]].concat());
    outbox.close().await;
    node.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_passes_what_it_does_not_want_and_the_cursor_goes_with_it() {
    let dir = TempDir::new().expect("a folder");
    let node = Node::on(dir.path());
    let no = node.make(ROOT, Some(vec![EventType::ClientEvent])).await;
    let outbox = Outbox::start(&node.store, Server::willing(), 1);
    let began = node.standing(no).cursor;
    node.happen(ROOT, 3000).await;
    until(&outbox, |sinks| node.standing(no).cursor > began && sinks[0].lag_records <= 1).await;
    assert_eq!(outbox.numbers()[0].delivered, 0);
    outbox.close().await;
    node.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_that_falls_over_is_made_again() {
    let dir = TempDir::new().expect("a folder");
    let node = Node::on(dir.path());
    node.make(ROOT, None).await;
    let tries = AtomicUsize::new(0);
    let server = Server::new(move |batch| {
        assert!(tries.fetch_add(1, Ordering::Relaxed) > 0, "the first one falls");
        Some(taken(batch))
    });
    let outbox = Outbox::start(&node.store, server.clone(), 1);
    node.happen(ROOT, 1).await;
    server.has_had(1).await;
    outbox.close().await;
    node.close();
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_up_an_open_batch_and_it_comes_again() {
    let dir = TempDir::new().expect("a folder");
    let node = Node::on(dir.path());
    node.make(ROOT, None).await;
    let asked = watch::Sender::new(0);
    let told = asked.clone();
    let silent = Server::new(move |batch| {
        told.send_replace(batch.len());
        None
    });
    let outbox = Outbox::start(&node.store, silent, 1);
    node.happen(ROOT, 1).await;
    asked.subscribe().wait_for(|count| *count > 0).await.expect("it lives");
    let began = Instant::now();
    outbox.close().await;
    assert!((GRACE..GRACE * 2).contains(&began.elapsed()));
    let server = Server::willing();
    let outbox = Outbox::start(&node.store, server.clone(), 1);
    server.has_had(1).await;
    outbox.close().await;
    node.close();
}
