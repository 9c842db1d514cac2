//! The business server over ZeroC Ice: calls of `EventListener` or `PushListener` at an address from the configuration.
//!
//! What the object there can take is found out by calling it, and remembered for that connection. It keeps no event: whoever
//! asks has the batch, and asks again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tidings_ice::push::Notice;
use tidings_ice::shell::{Client, ClientSettings, InvokeError, Proxy};
use tidings_ice::{Context, Limits, Mode};
use tidings_model::Event;
use tracing::{info, warn};

use crate::carrier::{Carrier, Outcome};

mod failure;
mod form;
mod target;

#[cfg(test)]
mod tests;

use failure::Failure;
use form::{Form, Part};
pub use target::{BadTarget, Certificates, Target};
pub use tidings_ice::{Address, BadAddress};

/// Of one call, the making of a connection included.
const CALL: Duration = Duration::from_secs(10);

/// One connection to one listener, made when it is needed.
#[derive(Debug)]
pub struct IceCarrier {
    /// Owns the connection.
    _client: Client,
    proxy: Proxy,
    learned: Learned,
    passed_over: Arc<AtomicU64>,
}

/// What was found out about the object behind one connection.
#[derive(Debug, Default)]
struct Learned {
    /// Its number.
    connection: u64,
    form: Form,
    /// The log says already that something is passed over.
    is_told: bool,
}

impl IceCarrier {
    /// Connects with the first batch, within the tokio runtime it is made in.
    pub fn new(target: Target) -> Self {
        Self::with_patience(target, CALL)
    }

    fn with_patience(target: Target, call: Duration) -> Self {
        let client = Client::new(target.address.clone(), settings(&target, call));
        let proxy = client.proxy();
        Self { _client: client, proxy, learned: Learned::default(), passed_over: Arc::default() }
    }

    /// Events that the listeners so far had no operation for.
    pub fn passed_over(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.passed_over)
    }

    /// Makes sure that what was learned is of the object that is there now: else an object that can take more would be told less.
    async fn recall(&mut self) -> Result<(), Failure> {
        if self.learned.form == Form::Events {
            return Ok(());
        }
        match self.proxy.invoke("ice_ping", Mode::Idempotent, &Context::new(), Bytes::new()).await {
            Ok(_) | Err(InvokeError::OperationNotExist) => {}
            Err(error) => return Err(error.into()),
        }
        if self.proxy.connection() != self.learned.connection {
            self.learned = Learned::default();
        }
        Ok(())
    }

    /// Tells the first of `rest`, which is not empty, in the form that the object takes. How many are dealt with: none where
    /// another form is to be tried.
    async fn advance(&mut self, rest: &[Event]) -> Result<usize, Failure> {
        let part = self.learned.form.first(rest);
        match self.tell(&part).await {
            Ok(()) => Ok(self.dealt_with(&part)),
            Err(InvokeError::OperationNotExist) => self.fall_back().map(|()| 0),
            Err(failed @ InvokeError::Remote { status: 7, .. }) if self.learned.form == Form::Batches => self.singly(rest, failed).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn tell(&self, part: &Part) -> Result<(), InvokeError> {
        let Some(notice) = &part.notice else { return Ok(()) };
        self.proxy.invoke(notice.operation(), Notice::MODE, &Context::new(), notice.encode()).await.map(drop)
    }

    /// A servant in a scripting language fails, instead of saying so, where it lacks a method: it may have the single one.
    async fn singly(&mut self, rest: &[Event], failed: InvokeError) -> Result<usize, Failure> {
        let part = Form::Singles.first(rest);
        match self.tell(&part).await {
            Ok(()) => {
                self.learn(Form::Singles);
                Ok(self.dealt_with(&part))
            }
            Err(InvokeError::OperationNotExist) => Err(failed.into()),
            Err(error) => Err(error.into()),
        }
    }

    fn fall_back(&mut self) -> Result<(), Failure> {
        let form = match self.learned.form {
            Form::Events => Form::Batches,
            Form::Batches => Form::Singles,
            Form::Singles => {
                // Another object may be put there under the same connection.
                self.learned = Learned::default();
                return Err(Failure::later("the object has no operation of EventListener or PushListener"));
            }
        };
        self.learn(form);
        Ok(())
    }

    fn learn(&mut self, form: Form) {
        let connection = self.proxy.connection();
        self.learned = Learned { connection, form, is_told: self.learned.is_told && self.learned.connection == connection };
        info!(?form, connection, "the Ice listener takes less than EventListener's operation");
    }

    fn dealt_with(&mut self, part: &Part) -> usize {
        if part.passed_over > 0 {
            self.passed_over.fetch_add(part.passed_over, Ordering::Relaxed);
            if !std::mem::replace(&mut self.learned.is_told, true) {
                warn!(
                    "the Ice listener has no EventListener: only device.registered and message.reported are told, other events are passed over"
                );
            }
        }
        part.events
    }
}

impl Carrier for IceCarrier {
    async fn carry(&mut self, batch: &[Event]) -> Outcome {
        if let Err(failure) = self.recall().await {
            return failure.into();
        }
        let mut taken = 0;
        while taken < batch.len() {
            match self.advance(&batch[taken..]).await {
                Ok(events) => taken += events,
                // What is left is asked for again, and fails again.
                Err(_) if taken > 0 => break,
                Err(failure) => return failure.into(),
            }
        }
        let last = taken.checked_sub(1).expect("a batch has an event, and it was dealt with");
        Outcome::Taken { upto: batch[last].id }
    }
}

fn settings(target: &Target, call: Duration) -> ClientSettings {
    // A dead endpoint must leave time for the others.
    let endpoints = u32::try_from(target.address.endpoints.len()).unwrap_or(u32::MAX);
    let limits = Limits { setup: call / endpoints.max(1), ..Limits::client() };
    ClientSettings { limits, call, tls: target.tls.clone() }
}
