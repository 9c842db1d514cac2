//! The accept loop: it owns the connections' tasks, and ends when the last of them has.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::closing::Closing;
use super::{connection, refusing};
use crate::http::answer::RequestIds;

/// After an accept that failed for want of something.
const PAUSE: Duration = Duration::from_millis(100);

/// `room`: connections at once; one more is told so and closed.
pub(super) async fn run(listener: TcpListener, router: Router, ids: RequestIds, room: usize, mut until: Closing) {
    let mut accepting = Accepting { router, ids, until: until.clone(), room: Arc::new(Semaphore::new(room)), tasks: JoinSet::new() };
    loop {
        tokio::select! {
            () = until.begun() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => accepting.take(stream),
                Err(error) => pause(&error).await,
            },
            Some(ended) = accepting.tasks.join_next() => told(ended),
        }
    }
    drop(listener);
    while let Some(ended) = accepting.tasks.join_next().await {
        told(ended);
    }
}

struct Accepting {
    router: Router,
    ids: RequestIds,
    until: Closing,
    room: Arc<Semaphore>,
    tasks: JoinSet<()>,
}

impl Accepting {
    fn take(&mut self, stream: TcpStream) {
        // Without it small answers wait for the peer's delayed ACK.
        let _ = stream.set_nodelay(true);
        let ids = self.ids.clone();
        match self.room.clone().try_acquire_owned() {
            Ok(place) => {
                let serving = connection::serve(stream, self.router.clone(), ids, self.until.clone());
                self.tasks.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(_) => refusing::full(stream, &ids),
        }
    }
}

/// A peer that went away before it was accepted is nobody's fault; anything else needs time, not spinning.
async fn pause(error: &io::Error) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted) {
        return;
    }
    tracing::warn!(%error, "accepting a backend connection failed");
    sleep(PAUSE).await;
}

fn told(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a backend connection broke");
    }
}

#[cfg(test)]
mod tests;
