//! `tidings check-config FILE`.

use std::path::PathBuf;

use super::{Exit, say};
use crate::config::Config;

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The file to check
    file: PathBuf,
}

pub(super) fn run(flags: &Flags) -> Exit {
    match Config::check_file(&flags.file) {
        Ok(_) => {
            say(&format!("{}: no problems", flags.file.display()));
            Exit::Done
        }
        Err(problems) => {
            for problem in problems {
                eprintln!("{problem}");
            }
            Exit::Failed
        }
    }
}
