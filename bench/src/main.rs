//! `tidings-bench`: the load generator and the bare loops. It starts the real server, measures it from outside, and does
//! the same to a bare loop in the same round; it proves no correctness beyond counting what arrives.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

mod admin;
mod bare;
mod clock;
mod devices;
mod direct;
mod fanout;
mod generator;
mod publish;
mod receiver;
mod sheet;
mod sinks;
mod subject;
mod wire;

use generator::Role;
use sheet::{Sheet, Side};
use subject::{Kind, Place, Subject};

#[derive(Debug, Parser)]
#[command(about = "Measure the server beside a bare loop", args_conflicts_with_subcommands = true)]
struct Command {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Everything, as without a command
    Run(Flags),
    /// RSS per idle and per registered device, CPU per connect
    Devices(Flags),
    /// The same runs as `devices`
    Connect(Flags),
    /// Broadcasts alone and 16 in flight, then messages to one user each
    Fanout(Flags),
    /// Messages to one user each only
    Direct(Flags),
    /// Acknowledged publishes a second, and their time at half load
    Publish(Flags),
    /// How fast a webhook catches up, and what that costs a publish; not in `run`
    Sinks(SinkFlags),
    /// A bare loop, which the others start by themselves
    #[command(hide = true)]
    Bare(bare::Flags),
}

#[derive(Clone, Debug, Args)]
struct Flags {
    /// The server's binary
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/tidings"))]
    server: PathBuf,
    /// Where the servers' data goes, on the disk to be measured
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/target/data"))]
    data: PathBuf,
    /// A configuration file for the server
    #[arg(long)]
    config: Option<PathBuf>,
    /// Devices
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(10..=19000))]
    sockets: u32,
    /// Each round measures the product and the bare loop, each from a fresh start
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// One round, fewer messages
    #[arg(long)]
    quick: bool,
}

#[derive(Clone, Debug, Args)]
struct SinkFlags {
    #[command(flatten)]
    flags: Flags,
    /// Events of the backlog (default: a million, with --quick 50,000)
    #[arg(long, value_parser = clap::value_parser!(u64).range(1000..))]
    events: Option<u64>,
    /// Of them, those that one message makes
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1000))]
    per_message: u64,
    /// Windows with each number of callers, in each state (default: 5, with --quick 2)
    #[arg(long)]
    windows: Option<usize>,
}

/// One round of one side.
type Measure = fn(&Bench, Side, &mut Sheet) -> io::Result<()>;

struct Bench {
    place: Place,
    sockets: usize,
    quick: bool,
}

