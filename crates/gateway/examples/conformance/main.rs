//! The server that the public conformance suites and our wire vectors expect, on the product's own gateway and engine:
//!
//! ```text
//! cargo run --release -p tidings-gateway --example conformance -- --port 3000
//! ```
//!
//! `/socket.io/` has the namespaces `/` and `/custom`; `/engine.io/` is the bare engine, which sends back each message as it
//! came. It listens on 127.0.0.1 and ::1 and prints its port; port 0 is any. With `--probe` the Socket.IO server is another:
//! it has an event for everything that a client library can do (`script.rs`), and slower heartbeats.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use tidings_engineio::Settings;
use tidings_gateway::http::Cors;
use tidings_gateway::{Config, Gateway, inbox};

mod fixture;
mod script;
mod talk;

use fixture::{Fixture, PATHS};
use script::Script;

struct Options {
    port: u16,
    ping_interval: u64,
    ping_timeout: u64,
    connect_timeout: u64,
    upgrade_timeout: u64,
    max_payload: usize,
    workers: u16,
    script: Script,
}

impl Options {
    fn suite() -> Self {
        Self {
            port: 3000,
            ping_interval: 300,
            ping_timeout: 200,
            connect_timeout: 1000,
            upgrade_timeout: 10_000,
            max_payload: 1_000_000,
            workers: 2,
            script: Script::Suite,
        }
    }

    /// One worker: rooms do not reach beyond it.
    fn probe() -> Self {
        Self { ping_interval: 1000, ping_timeout: 2000, connect_timeout: 45_000, workers: 1, script: Script::Probe, ..Self::suite() }
    }

    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self::suite();
        while let Some(name) = args.next() {
            if name == "--probe" {
                options = Self { port: options.port, ..Self::probe() };
                continue;
            }
            let value = args.next().ok_or(format!("{name} needs a value"))?;
            match name.as_str() {
                "--port" => options.port = value.parse()?,
                "--ping-interval" => options.ping_interval = value.parse()?,
                "--ping-timeout" => options.ping_timeout = value.parse()?,
                "--connect-timeout" => options.connect_timeout = value.parse()?,
                "--upgrade-timeout" => options.upgrade_timeout = value.parse()?,
                "--max-payload" => options.max_payload = value.parse()?,
                "--workers" => options.workers = value.parse()?,
                _ => return Err(format!("unknown option {name}").into()),
            }
        }
        Ok(options)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let gateway = open(&options)?;
    announce(gateway.addr());
    gateway.join()?;
    Ok(())
}

fn open(options: &Options) -> Result<Gateway<fixture::Session>, Box<dyn Error>> {
    let settings = Settings {
        ping_interval: Duration::from_millis(options.ping_interval),
        ping_timeout: Duration::from_millis(options.ping_timeout),
        upgrade_timeout: Duration::from_millis(options.upgrade_timeout),
        max_payload: options.max_payload,
        spread: Duration::ZERO,
    };
    let config = Config {
        bind: vec![SocketAddr::from(([127, 0, 0, 1], options.port)), SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], options.port))],
        paths: PATHS.map(str::to_owned).to_vec(),
        max_http_buffer: options.max_payload,
        // The vectors want `*`; a browser's page sends credentials with its requests and wants its origin back.
        cors: if options.script == Script::Suite { Cors::Star } else { Cors::Any },
        patience: settings.ping_interval + settings.ping_timeout,
        ..Config::default()
    };
    let mut houses = Vec::new();
    for worker in 0..options.workers {
        let connect_timeout = Duration::from_millis(options.connect_timeout);
        houses.push((Fixture::new(worker, options.script, settings.clone(), connect_timeout), inbox()?.1));
    }
    Ok(Gateway::start(&config, houses)?)
}

#[expect(clippy::print_stdout, reason = "whoever started it with port 0 reads the port here")]
fn announce(addr: SocketAddr) {
    println!("listening on {addr}");
}
