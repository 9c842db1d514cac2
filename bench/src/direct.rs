//! Messages to one user each, over 16 keep-alive connections with one request outstanding on each: durable before the
//! answer, and over when the device has it.

use std::io;
use std::time::{Duration, Instant};

use crate::clock;
use crate::generator::{Generator, Heard, To};
use crate::sheet::{Sheet, Side, percentile};
use crate::subject::Subject;

const CALLERS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(60);

struct Post {
    count: usize,
    first: usize,
    /// When, and to which device.
    sent: Vec<(Instant, usize)>,
    ms: Vec<f64>,
    dice: u64,
}

pub(crate) fn measure(subject: &Subject, generator: &mut Generator, count: usize, side: Side, sheet: &mut Sheet) -> io::Result<()> {
    generator.call_in(CALLERS)?;
    let mut post = Post { count, first: generator.numbers(count), sent: Vec::new(), ms: Vec::new(), dice: 0x9e37_79b9_7f4a_7c15 };
    let (start, cpu) = (clock::now(), subject.cpu()?);
    post.deliver(generator)?;
    let (wall, cpu) = (start.elapsed(), subject.cpu()? - cpu);
    let messages = count as f64;
    sheet.put(side, "direct: CPU us per message", cpu.as_secs_f64() * 1e6 / messages);
    sheet.put(side, "direct: messages/s", messages / wall.as_secs_f64());
    sheet.put(side, "direct: ms until the device has it, p50", percentile(&post.ms, 50).unwrap_or(f64::NAN));
    sheet.put(side, "direct: ms until the device has it, p99", percentile(&post.ms, 99).unwrap_or(f64::NAN));
    Ok(())
}

impl Post {
    fn deliver(&mut self, generator: &mut Generator) -> io::Result<()> {
        let until = clock::now() + PATIENCE;
        let mut heard = Vec::new();
        for caller in 0..CALLERS {
            self.post(generator, caller)?;
        }
        while self.ms.len() < self.count {
            generator.turn(Duration::from_secs(1), &mut heard)?;
            for heard in &heard {
                self.hear(generator, *heard)?;
            }
            if clock::now() > until {
                return Err(io::Error::other(format!("after {} messages something never arrived", self.ms.len())));
            }
        }
        Ok(())
    }

    fn post(&mut self, generator: &mut Generator, caller: usize) -> io::Result<()> {
        if self.sent.len() == self.count {
            return Ok(());
        }
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        let device = (self.dice % generator.devices.len() as u64) as usize;
        self.sent.push((clock::now(), device));
        generator.callers[caller].post(To::Uid(device), self.first + self.sent.len() - 1)
    }

    fn hear(&mut self, generator: &mut Generator, heard: Heard) -> io::Result<()> {
        match heard {
            Heard::Message { device, number } => {
                let sent = number.checked_sub(self.first).and_then(|at| self.sent.get(at));
                let (at, _) = sent.filter(|(_, to)| *to == device).ok_or_else(|| io::Error::other("a message for somebody else"))?;
                self.ms.push(at.elapsed().as_secs_f64() * 1e3);
                Ok(())
            }
            Heard::Answered { caller, status: 200 } => self.post(generator, caller),
            Heard::Answered { status, .. } => Err(io::Error::other(format!("a publish was answered {status}"))),
            Heard::Lost => Err(io::Error::other("a device was lost")),
            Heard::Ready => Ok(()),
        }
    }
}
