//! The `tidings` binary: one server, and the commands that talk to it.
//!
//! It builds each room from its Config, runs them and drains them in reverse; it decides nothing that a room decides.

use std::process::ExitCode;

mod app;
mod cli;
mod config;
mod metrics;
#[cfg(test)]
mod reference;
mod telemetry;
mod tls;

fn main() -> ExitCode {
    cli::run(std::env::args_os()).into()
}
