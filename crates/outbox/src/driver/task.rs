//! One sink's task: does what its course says, and tells it what came of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tidings_model::{Answer, Code, EventId, Position, Request, Sink, SinkMove, Standing, Tracked};
use tidings_store::{EventQuery, EventsError, Lane};
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use tracing::{error, info};

use super::{GRACE, Shared, Tally};
use crate::course::{Act, Alarm, Counts, Course, Moment, Read};
use crate::{Carrier, Carriers, Outcome};

/// Something under way; at most one of its kind.
type UnderWay<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

pub(super) struct Task<C: Carriers> {
    shared: Arc<Shared<C>>,
    sink: Arc<Sink>,
    course: Course,
    tally: Arc<Tally>,
    /// What was counted before this task.
    before: Counts,
    /// None: it is under way with a batch, or was dropped with one.
    carrier: Option<C::Carrier>,
    reading: UnderWay<Read>,
    carrying: UnderWay<(C::Carrier, Outcome)>,
    moving: UnderWay<Result<Standing, Code>>,
    /// Of the course that what is under way was begun for.
    generation: u64,
    appended: watch::Receiver<Position>,
    changed: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    /// Set at a stop: when what is under way is given up.
    until: Option<Instant>,
}

/// What happened first.
enum Happened<K> {
    Read(Read),
    Carried(K, Outcome),
    Moved(Result<Standing, Code>),
    Appended,
    Changed,
    Stop,
    TimeIsUp,
    Woken,
}

impl<C: Carriers> Task<C> {
    pub(super) fn new(shared: Arc<Shared<C>>, tracked: &Tracked, tally: Arc<Tally>) -> Self {
        let no = tracked.sink.no;
        let course = Course::new(no, tracked.standing.clone(), shared.seed ^ u64::from(no.0) << 32, shared.ms());
        let mut changed = shared.wires.changed.subscribe();
        // What it was made from may be old by now.
        changed.mark_changed();
        let mut stop = shared.wires.stop.subscribe();
        stop.mark_changed();
        Self {
            sink: tracked.sink.clone(),
            course,
            before: tally.counts(),
            tally,
            carrier: shared.carriers.carrier(&tracked.sink),
            reading: None,
            carrying: None,
            moving: None,
            generation: 0,
            appended: shared.wires.appended.subscribe(),
            changed,
            stop,
            until: None,
            shared,
        }
    }

    /// Until the sink is gone, or the outbox is stopped.
    pub(super) async fn run(mut self) {
        loop {
            if self.carrier.is_some() || self.carrying.is_some() {
                self.act();
            }
            self.tally.write(&self.course, self.before);
            if self.until.is_some() && !self.course.is_carrying() && !self.course.is_moving() {
                return;
            }
            match self.next().await {
                Happened::Read(read) => self.course.page(self.shared.ms(), read),
                Happened::Carried(carrier, outcome) => {
                    self.carrier = Some(carrier);
                    self.course.outcome(self.now(), outcome);
                }
                Happened::Moved(result) => {
                    self.course.moved(self.shared.ms(), result);
                    if !self.look() {
                        return;
                    }
                }
                Happened::Appended => self.course.news(self.shared.ms()),
                Happened::Changed => {
                    if !self.look() {
                        return;
                    }
                }
                Happened::Stop => self.heed_stop(),
                Happened::TimeIsUp => return,
                Happened::Woken => {}
            }
            self.forget_the_old();
        }
    }

    fn now(&self) -> Moment {
        Moment { ms: self.shared.ms(), log: self.shared.store.now() }
    }

    fn heed_stop(&mut self) {
        if *self.stop.borrow_and_update() {
            self.course.stop();
            self.until = Some(Instant::now() + GRACE);
        }
    }

    /// How the sink is and stands now; false: it is gone.
    fn look(&mut self) -> bool {
        self.changed.mark_unchanged();
        let sinks = self.shared.store.sinks();
        let Some(tracked) = sinks.get(self.sink.no) else { return false };
        let ms = self.shared.ms();
        if tracked.sink != self.sink {
            self.sink = tracked.sink.clone();
            self.course.begin_anew(ms);
            self.forget_the_old();
            self.carrier = self.shared.carriers.carrier(&self.sink);
        }
        self.course.stands(ms, &tracked.standing);
        true
    }

