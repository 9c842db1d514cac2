//! How many connections each address has, where that is limited. Deliberately no rate and no memory of who has gone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(test)]
mod tests;

/// The addresses that have connections now; shared by a door's workers, and asked only at an accept and an end.
#[derive(Debug)]
pub(crate) struct Crowd {
    /// Connections of one address at most.
    most: u32,
    counts: Mutex<HashMap<IpAddr, u32>>,
}

/// One connection's place among those of its address; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    addr: IpAddr,
    crowd: Arc<Crowd>,
}

impl Crowd {
    pub(crate) fn new(most: u32) -> Self {
        Self { most, counts: Mutex::default() }
    }

    /// None: the address has as many as it may.
    pub(crate) fn admit(self: &Arc<Self>, addr: IpAddr) -> Option<Place> {
        let addr = addr.to_canonical();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(addr).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Place { addr, crowd: Arc::clone(self) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.crowd.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.addr) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.addr);
            }
        }
    }
}
