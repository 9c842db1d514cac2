//! SIGTERM, SIGINT and SIGHUP, as one stream.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal as Listener, SignalKind, signal};
use tokio::time::Instant;

const BREATH: Duration = Duration::from_millis(50);

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// To stop; its name.
    Stop(&'static str),
    /// To read again what can be read again.
    Reload,
}

pub(super) struct Signals {
    terminate: Listener,
    interrupt: Listener,
    hangup: Listener,
}

impl Signals {
    /// From here on they are ours.
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The one after the first, which ended `next` just now. A group and its leader are often told one signal twice
    /// (`timeout` does that): what follows within a breath is still the first.
    pub(super) async fn second(&mut self) {
        let first = Instant::now();
        loop {
            let signal = self.next().await;
            if first.elapsed() >= BREATH && signal != Signal::Reload {
                return;
            }
        }
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Signal::Stop("SIGINT"),
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}