    /// What the course waits for no more is dropped; with a batch its carrier is, for it may be anywhere in it.
    fn forget_the_old(&mut self) {
        if self.generation == self.course.generation() {
            return;
        }
        self.generation = self.course.generation();
        (self.reading, self.moving) = (None, None);
        if self.carrying.take().is_some() {
            self.carrier = self.shared.carriers.carrier(&self.sink);
        }
    }

    fn act(&mut self) {
        while let Some(act) = self.course.act(self.shared.ms()) {
            match act {
                Act::Read { after, limit } => self.reading = Some(self.read(after, limit)),
                Act::Carry(batch) => {
                    let Some(mut carrier) = self.carrier.take() else { return };
                    self.carrying = Some(Box::pin(async move {
                        let outcome = carrier.carry(&batch).await;
                        (carrier, outcome)
                    }));
                }
                Act::Move(ask) => self.moving = Some(self.ask(ask)),
                Act::Tell(alarm) => tell(&self.sink, &alarm),
            }
        }
    }

    fn read(&self, after: EventId, limit: usize) -> Pin<Box<dyn Future<Output = Read> + Send>> {
        let shared = self.shared.clone();
        let types = self.sink.types().map(<[_]>::to_vec);
        let query = EventQuery { app: self.sink.app, sink: Some(self.sink.no), after: Some(after), types, limit };
        Box::pin(async move {
            let Ok(_turn) = shared.reads.acquire().await else { return Read::Failed };
            let store = shared.store.clone();
            match spawn_blocking(move || store.events(&query)).await {
                Ok(Ok(page)) => Read::Page(page),
                Ok(Err(EventsError::Expired { oldest })) => Read::Expired { oldest },
                Ok(Err(EventsError::Read(error))) => {
                    error!(%error, "a sink cannot read the log");
                    Read::Failed
                }
                Err(panic) => {
                    error!(%panic, "reading for a sink failed");
                    Read::Failed
                }
            }
        })
    }

    fn ask(&self, ask: SinkMove) -> Pin<Box<dyn Future<Output = Result<Standing, Code>> + Send>> {
        let (tell, told) = oneshot::channel();
        // Nobody may wait any more.
        let reply = Box::new(move |answer| drop(tell.send(answer)));
        let asked = self.shared.store.ask(Lane::Backends, Request::MoveSink(Box::new(ask)), reply);
        Box::pin(async move {
            if asked.is_err() {
                return Err(Code::Overloaded);
            }
            match told.await {
                Ok(Answer::Sink(tracked)) => Ok(tracked.standing.clone()),
                Ok(Answer::Refused(refusal)) => Err(refusal.code),
                Ok(_) | Err(_) => Err(Code::OutcomeUnknown),
            }
        })
    }

    async fn next(&mut self) -> Happened<C::Carrier> {
        let wakes = self.course.wakes().map(|ms| self.shared.began + Duration::from_millis(ms));
        // Nothing is begun without a carrier.
        let wakes = wakes.filter(|_| self.carrier.is_some() || self.carrying.is_some());
        let is_curious = self.course.wants_news();
        tokio::select! {
            (carrier, outcome) = done(&mut self.carrying) => Happened::Carried(carrier, outcome),
            read = done(&mut self.reading) => Happened::Read(read),
            result = done(&mut self.moving) => Happened::Moved(result),
            // Their other ends live as long as the task's own handle of them.
            _ = self.appended.changed(), if is_curious => Happened::Appended,
            _ = self.changed.changed() => Happened::Changed,
            _ = self.stop.changed() => Happened::Stop,
            () = at(self.until) => Happened::TimeIsUp,
            () = at(wakes) => Happened::Woken,
        }
    }
}

/// The end of what is under way; never, where nothing is.
async fn done<T>(under_way: &mut UnderWay<T>) -> T {
    let Some(future) = under_way else { return std::future::pending().await };
    let result = future.await;
    *under_way = None;
    result
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn tell(sink: &Sink, alarm: &Alarm) {
    let id = sink.id.as_str();
    match alarm {
        Alarm::Paused { why } => error!(sink = id, %why, "a sink is paused: it is told nothing until it is set active"),
        Alarm::Parked { event, why } => {
            error!(sink = id, %event, %why, "a sink refused an event twice; it is parked, and the rest goes on")
        }
        Alarm::Gap { from, to } => error!(sink = id, %from, %to, "a sink fell behind the log; what lies between is not told any more"),
    }
    if matches!(alarm, Alarm::Gap { .. }) {
        info!(sink = id, "it is told so itself, by sync.gap");
    }
}
