//! Publishes to users who are away: how many are acknowledged in a second with so many callers, and how long one takes at
//! half of that, checkpoints included.

use std::io;
use std::time::{Duration, Instant};

use crate::clock;
use crate::generator::{Generator, Heard, Role, To};
use crate::sheet::{Sheet, Side, percentile};
use crate::subject::Subject;

const CALLERS: [usize; 3] = [1, 16, 64];
/// Who has registered and gone.
pub(crate) const USERS: usize = 1000;
const WARM: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Of each number of callers.
    pub full: Duration,
    pub half: Duration,
}

/// What was acknowledged, and how long each took from when it was due.
pub(crate) struct Load {
    /// Publishes a second; none: as fast as they are answered.
    rate: Option<f64>,
    pub start: Instant,
    posted: usize,
    due: Vec<Instant>,
    free: Vec<usize>,
    pub ms: Vec<f64>,
}

pub(crate) fn measure(subject: &Subject, plan: Plan, side: Side, sheet: &mut Sheet) -> io::Result<()> {
    let mut generator = Generator::new(subject.devices, subject.backend)?;
    if side == Side::Product {
        generator.connect(USERS, Role::Registered)?;
        generator.devices.clear();
    }
    let mut rate = 0.0;
    for callers in CALLERS {
        generator.call_in(callers)?;
        Load::new(callers, None).run(&mut generator, WARM)?;
        let (cpu, written) = (subject.cpu()?, subject.written()?);
        let load = Load::new(callers, None).run(&mut generator, plan.full)?;
        let (acknowledged, cpu) = (load.ms.len() as f64, subject.cpu()? - cpu);
        rate = acknowledged / load.start.elapsed().as_secs_f64();
        let name = format!("publish, {callers} caller{}", if callers == 1 { "" } else { "s" });
        sheet.put(side, format!("{name}: acknowledged/s"), rate);
        sheet.put(side, format!("{name}: CPU us per message"), cpu.as_secs_f64() * 1e6 / acknowledged);
        sheet.put(side, format!("{name}: bytes written per message"), (subject.written()? - written) as f64 / acknowledged);
        put_times(&load, &name, side, sheet);
    }
    half(subject, &mut generator, (rate / 2.0, plan.half), side, sheet)
}

/// Open loop: a publish that had to wait for its turn has waited from when it was due.
fn half(subject: &Subject, generator: &mut Generator, (rate, time): (f64, Duration), side: Side, sheet: &mut Sheet) -> io::Result<()> {
    let written = subject.written()?;
    let load = Load::new(generator.callers.len(), Some(rate)).run(generator, time)?;
    let name = "publish at half load";
    sheet.put(side, format!("{name}: acknowledged/s"), load.ms.len() as f64 / load.start.elapsed().as_secs_f64());
    sheet.put(side, format!("{name}: MiB written meanwhile"), (subject.written()? - written) as f64 / 1_048_576.0);
    put_times(&load, name, side, sheet);
    let max = load.ms.iter().copied().fold(0.0, f64::max);
    sheet.put(side, format!("{name}: ms, the longest"), max);
    Ok(())
}

fn put_times(load: &Load, name: &str, side: Side, sheet: &mut Sheet) {
    for percent in [50, 99] {
        sheet.put(side, format!("{name}: ms, p{percent}"), percentile(&load.ms, percent).unwrap_or(f64::NAN));
    }
}

impl Load {
    pub(crate) fn new(callers: usize, rate: Option<f64>) -> Self {
        let start = clock::now();
        Self { rate, start, posted: 0, due: vec![start; callers], free: (0..callers).collect(), ms: Vec::new() }
    }

    /// Posts for `time`, then waits for the last answers.
    pub(crate) fn run(mut self, generator: &mut Generator, time: Duration) -> io::Result<Self> {
        let callers = self.due.len();
        let mut heard = Vec::new();
        loop {
            let over = self.start.elapsed() >= time;
            if over && self.free.len() == callers {
                return Ok(self);
            }
            if !over {
                self.post(generator)?;
            }
            generator.turn(self.pause(), &mut heard)?;
            heard.iter().try_for_each(|heard| self.hear(*heard))?;
        }
    }

    /// When the next publish is due.
    fn next(&self) -> Instant {
        self.rate.map_or_else(clock::now, |rate| self.start + Duration::from_secs_f64(self.posted as f64 / rate))
    }

    fn pause(&self) -> Duration {
        let longest = Duration::from_millis(100);
        if self.free.is_empty() || self.rate.is_none() { longest } else { self.next().saturating_duration_since(clock::now()).min(longest) }
    }

    fn post(&mut self, generator: &mut Generator) -> io::Result<()> {
        while self.next() <= clock::now() {
            let Some(caller) = self.free.pop() else { return Ok(()) };
            self.due[caller] = self.next();
            generator.callers[caller].post(To::Uid(self.posted % USERS), self.posted)?;
            self.posted += 1;
        }
        Ok(())
    }

    fn hear(&mut self, heard: Heard) -> io::Result<()> {
        match heard {
            Heard::Answered { caller, status: 200 } => {
                self.ms.push(self.due[caller].elapsed().as_secs_f64() * 1e3);
                self.free.push(caller);
                Ok(())
            }
            Heard::Answered { status, .. } => Err(io::Error::other(format!("a publish was answered {status}"))),
            Heard::Message { .. } | Heard::Ready | Heard::Lost => Ok(()),
        }
    }
}
