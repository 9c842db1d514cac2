//! Log lines, on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::{Format, Log};

/// Once, before a room is built.
pub(crate) fn start(log: &Log) {
    // The level was parsed when the configuration was.
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_writer(stderr).with_env_filter(filter);
    match log.format {
        Format::Text => lines.with_ansi(stderr().is_terminal()).init(),
        Format::Json => lines.json().flatten_event(true).init(),
    }
}