fn main() -> ExitCode {
    let command = Command::parse();
    let done = match command.what {
        None => measure(&command.flags, &[idle, registered, publishes]),
        Some(What::Run(flags)) => measure(&flags, &[idle, registered, publishes]),
        Some(What::Devices(flags) | What::Connect(flags)) => measure(&flags, &[idle, registered_only]),
        Some(What::Fanout(flags)) => measure(&flags, &[registered]),
        Some(What::Direct(flags)) => measure(&flags, &[directs]),
        Some(What::Publish(flags)) => measure(&flags, &[publishes]),
        Some(What::Sinks(flags)) => sinks(&flags),
        Some(What::Bare(flags)) => bare::run(&flags),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(flags: &Flags, what: &[Measure]) -> io::Result<()> {
    let bench = Bench::new(flags)?;
    let rounds = if flags.quick { 1 } else { flags.rounds };
    let mut sheet = Sheet::default();
    for round in 0..rounds {
        for measure in what {
            // Who goes first changes from round to round.
            let sides = if round % 2 == 0 { [Side::Limit, Side::Product] } else { [Side::Product, Side::Limit] };
            for side in sides {
                measure(&bench, side, &mut sheet)?;
            }
        }
        eprintln!("round {} of {rounds}, load {}", round + 1, std::fs::read_to_string("/proc/loadavg")?.trim());
    }
    write!(io::stdout(), "{}", sheet.table())
}

/// Each device is a file here, and one in the server, which inherits the limit.
fn raise_files(need: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < need) {
        return Err(io::Error::other(format!("{need} open files are needed, the hard limit is below: see ulimit -Hn")));
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}

/// One start: its windows are its rounds. No bare loop takes part, it has no sinks.
fn sinks(flags: &SinkFlags) -> io::Result<()> {
    let SinkFlags { flags, events, per_message, windows } = flags;
    let bench = Bench::new(flags)?;
    let quick = flags.quick;
    let events = events.unwrap_or(if quick { 50_000 } else { 1_000_000 });
    let plan = sinks::Plan {
        events: events - events % per_message,
        per_message: *per_message,
        windows: windows.unwrap_or(if quick { 2 } else { 5 }),
        window: Duration::from_secs(if quick { 1 } else { 2 }),
    };
    let mut sheet = Sheet::of_sinks();
    let subject = bench.start(Side::Product, Kind::Loop)?;
    sinks::measure(&subject, plan, &mut sheet)?;
    subject.stop()?;
    eprintln!("load {}", std::fs::read_to_string("/proc/loadavg")?.trim());
    write!(io::stdout(), "{}", sheet.table())
}

impl Bench {
    fn new(flags: &Flags) -> io::Result<Self> {
        raise_files(u64::from(flags.sockets) + 200)?;
        std::fs::create_dir_all(&flags.data)?;
        let place = Place { server: flags.server.clone(), data: flags.data.clone(), config: flags.config.clone() };
        Ok(Self { place, sockets: flags.sockets as usize, quick: flags.quick })
    }

    fn start(&self, side: Side, limit: Kind) -> io::Result<Subject> {
        Subject::start(if side == Side::Product { Kind::Product } else { limit }, &self.place)
    }

    fn number(&self, full: usize) -> usize {
        if self.quick { full / 5 } else { full }
    }
}

fn idle(bench: &Bench, side: Side, sheet: &mut Sheet) -> io::Result<()> {
    let subject = bench.start(side, Kind::Loop)?;
    drop(devices::connect(&subject, bench.sockets, Role::Idle, side, sheet)?);
    end(subject, side)
}

fn registered_only(bench: &Bench, side: Side, sheet: &mut Sheet) -> io::Result<()> {
    let subject = bench.start(side, Kind::Loop)?;
    drop(devices::connect(&subject, bench.sockets, Role::Registered, side, sheet)?);
    end(subject, side)
}

fn registered(bench: &Bench, side: Side, sheet: &mut Sheet) -> io::Result<()> {
    let subject = bench.start(side, Kind::Loop)?;
    let empty = subject.memory()?;
    let mut generator = devices::connect(&subject, bench.sockets, Role::Registered, side, sheet)?;
    fanout::first(&mut generator)?;
    generator.settle(fanout::PROVEN)?;
    devices::held(&generator, (empty, subject.memory()?), "registered, one broadcast proven", side, sheet);
    let lone = fanout::Plan { count: bench.number(60), in_flight: 1 };
    fanout::measure(&subject, &mut generator, lone, side, sheet)?;
    let many = fanout::Plan { count: bench.number(200), in_flight: 16 };
    fanout::measure(&subject, &mut generator, many, side, sheet)?;
    direct::measure(&subject, &mut generator, bench.number(30_000), side, sheet)?;
    devices::held(&generator, (empty, subject.memory()?), "registered, after all this", side, sheet);
    drop(generator);
    end(subject, side)
}

fn directs(bench: &Bench, side: Side, sheet: &mut Sheet) -> io::Result<()> {
    let subject = bench.start(side, Kind::Loop)?;
    let mut generator = devices::connect(&subject, bench.sockets, Role::Registered, side, sheet)?;
    fanout::first(&mut generator)?;
    direct::measure(&subject, &mut generator, bench.number(30_000), side, sheet)?;
    drop(generator);
    end(subject, side)
}

fn publishes(bench: &Bench, side: Side, sheet: &mut Sheet) -> io::Result<()> {
    let subject = bench.start(side, Kind::Commits)?;
    let second = Duration::from_secs(1);
    let plan = publish::Plan { full: second * if bench.quick { 1 } else { 4 }, half: second * if bench.quick { 3 } else { 10 } };
    publish::measure(&subject, plan, side, sheet)?;
    end(subject, side)
}

/// The bare loop knows no stop: it goes with its owner.
fn end(subject: Subject, side: Side) -> io::Result<()> {
    if side == Side::Product { subject.stop() } else { Ok(()) }
}
