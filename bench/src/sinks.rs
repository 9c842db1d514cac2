//! What a sink costs a push, and how fast one catches up: a webhook whose receiver was down while a backlog grew, then takes all
//! of it, with nothing else to do and beside publishes.
//!
//! The backlog is messages that live for no time, each to 1,000 users who are away: each tells 1,000 times that it has expired.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::admin::call;
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
    generator.call_in(CALLERS[CALLERS.len() - 1])?;
    expire(subject, FIRST.min(plan.events), plan.per_message)?;
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

/// Has `events` of the kind of the backlog told; over when the last of them is in the log.
fn expire(subject: &Subject, events: u64, per_message: u64) -> io::Result<Duration> {
    let start = clock::now();
    let uids: Vec<String> = (0..per_message).map(|uid| format!("\"u{uid}\"")).collect();
    let body = format!(r#"{{"to":{{"uids":[{}]}},"data":"{}","ttl":0}}"#, uids.join(","), "x".repeat(100));
    for _ in 0..events / per_message {
        call(subject.backend, "POST /v1/messages", &body)?;
    }
    for uid in [0, per_message - 1] {
        wait_until_lost(subject, uid)?;
    }
    Ok(start.elapsed())
}

/// Whatever was sent to this user last.
fn wait_until_lost(subject: &Subject, uid: u64) -> io::Result<()> {
    let until = clock::now() + PATIENCE * 4;
    let request = format!("GET /v1/users/u{uid}/timeline?limit=1");
    while clock::now() < until {
        let timeline = call(subject.backend, &request, "")?;
        if timeline["items"][0]["data"]["devices"][0]["state"] == "lost" {
            return Ok(());
        }
        sleep(PATIENCE / 200);
    }
    Err(io::Error::other("a message did not expire"))
}

fn called(callers: usize) -> String {
    format!("{callers} caller{}", if callers == 1 { "" } else { "s" })
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
