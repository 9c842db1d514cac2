//! The log and the store in memory: for tests and for the simulator; nothing here outlives the process.

mod log;
mod store;

pub(crate) use log::MemLog;
#[cfg(test)]
pub(crate) use store::dice_of;
pub use store::{Appended, Fault, MemStore, Told};
