//! `tidings backup DIR`: a copy of everything durable, beside a running server or without one.

use std::path::PathBuf;

use super::folder::Folder;
use super::{Exit, failed, refused, say};

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// Where the backup goes: a folder that is empty or not there yet
    #[arg(value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    folder: Folder,
}

pub(super) fn run(flags: &Flags) -> Exit {
    let config = match flags.folder.load() {
        Ok(config) => config,
        Err(problems) => return refused(&problems),
    };
    match tidings_store::backup(&config.data, &flags.to) {
        Ok(made) => {
            let beside = if made.was_live { ", beside a running server" } else { "" };
            say(&format!("{}  {} bytes, up to record {}{beside}", flags.to.display(), made.bytes, made.last));
            Exit::Done
        }
        Err(error) => failed(&error.to_string()),
    }
}
