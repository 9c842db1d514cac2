//! The complete server of the 2017 tutorial "Hello Flask Socket.IO", on our crates and, as in its articles, on one port:
//! the pages `/` and `/chat`, `POST /message`, the page events, the chat, and the devices.
//!
//! ```text
//! cargo run --release -p tidings-tutorial -- --port 5000 --data ./tutorial-data
//! ```
//!
//! It shows that the rooms compose, and it is what the tutorial's readers had: whoever reaches the port may send to everyone.
//! It is not the product, which keeps devices and backends on listeners of their own.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;

use tidings_api::{Executor, PageEvents};
use tidings_delivery::DirectEvent;
use tidings_gateway::Config;
use tidings_gateway::devices::{self, DeviceDoor};
use tidings_model::Limits;
use tidings_pages::Publishing;
use tidings_store::{Owner, Store};

mod chat;
mod site;
mod tutorial;

use tutorial::Tutorial;

/// What comes through `/message` and the page events is kept for a day.
const TTL_S: u32 = 86_400;

struct Options {
    port: u16,
    data: PathBuf,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self { port: 5000, data: "./tutorial-data".into() };
        while let Some(name) = args.next() {
            let value = args.next().ok_or(format!("{name} needs a value"))?;
            match name.as_str() {
                "--port" => options.port = value.parse()?,
                "--data" => options.data = value.into(),
                _ => return Err(format!("unknown option {name}; known are --port and --data").into()),
            }
        }
        Ok(options)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let (store, _owner) = open_store(&options)?;
    let door = open_door(&options, &store)?;
    announce(door.gateway().addr());
    // A signal ends the process; whatever was answered is on disk.
    door.into_gateway().join()?;
    Ok(())
}

fn open_store(options: &Options) -> Result<(Store, Owner), Box<dyn Error>> {
    let config = tidings_store::Config {
        dir: options.data.clone(),
        limits: Limits::default(),
        workers: 1,
        build: env!("CARGO_PKG_VERSION").to_owned(),
        accept_clock: false,
    };
    Ok(Store::open(config)?)
}

/// One worker: its companion sees every socket, so that the chat needs no other place.
fn open_door(options: &Options, store: &Store) -> Result<DeviceDoor, Box<dyn Error>> {
    // Loopback, whatever is asked for: here everybody may do everything.
    let config = Config { bind: vec![SocketAddr::from(([127, 0, 0, 1], options.port))], visits: true, ..Config::default() };
    let heard = Publishing::heard().chain(chat::EVENTS.map(str::to_owned)).collect();
    let sessions = tidings_delivery::Config { heard, direct_event: DirectEvent::Both, ..tidings_delivery::Config::default() };
    let events = PageEvents::new(Executor::new(store.clone(), Limits::default(), None), TTL_S);
    let companion = |voice| Some(Box::new(Tutorial::new(events.clone(), voice)) as Box<dyn devices::Companion>);
    Ok(devices::start_with(&config, &sessions, store, None, companion)?)
}

fn announce(addr: SocketAddr) {
    eprintln!("WARNING: this is the tutorial's open design. Pages, devices and backends share one port without any key:");
    eprintln!("WARNING: whoever reaches it may send to everyone and read anybody's messages. Do not put it on a network.");
    eprintln!("tutorial  http://{addr}/  and  http://{addr}/chat");
}
