//! SIGTERM and SIGINT, as one stream.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

const BREATH: Duration = Duration::from_millis(50);

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on they are ours.
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The one after the first, which ended `next` just now. A group and its leader are often told one signal twice
    /// (`timeout` does that): what follows within a breath is still the first.
    pub(super) async fn second(&mut self) {
        let first = Instant::now();
        while first.elapsed() < BREATH {
            self.next().await;
        }
    }

    /// The next one's name.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
