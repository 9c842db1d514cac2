//! What is said on standard error: log lines, and plain words to whoever started us.

use std::io::{IsTerminal, Write, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::{Format, Log};

/// Once, before a room is built.
pub(crate) fn start(log: &Log) {
    // The level was parsed when the configuration was.
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    // A standard error that was closed must not end the server.
    let lines = tracing_subscriber::fmt().with_writer(stderr).log_internal_errors(false).with_env_filter(filter);
    match log.format {
        Format::Text => lines.with_ansi(stderr().is_terminal()).init(),
        Format::Json => lines.json().flatten_event(true).init(),
    }
}

/// A line on standard error. Whoever closed it does not want to know, and must not end a server by that.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
