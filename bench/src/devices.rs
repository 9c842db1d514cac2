//! What a device costs: CPU of its connect, and memory while it is there and silent.

use std::io;
use std::time::Duration;

use crate::clock;
use crate::generator::{Generator, Role};
use crate::sheet::{Sheet, Side};
use crate::subject::{Memory, Subject};

/// Below this the server's own first use of code and tables hides a device's share.
const WARM: usize = 500;
const QUIET: Duration = Duration::from_millis(300);

/// Connects `count` devices and leaves them there.
pub(crate) fn connect(subject: &Subject, count: usize, role: Role, side: Side, sheet: &mut Sheet) -> io::Result<Generator> {
    let mut generator = Generator::new(subject.devices, subject.backend)?;
    let name = match role {
        Role::Idle => "connected",
        Role::Registered => "registered",
    };
    let warm = WARM.min(count / 10);
    generator.settle(QUIET)?;
    let empty = subject.memory()?;
    generator.connect(warm, role)?;
    generator.settle(QUIET)?;
    let (start, before, cpu) = (clock::now(), subject.memory()?, subject.cpu()?);
    generator.connect(count, role)?;
    let (wall, cpu) = (start.elapsed(), subject.cpu()? - cpu);
    generator.settle(QUIET)?;
    let after = subject.memory()?;
    let more = (count - warm) as f64;
    sheet.put(side, format!("{name}: CPU us per connect"), cpu.as_secs_f64() * 1e6 / more);
    sheet.put(side, format!("{name}: connects/s"), more / wall.as_secs_f64());
    sheet.put(side, format!("{name}: RSS KiB per device"), kib(after.rss, before.rss, more));
    sheet.put(side, format!("{name}: of that heap and stacks"), kib(after.anonymous, before.anonymous, more));
    sheet.put(side, format!("{name}: RSS KiB per device, the first ones too"), kib(after.rss, empty.rss, count as f64));
    sheet.put(side, format!("{name}: RSS MiB of the empty server"), empty.rss as f64 / 1_048_576.0);
    Ok(generator)
}

/// `later` names a moment.
pub(crate) fn held(generator: &Generator, memory: (Memory, Memory), later: &str, side: Side, sheet: &mut Sheet) {
    let (before, after) = memory;
    sheet.put(side, format!("{later}: RSS KiB per device"), kib(after.rss, before.rss, generator.devices.len() as f64));
}

fn kib(after: u64, before: u64, devices: f64) -> f64 {
    (after as f64 - before as f64) / 1024.0 / devices
}
