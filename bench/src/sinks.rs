//! What a sink costs a push, and how fast one catches up: a webhook whose receiver was down while a backlog grew, then takes all
//! of it, with nothing else to do and beside publishes.
//!
//! The backlog is messages that live for no time, each to 1,000 users who are away: each tells 1,000 times that it has expired.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::admin::{self, call};
use crate::clock;
use crate::generator::{Generator, Role};
use crate::publish::{Load, USERS};
use crate::receiver::Receiver;
use crate::sheet::{Sheet, Side, percentile};
use crate::subject::Subject;

const CALLERS: [usize; 2] = [1, 16];
/// Before each window, in the state that it measures.
const WARM: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Nothing that is waited for goes on after so long without a step.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is told before there is a sink: it fills the server's own caches, so that the sink's memory can be seen beside them.
const FIRST: u64 = 50_000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Events of the backlog.
    pub events: u64,
    /// Of them, those of one message.
    pub per_message: u64,
    /// Windows with each number of callers, in each state.
    pub windows: usize,
    pub window: Duration,
}

/// The run's one sink and who stands behind it.
struct Run<'a> {
    subject: &'a Subject,
    receiver: Receiver,
    plan: Plan,
    /// `/v1/webhooks/ID`.
    path: String,
    /// Behind which the backlog begins.
    cursor: Value,
    /// What the receiver had when the cursor was there last.
    taken: u64,
    sheet: &'a mut Sheet,
}

pub(crate) fn measure(subject: &Subject, plan: Plan, sheet: &mut Sheet) -> io::Result<()> {
    let mut generator = Generator::new(subject.devices, subject.backend)?;
    generator.connect(USERS, Role::Registered)?;
    generator.devices.clear();
    expire(subject, FIRST.min(plan.events), plan.per_message)?;
    call_in(&mut generator)?;
    for callers in CALLERS {
        Load::new(callers, None).run(&mut generator, WARM)?;
    }
    sheet.put(Side::Limit, "RSS MiB", mib(subject.memory()?.rss));
    let receiver = Receiver::start()?;
    let body = format!(r#"{{"url":"http://{}/","types":["message.reported"]}}"#, receiver.addr);
    let made = call(subject.backend, "POST /v1/webhooks", &body)?;
    let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap_or_default());
    let mut run = Run { subject, receiver, plan, path, cursor: made["cursor"].clone(), taken: 0, sheet };
    run.fall_behind()?;
    run.alone()?;
    run.beside(&mut generator)
}

