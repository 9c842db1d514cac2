//! Health: whether this server may get traffic.

use tidings_model::{Code, Refusal};
use tidings_store::Health;

use super::{Executor, draining};

impl Executor {
    /// Err: it should get none now; `draining` or `storage_unavailable`.
    pub fn ready(&self) -> Result<(), Refusal> {
        if self.0.drain.has_begun() {
            return Err(draining());
        }
        match self.0.store.health() {
            Health::Open => Ok(()),
            Health::ReadOnly { .. } => {
                Err(Refusal::new(Code::StorageUnavailable, "the disk takes no more; it is tried again every second"))
            }
            Health::Stopped(_) => Err(Refusal::new(Code::StorageUnavailable, "the store has stopped itself; the log says why")),
        }
    }
}
