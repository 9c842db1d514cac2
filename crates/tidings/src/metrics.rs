//! What an operator watches: the numbers of every room under their public names, read when somebody asks for `/metrics`.
//!
//! One table has them all; the reference in docs/OPERATIONS.md is made from it. It counts nothing itself.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tidings_api::{Executor, IceNumbers, IceWatch, Metrics};
use tidings_delivery::Counters as Sessions;
use tidings_gateway::Numbers as Doors;
use tidings_gateway::devices::Watch;
use tidings_outbox::{Meter, SinkNumbers};
use tidings_store::{Counters as Log, Health, Store};

mod process;
mod sinks;
mod table;

pub(crate) use process::Process;
#[cfg(test)]
pub(crate) use sinks::SINKS;
pub(crate) use table::METRICS;

/// All numbers at one moment, summed over the workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub doors: Doors,
    pub sessions: Sessions,
    pub log: Log,
    pub calls: tidings_api::Calls,
    /// Callers that follow the events.
    pub followers: u64,
    pub ice: IceNumbers,
    pub process: Process,
    /// The store takes nothing at the moment.
    pub read_only: bool,
    pub sinks: Vec<SinkNumbers>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only rises while the process runs.
    Counter,
    Gauge,
}

/// One line of the table. A counter's public name ends in `_total`, which the format adds.
pub(crate) struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub says: &'static str,
    pub read: fn(&Reading) -> u64,
}

/// What `/metrics` reads from.
pub(crate) struct Rooms {
    pub devices: Watch,
    /// At rest where there is no such door.
    pub ice: IceWatch,
    pub executor: Executor,
    pub store: Store,
    pub sinks: Meter,
}

pub(crate) fn source(rooms: Rooms) -> Metrics {
    let started = Process::now();
    let read = move |calls| {
        let (doors, sessions) = rooms.devices.read();
        let (log, read_only) = (rooms.store.counters(), !matches!(rooms.store.health(), Health::Open));
        let (followers, ice) = (rooms.executor.followers() as u64, rooms.ice.read());
        let (process, sinks) = (Process::read(started), rooms.sinks.read());
        text(Reading { doors, sessions, log, calls, followers, ice, process, read_only, sinks })
    };
    Metrics::new(CONTENT_TYPE, Box::new(read))
}

/// OpenMetrics 1.0.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn text(reading: Reading) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(reading));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes everything");
    text
}

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for Metric { name, kind, says, read } in METRICS {
            let value = read(self);
            match kind {
                Kind::Counter => ConstCounter::new(value).encode(encoder.encode_descriptor(name, says, None, MetricType::Counter)?)?,
                Kind::Gauge => ConstGauge::new(value).encode(encoder.encode_descriptor(name, says, None, MetricType::Gauge)?)?,
            }
        }
        sinks::encode(&self.sinks, &mut encoder)
    }
}

#[cfg(test)]
mod tests;
