//! Broadcasts to every device: alone, and 16 in flight. A broadcast is over when the last device has it.

use std::io;
use std::time::{Duration, Instant};

use crate::clock;
use crate::generator::{Generator, Heard, To};
use crate::sheet::{Sheet, Side, percentile};
use crate::subject::Subject;

const PATIENCE: Duration = Duration::from_secs(60);
/// The proof of a live broadcast leaves 4 s after it at the latest.
pub(crate) const PROVEN: Duration = Duration::from_millis(5500);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub count: usize,
    pub in_flight: usize,
}

/// The broadcasts of one run, by their number less `first`.
struct Flight {
    plan: Plan,
    first: usize,
    devices: usize,
    sent: Vec<Instant>,
    reached: Vec<usize>,
    /// What each caller waits for: its broadcast, and whether that was answered.
    waiting: Vec<Option<(usize, bool)>>,
    ms: Vec<f64>,
}

/// Waits until everybody listens: one broadcast, to all.
pub(crate) fn first(generator: &mut Generator) -> io::Result<()> {
    let plan = Plan { count: 1, in_flight: 1 };
    generator.call_in(1)?;
    Flight::new(generator, plan).fly(generator)
}

pub(crate) fn measure(subject: &Subject, generator: &mut Generator, plan: Plan, side: Side, sheet: &mut Sheet) -> io::Result<()> {
    generator.call_in(plan.in_flight)?;
    let (start, cpu, own) = (clock::now(), subject.cpu()?, clock::own_cpu()?);
    let mut flight = Flight::new(generator, plan);
    flight.fly(generator)?;
    let (wall, spent, client) = (start.elapsed(), subject.cpu()? - cpu, clock::own_cpu()? - own);
    generator.settle(PROVEN)?;
    let proven = subject.cpu()? - cpu;
    let name = if plan.in_flight == 1 { "lone".to_owned() } else { format!("{} in flight", plan.in_flight) };
    let deliveries = (plan.count * flight.devices) as f64;
    let mut put = |what: &str, value: f64| sheet.put(side, format!("{name}: {what}"), value);
    put("CPU us per delivery", spent.as_secs_f64() * 1e6 / deliveries);
    put("CPU us per delivery, with 5.5 s of proofs after it", proven.as_secs_f64() * 1e6 / deliveries);
    put("deliveries/s", deliveries / wall.as_secs_f64());
    put("ms until the last device has it, p50", percentile(&flight.ms, 50).unwrap_or(f64::NAN));
    put("ms until the last device has it, p99", percentile(&flight.ms, 99).unwrap_or(f64::NAN));
    put("the generator's own CPU us per delivery", client.as_secs_f64() * 1e6 / deliveries);
    Ok(())
}

impl Flight {
    fn new(generator: &mut Generator, plan: Plan) -> Self {
        let first = generator.numbers(plan.count);
        Self {
            plan,
            first,
            devices: generator.devices.len(),
            sent: Vec::new(),
            reached: vec![0; plan.count],
            waiting: vec![None; plan.in_flight],
            ms: Vec::new(),
        }
    }

    fn fly(&mut self, generator: &mut Generator) -> io::Result<()> {
        let until = clock::now() + PATIENCE;
        let mut heard = Vec::new();
        while self.ms.len() < self.plan.count {
            self.post(generator)?;
            generator.turn(Duration::from_secs(1), &mut heard)?;
            heard.iter().try_for_each(|heard| self.hear(*heard))?;
            self.finish();
            if clock::now() > until {
                return Err(io::Error::other(format!("after {} broadcasts something never arrived", self.ms.len())));
            }
        }
        Ok(())
    }

    fn post(&mut self, generator: &mut Generator) -> io::Result<()> {
        for (caller, waiting) in self.waiting.iter_mut().enumerate() {
            if waiting.is_none() && self.sent.len() < self.plan.count {
                *waiting = Some((self.sent.len(), false));
                self.sent.push(clock::now());
                generator.callers[caller].post(To::All, self.first + self.sent.len() - 1)?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, heard: Heard) -> io::Result<()> {
        match heard {
            Heard::Message { number, .. } => {
                let reached = number.checked_sub(self.first).and_then(|at| self.reached.get_mut(at));
                let reached = reached.ok_or_else(|| io::Error::other("a broadcast of an earlier run"))?;
                *reached += 1;
                if *reached > self.devices {
                    return Err(io::Error::other("a broadcast arrived more often than there are devices"));
                }
            }
            Heard::Answered { caller, status: 200 } => self.waiting[caller] = self.waiting[caller].map(|(at, _)| (at, true)),
            Heard::Answered { status, .. } => return Err(io::Error::other(format!("a publish was answered {status}"))),
            Heard::Lost => return Err(io::Error::other("a device was lost")),
            Heard::Ready => {}
        }
        Ok(())
    }

    /// Frees the callers whose broadcast was answered and is everywhere.
    fn finish(&mut self) {
        for waiting in &mut self.waiting {
            let Some((at, true)) = *waiting else { continue };
            if self.reached[at] == self.devices {
                self.ms.push(self.sent[at].elapsed().as_secs_f64() * 1e3);
                *waiting = None;
            }
        }
    }
}
