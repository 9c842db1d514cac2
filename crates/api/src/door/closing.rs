//! The door's end as a value that each of its tasks holds.

use tokio::sync::watch;

#[derive(Clone)]
pub(super) struct Closing(watch::Receiver<bool>);

impl Closing {
    pub(super) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Resolves when the door closes, or is dropped.
    pub(super) async fn begun(&mut self) {
        let _ = self.0.wait_for(|closing| *closing).await;
    }
}
