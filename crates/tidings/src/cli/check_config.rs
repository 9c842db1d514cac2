//! `tidings check-config FILE`, and the table of what a file may hold.

use std::path::{Path, PathBuf};

use super::{Exit, say};
use crate::config::Config;
use crate::config::keys::KEYS;
use crate::telemetry::complain;

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The file to check
    #[arg(required_unless_present = "keys")]
    file: Option<PathBuf>,
    /// Print every key with its default instead
    #[arg(long, conflicts_with = "file")]
    keys: bool,
}

pub(super) fn run(flags: &Flags) -> Exit {
    match &flags.file {
        Some(file) => check(file),
        None => list(),
    }
}

fn check(file: &Path) -> Exit {
    match Config::check_file(file) {
        Ok(_) => {
            say(&format!("{}: no problems", file.display()));
            Exit::Done
        }
        Err(problems) => {
            for problem in problems {
                complain(&problem.to_string());
            }
            Exit::Failed
        }
    }
}

/// The reference: a line for each key.
fn list() -> Exit {
    for key in KEYS {
        if !say(&format!("{} = {}\n    {}", key.name, key.written_default(), key.says)) {
            break;
        }
    }
    Exit::Done
}
