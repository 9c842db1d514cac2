//! What a worker counts: plain numbers that it publishes once a turn, readable from any thread.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// One worker's numbers.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Numbers {
            $($(#[$doc])* pub $name: u64,)+
        }

        /// Where a worker publishes them.
        #[derive(Debug, Default)]
        pub struct Gauge {
            $($name: AtomicU64,)+
        }

        impl Gauge {
            pub(crate) fn publish(&self, numbers: &Numbers) {
                $(self.$name.store(numbers.$name, Relaxed);)+
            }

            pub(crate) fn connections(&self) -> u64 {
                self.connections.load(Relaxed)
            }

            pub fn read(&self) -> Numbers {
                Numbers { $($name: self.$name.load(Relaxed),)+ }
            }
        }

        impl std::ops::Add for Numbers {
            type Output = Self;

            fn add(self, other: Self) -> Self {
                Self { $($name: self.$name + other.$name,)+ }
            }
        }
    };
}

counters! {
    /// Open connections.
    connections,
    /// Sessions in the house.
    sessions,
    /// Connections accepted since the start.
    accepted,
    /// ... and answered 503 because too many were open.
    refused,
    /// Times that accepting paused for want of file descriptors.
    pauses,
    /// HTTP requests.
    requests,
    /// WebSocket messages and control frames from clients.
    messages,
    /// Writes to WebSockets.
    writes,
    /// Writes that the kernel did not take whole.
    blocked,
    /// Sockets closed because what waited for the kernel outgrew its bound.
    overrun,
    /// Sessions that came from another worker.
    arrived,
    /// Requests that were passed to another worker.
    passed,
    bytes_in,
    bytes_out,
}
