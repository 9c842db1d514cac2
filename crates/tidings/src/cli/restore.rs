//! `tidings restore DIR`: a new data folder from a backup.

use std::path::PathBuf;

use super::folder::Folder;
use super::{Exit, failed, refused, say};

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The backup
    #[arg(value_name = "DIR")]
    from: PathBuf,
    #[command(flatten)]
    folder: Folder,
}

pub(super) fn run(flags: &Flags) -> Exit {
    let config = match flags.folder.load() {
        Ok(config) => config,
        Err(problems) => return refused(&problems),
    };
    match tidings_store::restore(&flags.from, &config.data) {
        Ok(restored) => {
            say(&format!("{}  {} bytes, up to record {}", config.data.display(), restored.bytes, restored.last));
            Exit::Done
        }
        Err(error) => failed(&error.to_string()),
    }
}
