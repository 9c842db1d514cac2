//! What is said on standard error: log lines, and plain words to whoever started us.

use std::io::{IsTerminal, Write, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::reload::Error as Gone;

use crate::config::{Format, Log};

/// The level of the log that runs.
pub(crate) struct Level(Box<dyn Fn(EnvFilter) -> Result<(), Gone> + Send + Sync>);

impl Level {
    /// `level` was parsed when the configuration was.
    pub(crate) fn set(&self, level: &str) {
        // The subscriber lives as long as the process.
        let _ = (self.0)(filter(level));
    }
}

/// Once, before a room is built.
pub(crate) fn start(log: &Log) -> Level {
    // A standard error that was closed must not end the server.
    let lines = tracing_subscriber::fmt().with_writer(stderr).log_internal_errors(false).with_env_filter(filter(&log.level));
    match log.format {
        Format::Text => {
            let lines = lines.with_ansi(stderr().is_terminal()).with_filter_reloading();
            let handle = lines.reload_handle();
            lines.init();
            Level(Box::new(move |filter| handle.reload(filter)))
        }
        Format::Json => {
            let lines = lines.json().flatten_event(true).with_filter_reloading();
            let handle = lines.reload_handle();
            lines.init();
            Level(Box::new(move |filter| handle.reload(filter)))
        }
    }
}

fn filter(level: &str) -> EnvFilter {
    EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// A line on standard error. Whoever closed it does not want to know, and must not end a server by that.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
