//! The command line: which verb, with what; each verb is a file.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Problem;
use crate::telemetry::complain;

mod backup;
mod check_config;
mod doctor;
mod folder;
mod http;
mod key;
mod listen;
mod restore;
mod send;
mod serve;
mod token;
mod url;
mod why;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    /// Bad usage, or a configuration that is refused.
    Usage = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[derive(Debug, Parser)]
#[command(name = "tidings", version, about = "A self-hosted push service for Socket.IO clients", disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the server
    Serve(serve::Flags),
    /// Say what is wrong with a configuration file, each problem with its line
    CheckConfig(check_config::Flags),
    /// Make the keys that backends call with
    Key(key::Flags),
    /// Send a message through a running server
    Send(send::Flags),
    /// Be a device in this terminal: print what arrives
    Listen(listen::Flags),
    /// Copy everything durable into a folder, also beside a running server
    Backup(backup::Flags),
    /// Make a data folder from a backup
    Restore(restore::Flags),
    /// Look at this machine: ports, limits, disk, clock; exit 1 if a server would not run well
    Doctor(doctor::Flags),
    /// Make a registration credential for one user: a JWT, or a signed uid
    Token(token::Flags),
    /// Say what happened to a user: what was sent, what became of it, why not
    Why(why::Flags),
}

/// Runs one command line to its end.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> Exit {
    let verb = match Line::try_parse_from(arguments) {
        Ok(line) => line.verb,
        Err(error) => return usage(&error),
    };
    match verb {
        Verb::Serve(flags) => serve::run(&flags),
        Verb::CheckConfig(flags) => check_config::run(&flags),
        Verb::Key(flags) => key::run(&flags),
        Verb::Send(flags) => send::run(&flags),
        Verb::Listen(flags) => listen::run(&flags),
        Verb::Backup(flags) => backup::run(&flags),
        Verb::Restore(flags) => restore::run(&flags),
        Verb::Doctor(flags) => doctor::run(&flags),
        Verb::Token(flags) => token::run(&flags),
        Verb::Why(flags) => why::run(&flags),
    }
}

/// A configuration that is refused: every problem of it.
fn refused(problems: &[Problem]) -> Exit {
    for problem in problems {
        complain(&problem.to_string());
    }
    Exit::Usage
}

fn failed(why: &str) -> Exit {
    complain(&format!("tidings: {why}"));
    Exit::Failed
}

fn usage(error: &clap::Error) -> Exit {
    // A closed terminal cannot be told anything.
    let _ = error.print();
    verdict(error)
}

/// Help and version are no mistakes.
fn verdict(error: &clap::Error) -> Exit {
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

/// A line on standard output; false: nobody reads it any more.
fn say(line: &str) -> bool {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).is_ok()
}

#[cfg(test)]
mod tests;