impl Run<'_> {
    fn put(&mut self, name: impl Into<String>, value: f64) {
        self.sheet.put(Side::Product, name, value);
    }

    fn fall_behind(&mut self) -> io::Result<()> {
        let took = expire(self.subject, self.plan.events, self.plan.per_message)?;
        eprintln!("{} events behind a sink that is down, after {took:.1?}", self.plan.events);
        let rss = mib(self.subject.memory()?.rss);
        self.put("RSS MiB, the backlog behind a sink that is down", rss);
        if self.receiver.taken().refused == 0 {
            return Err(io::Error::other("nothing was tried while the receiver was down"));
        }
        Ok(())
    }

    /// All of the backlog while nobody publishes.
    fn alone(&mut self) -> io::Result<()> {
        self.set("paused")?;
        self.receiver.set_up(true);
        let (cpu, own, written) = (self.subject.cpu()?, clock::own_cpu()?, self.subject.written()?);
        let start = clock::now();
        self.set("active")?;
        self.wait_for(self.plan.events)?;
        let (took, events, taken) = (start.elapsed().as_secs_f64(), self.plan.events as f64, self.receiver.taken());
        self.put("catch-up, alone: events/s", events / took);
        self.put("catch-up, alone: ms per batch", took * 1e3 / taken.batches as f64);
        self.put("catch-up, alone: events per batch", taken.events as f64 / taken.batches as f64);
        self.put("catch-up, alone: bytes of JSON per event", taken.bytes as f64 / taken.events as f64);
        self.put("catch-up, alone: CPU us per event", (self.subject.cpu()? - cpu).as_secs_f64() * 1e6 / events);
        self.put("catch-up, alone: the receiver's own CPU us per event", (clock::own_cpu()? - own).as_secs_f64() * 1e6 / events);
        self.put("catch-up, alone: bytes written per event", (self.subject.written()? - written) as f64 / events);
        let rss = mib(self.subject.memory()?.rss);
        self.put("RSS MiB, caught up", rss);
        Ok(())
    }

    /// Publishes in windows: the sink catches up, or it is paused, and who goes first is drawn.
    fn beside(&mut self, generator: &mut Generator) -> io::Result<()> {
        self.set("paused")?;
        call_in(generator)?;
        let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
        let mut all: Vec<(usize, Side, Vec<f64>)> = Vec::new();
        for _ in 0..self.plan.windows {
            for callers in CALLERS {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                let sides = if dice >> 63 == 0 { [Side::Limit, Side::Product] } else { [Side::Product, Side::Limit] };
                for side in sides {
                    all.push((callers, side, self.window(generator, callers, side)?));
                }
            }
        }
        for callers in CALLERS {
            for side in [Side::Product, Side::Limit] {
                let of = all.iter().filter(|(of, beside, _)| (*of, *beside) == (callers, side));
                let ms: Vec<f64> = of.flat_map(|(_, _, ms)| ms.iter().copied()).collect();
                let name = format!("publish, {}: ms, p99 of all windows together", called(callers));
                self.sheet.put(side, name, percentile(&ms, 99).unwrap_or(f64::NAN));
            }
        }
        let rss = mib(self.subject.memory()?.rss);
        self.put("RSS MiB, at the end", rss);
        Ok(())
    }

    fn window(&mut self, generator: &mut Generator, callers: usize, side: Side) -> io::Result<Vec<f64>> {
        if side == Side::Product {
            self.replay()?;
            self.set("active")?;
        }
        Load::new(callers, None).run(generator, WARM)?;
        let (cpu, before) = (self.subject.cpu()?, self.receiver.taken().events);
        let load = Load::new(callers, None).run(generator, self.plan.window)?;
        let (took, cpu) = (load.start.elapsed().as_secs_f64(), self.subject.cpu()? - cpu);
        let told = self.receiver.taken().events - before;
        let name = called(callers);
        if side == Side::Product {
            self.set("paused")?;
            if self.receiver.taken().events - self.taken >= self.plan.events || told == 0 {
                return Err(io::Error::other("the backlog did not last for a window: take more --events"));
            }
            self.put(format!("catch-up beside {name}: events/s"), told as f64 / took);
        }
        self.sheet.put(side, format!("publish, {name}: acknowledged/s"), load.ms.len() as f64 / took);
        self.sheet.put(side, format!("publish, {name}: the server's CPU, of one core"), cpu.as_secs_f64() / took);
        for percent in [50, 99] {
            self.sheet.put(side, format!("publish, {name}: ms, p{percent}"), percentile(&load.ms, percent).unwrap_or(f64::NAN));
        }
        Ok(load.ms)
    }

    fn set(&self, state: &str) -> io::Result<()> {
        call(self.subject.backend, &format!("PATCH {}", self.path), &format!(r#"{{"state":"{state}"}}"#)).map(drop)
    }

    /// All of the backlog lies before it again.
    fn replay(&mut self) -> io::Result<()> {
        call(self.subject.backend, &format!("POST {}:replay", self.path), &format!(r#"{{"cursor":{}}}"#, self.cursor))?;
        self.taken = self.receiver.taken().events;
        Ok(())
    }

    /// Until the receiver has taken `events`; one more is an error.
    fn wait_for(&self, events: u64) -> io::Result<()> {
        let mut last: (u64, Instant) = (0, clock::now());
        loop {
            let taken = self.receiver.taken().events;
            if taken > last.0 {
                last = (taken, clock::now());
            }
            if taken == events {
                return Ok(());
            }
            if taken > events || last.1.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("{taken} of {events} events came")));
            }
            sleep(LOOK_AGAIN);
        }
    }
}

/// Anew: the server has ended the connections that were silent for long.
fn call_in(generator: &mut Generator) -> io::Result<()> {
    generator.callers.clear();
    generator.call_in(CALLERS[CALLERS.len() - 1])
}

/// Has `events` of the kind of the backlog told; over when the last of them can be read.
fn expire(subject: &Subject, events: u64, per_message: u64) -> io::Result<Duration> {
    let start = clock::now();
    let uids: Vec<String> = (0..per_message).map(|uid| format!("\"u{uid}\"")).collect();
    let body = format!(r#"{{"to":{{"uids":[{}]}},"data":"{}","ttl":0}}"#, uids.join(","), "x".repeat(100));
    let mut cursor = None;
    for _ in 0..events / per_message {
        let accepted = call(subject.backend, "POST /v1/messages", &body)?;
        cursor.get_or_insert_with(|| format!("{}-0", accepted["seq"].as_str().unwrap_or_default()));
    }
    if let Some(cursor) = cursor {
        read_until(subject, cursor, events / per_message * per_message)?;
    }
    Ok(start.elapsed())
}

/// Reads `GET /v1/events` from the first message on, until it has told `events` ends.
fn read_until(subject: &Subject, mut cursor: String, events: u64) -> io::Result<()> {
    let mut told = 0;
    while told < events {
        let request = format!("GET /v1/events?types=message.reported&limit=1000&wait_s=30&cursor={cursor}");
        let page = admin::exchange(subject.backend, &request, "")?;
        let lines = page.body.iter().filter(|byte| **byte == b'\n').count() as u64;
        let next = page.header("tidings-next-cursor").filter(|next| lines > 0 || *next != cursor);
        cursor = next.ok_or_else(|| io::Error::other(format!("{told} of {events} messages expired")))?;
        told += lines;
    }
    if told > events { Err(io::Error::other("more messages expired than there were")) } else { Ok(()) }
}

fn called(callers: usize) -> String {
    format!("{callers} caller{}", if callers == 1 { "" } else { "s" })
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
