//! The stop as a value: whoever publishes holds a [`Running`], whoever waits looks for the end.

use tokio::sync::watch;

/// Serving until [`Drain::begin`]; then nobody is admitted any more, and waits end.
pub(crate) struct Drain {
    signal: watch::Sender<bool>,
}

/// A request that was admitted before the drain began, and may end in peace.
pub struct Running {
    _held: watch::Receiver<bool>,
}

impl Drain {
    pub(crate) fn new() -> Self {
        Self { signal: watch::Sender::new(false) }
    }

    /// None: the process is stopping.
    pub(crate) fn admit(&self) -> Option<Running> {
        // Held before it is looked at: `idle` cannot miss it.
        let held = self.signal.subscribe();
        let draining = *held.borrow();
        (!draining).then_some(Running { _held: held })
    }

    pub(crate) fn begin(&self) {
        self.signal.send_replace(true);
    }

    pub(crate) fn has_begun(&self) -> bool {
        *self.signal.borrow()
    }

    /// Resolves once the drain has begun.
    pub(crate) async fn begun(&self) {
        // The sender is ours, so it cannot be gone.
        let _ = self.signal.subscribe().wait_for(|begun| *begun).await;
    }

    /// Resolves once nobody who was admitted, and nobody who waited, is left.
    pub(crate) async fn idle(&self) {
        self.signal.closed().await;
    }
}
