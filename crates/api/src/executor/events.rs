//! Events: the outbox, read by its consumer with a cursor of its own.

use std::time::Duration;

use tidings_model::{Code, EventId, Refusal};
use tidings_store::{EventPage, EventQuery, EventsError as StoreError};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::{Executor, FOLLOWERS_MAX};

/// A wait that found nothing looks again so often at most: a busy log must not be read for every batch.
const BREATH: Duration = Duration::from_millis(20);

/// Why a page of events was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventsError {
    /// The cursor is older than the log.
    Expired { oldest: EventId },
    /// For the log, not for the caller.
    Broken(String),
}

/// Why a caller does not follow the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowError {
    /// `rate_limited`: there are too many of them.
    Refused(Refusal),
    Events(EventsError),
}

impl Executor {
    /// The events behind the cursor; where there are none, those that come within `wait`. A drain ends the wait.
    pub async fn events(&self, query: EventQuery, wait: Duration) -> Result<EventPage, EventsError> {
        let _waiter = (!wait.is_zero()).then(|| self.0.waiters.try_acquire().ok()).flatten();
        self.await_events(query, if _waiter.is_some() { wait } else { Duration::ZERO }).await
    }

    /// The events behind the cursor and all that come, for as long as the answer is kept. The first page is read at once.
    pub async fn follow(&self, query: EventQuery) -> Result<Following, FollowError> {
        let place = self.0.followers.clone().try_acquire_owned().map_err(|_| FollowError::Refused(crowded()))?;
        let page = self.page(query.clone()).await.map_err(FollowError::Events)?;
        Ok(Following { executor: self.clone(), query, first: Some(page), _place: place })
    }

    /// Callers that follow the events now.
    pub fn followers(&self) -> usize {
        FOLLOWERS_MAX.saturating_sub(self.0.followers.available_permits())
    }

    async fn await_events(&self, mut query: EventQuery, wait: Duration) -> Result<EventPage, EventsError> {
        let patience = sleep(wait);
        tokio::pin!(patience);
        let mut appended = self.0.appended.clone();
        loop {
            // What is appended from here on is either in the page or wakes us behind it.
            appended.mark_unchanged();
            let page = self.page(query.clone()).await?;
            if !page.events.is_empty() || self.0.drain.has_begun() {
                return Ok(page);
            }
            query.after = Some(page.next);
            tokio::select! {
                biased;
                () = &mut patience => return Ok(page),
                () = self.0.drain.begun() => return Ok(page),
                () = news(&mut appended, page.more) => {}
            }
        }
    }

    pub(super) async fn page(&self, query: EventQuery) -> Result<EventPage, EventsError> {
        let broken = |cause: &dyn std::fmt::Display| EventsError::Broken(cause.to_string());
        let _turn = self.0.reads.acquire().await.map_err(|closed| broken(&closed))?;
        let store = self.0.store.clone();
        let read = spawn_blocking(move || store.events(&query)).await.map_err(|panic| broken(&panic))?;
        read.map_err(|error| match error {
            StoreError::Expired { oldest } => EventsError::Expired { oldest },
            StoreError::Read(error) => broken(&error),
        })
    }
}

/// A caller who stays: nothing is read for it before it has taken what was.
pub struct Following {
    executor: Executor,
    query: EventQuery,
    first: Option<EventPage>,
    _place: OwnedSemaphorePermit,
}

impl Following {
    /// The next page: an empty one where none came within `wait`. None: the server stops.
    pub async fn next(&mut self, wait: Duration) -> Result<Option<EventPage>, EventsError> {
        if let Some(page) = self.first.take() {
            self.query.after = Some(page.next);
            return Ok(Some(page));
        }
        if self.executor.0.drain.has_begun() {
            return Ok(None);
        }
        let page = self.executor.await_events(self.query.clone(), wait).await?;
        self.query.after = Some(page.next);
        Ok(Some(page))
    }
}

fn crowded() -> Refusal {
    let mut refusal = Refusal::new(Code::RateLimited, "as many callers follow the events as this server takes; read them in pages");
    refusal.retry_after_ms = Some(5000);
    refusal
}

/// Resolves when there is something to look at.
async fn news(appended: &mut tokio::sync::watch::Receiver<tidings_model::Position>, more: bool) {
    if more {
        return;
    }
    if appended.changed().await.is_err() {
        // The store is closed: nothing will come any more, only patience ends the wait.
        std::future::pending::<()>().await;
    }
    sleep(BREATH).await;
}
