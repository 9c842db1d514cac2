//! What is known of each sink, under its id.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use tidings_outbox::SinkNumbers;

use super::Kind;

/// One line of the table of sinks; its label is `sink`.
pub(crate) struct SinkMetric {
    pub name: &'static str,
    pub kind: Kind,
    pub says: &'static str,
    pub read: fn(&SinkNumbers) -> u64,
}

const fn counter(name: &'static str, says: &'static str, read: fn(&SinkNumbers) -> u64) -> SinkMetric {
    SinkMetric { name, kind: Kind::Counter, says, read }
}

const fn gauge(name: &'static str, says: &'static str, read: fn(&SinkNumbers) -> u64) -> SinkMetric {
    SinkMetric { name, kind: Kind::Gauge, says, read }
}

pub(crate) const SINKS: &[SinkMetric] = &[
    counter("tidings_sink_delivered", "Events that the sink has taken", |sink| sink.delivered),
    counter("tidings_sink_failed", "Tries that the sink did not take", |sink| sink.failed),
    counter("tidings_sink_parked", "Events that the sink refused twice: they were passed over", |sink| sink.parked),
    counter("tidings_sink_gaps", "Times that the sink fell behind the log: events were never told to it", |sink| sink.gaps),
    gauge("tidings_sink_paused", "1 while the sink is told nothing until somebody sets it active", |sink| u64::from(sink.is_paused)),
    gauge("tidings_sink_lag_records", "Records of the log that the sink has not passed", |sink| sink.lag_records),
    gauge("tidings_sink_lag_seconds", "The age of the oldest event that is known to wait for the sink", |sink| sink.lag_s),
    gauge("tidings_sink_held_events", "Events in memory for the sink: two batches at the most", |sink| sink.held),
];

pub(super) fn encode(sinks: &[SinkNumbers], encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    for SinkMetric { name, kind, says, read } in SINKS {
        let of = if *kind == Kind::Counter { MetricType::Counter } else { MetricType::Gauge };
        let mut family = encoder.encode_descriptor(name, says, None, of)?;
        for sink in sinks {
            let labels = [("sink", sink.id.as_str())];
            let one = family.encode_family(&labels)?;
            match kind {
                Kind::Counter => ConstCounter::new(read(sink)).encode(one)?,
                Kind::Gauge => ConstGauge::new(read(sink)).encode(one)?,
            }
        }
    }
    Ok(())
}
