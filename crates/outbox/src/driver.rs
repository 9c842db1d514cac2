//! What drives the sinks: one task for each, and one that looks after them.
//!
//! It decides nothing: `course` says what to do, the store and the carriers do it. It never waits for a sink where anybody waits
//! for it: a sink that is down costs the events of one batch and of the next, in memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidings_model::{Batch, Fact, Position, SinkId, SinkNo};
use tidings_store::Store;
use tokio::sync::{Semaphore, watch};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, warn};

use crate::Carriers;

mod numbers;
mod task;

pub use numbers::SinkNumbers;
use numbers::Tally;
use task::Task;

/// Sinks that read the log at the same time.
const READERS: usize = 4;
/// At a stop an open batch is given up after this: whether the other side has it is not known, and it gets it again.
const GRACE: Duration = Duration::from_secs(2);
/// A task that fell over is started again after this.
const RESTART: Duration = Duration::from_secs(1);

/// The sinks, driven. Dropping it ends everything at once.
pub struct Outbox {
    wires: Wires,
    meter: Meter,
    /// One task, which owns the others.
    keeper: JoinSet<()>,
}

/// Reads what there is to watch, also when nothing is driven any more.
#[derive(Clone)]
pub struct Meter {
    store: Store,
    tallies: Tallies,
}

impl Meter {
    /// Each sink that is there, by its number.
    pub fn read(&self) -> Vec<SinkNumbers> {
        numbers::read(&self.store, &lock(&self.tallies))
    }
}

type Tallies = Arc<Mutex<BTreeMap<SinkNo, (SinkId, Arc<Tally>)>>>;

/// What tasks are told.
#[derive(Clone)]
struct Wires {
    appended: watch::Sender<Position>,
    /// Counts what happens to sinks, each move of one included.
    changed: watch::Sender<u64>,
    /// Counts sinks that are made or end.
    made: watch::Sender<u64>,
    stop: watch::Sender<bool>,
}

/// What all tasks share.
struct Shared<C> {
    store: Store,
    carriers: C,
    reads: Semaphore,
    /// What their times are counted from.
    began: Instant,
    seed: u64,
    wires: Wires,
    tallies: Tallies,
}

impl<C> Shared<C> {
    /// Milliseconds that only ever go on.
    fn ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Wires {
    fn new(store: &Store) -> Self {
        let (changed, made) = (watch::Sender::new(0), watch::Sender::new(0));
        let wires = Self { appended: watch::Sender::new(store.durable()), changed, made, stop: watch::Sender::new(false) };
        let told = wires.clone();
        store.on_append(Box::new(move |batch| told.tell(batch)));
        wires
    }

    fn tell(&self, batch: &Batch) {
        self.appended.send_replace(batch.upto);
        let makes = |fact: &Fact| matches!(fact, Fact::SinkPut(_) | Fact::SinkGone(_) | Fact::AppGone(_));
        let (mut made, mut changed) = (false, false);
        for entry in &batch.entries {
            made |= makes(&entry.fact);
            changed |= matches!(*entry.fact, Fact::SinkMoved(_));
        }
        if made {
            self.made.send_modify(|changes| *changes += 1);
        }
        if made || changed {
            self.changed.send_modify(|changes| *changes += 1);
        }
    }
}

impl Outbox {
    /// Drives every sink that there is and will be. On a tokio runtime. `seed`: for the jitter of tries.
    pub fn start<C: Carriers>(store: &Store, carriers: C, seed: u64) -> Self {
        let wires = Wires::new(store);
        let meter = Meter { store: store.clone(), tallies: Tallies::default() };
        let shared = Arc::new(Shared {
            store: store.clone(),
            carriers,
            reads: Semaphore::new(READERS),
            began: Instant::now(),
            seed,
            wires: wires.clone(),
            tallies: meter.tallies.clone(),
        });
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(shared));
        Self { wires, meter, keeper }
    }

    /// Begins no new batch, gives open ones a moment, and makes durable what they came to.
    pub async fn close(mut self) {
        self.wires.stop.send_replace(true);
        if timeout(GRACE * 2, self.keeper.join_next()).await.is_err() {
            warn!("a sink did not end in time; what it was given comes again");
        }
    }

    /// Each sink that is there, by its number.
    pub fn numbers(&self) -> Vec<SinkNumbers> {
        self.meter.read()
    }

    /// The same for somebody who does not own it.
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }
}

/// No holder leaves it half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has a task for each sink, until it is stopped and they have ended.
async fn keep<C: Carriers>(shared: Arc<Shared<C>>) {
    let (mut made, mut stop) = (shared.wires.made.subscribe(), shared.wires.stop.subscribe());
    let mut tasks = JoinSet::new();
    let mut running: HashMap<Id, SinkNo> = HashMap::new();
    loop {
        let is_stopping = *stop.borrow_and_update();
        made.mark_unchanged();
        if !is_stopping {
            start_missing(&shared, &mut tasks, &mut running);
        } else if tasks.is_empty() {
            return;
        }
        tokio::select! {
            ended = tasks.join_next_with_id(), if !tasks.is_empty() => {
                if let Some(ended) = ended {
                    has_ended(ended, &mut running).await;
                }
            }
            _ = made.changed(), if !is_stopping => {}
            _ = stop.changed(), if !is_stopping => {}
        }
    }
}

fn start_missing<C: Carriers>(shared: &Arc<Shared<C>>, tasks: &mut JoinSet<()>, running: &mut HashMap<Id, SinkNo>) {
    let sinks = shared.store.sinks();
    let driven: HashSet<SinkNo> = running.values().copied().collect();
    for tracked in sinks.iter().filter(|tracked| !driven.contains(&tracked.sink.no)) {
        let (no, id) = (tracked.sink.no, tracked.sink.id.clone());
        let tally = lock(&shared.tallies).entry(no).or_insert_with(|| (id, Arc::default())).1.clone();
        let handle = tasks.spawn(Task::new(shared.clone(), tracked, tally).run());
        running.insert(handle.id(), no);
    }
    lock(&shared.tallies).retain(|no, _| sinks.get(*no).is_some());
}

async fn has_ended(ended: Result<(Id, ()), tokio::task::JoinError>, running: &mut HashMap<Id, SinkNo>) {
    match ended {
        Ok((id, ())) => drop(running.remove(&id)),
        Err(panic) => {
            let no = running.remove(&panic.id());
            error!(sink = no.map(|no| no.0), %panic, "what drives a sink has fallen over; it is started again");
            sleep(RESTART).await;
        }
    }
}

#[cfg(test)]
mod tests;
