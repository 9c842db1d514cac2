//! Processes that die: `kill -9` at any moment, an fsync that fails once, a disk that fills up. Whatever was answered is there.

mod audit;
mod backup;
mod child;
mod disk;
mod kill;
mod power;
mod strace;

use std::path::Path;

use tidings_model::Limits;
use tidings_store::{Config, OpenError, Owner, Store};

/// How the store is opened in every process of these tests.
fn open(dir: &Path, disk_reserve_bytes: u64) -> Result<(Store, Owner), OpenError> {
    let limits = Limits { disk_reserve_bytes, sockets_per_uid: usize::MAX, ..Limits::default() };
    Store::open(Config { dir: dir.to_owned(), limits, workers: 2, build: "crash test".to_owned(), accept_clock: false })
}

/// What a run is told from outside; unset: None.
#[expect(clippy::disallowed_methods, reason = "a test binary is its own main")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
