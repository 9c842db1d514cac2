//! What is sent: an id, a body, and a signature of both and the time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::body::Bytes;
use ring::digest;
use tidings_json::{Object, array};
use tidings_model::{Event, SinkSecret};

use super::secret::signature;

/// One body with its name, for as many tries as it takes.
pub(super) struct Letter {
    /// What a retry is known by. From the sink and the events alone, so that it outlives this process.
    pub id: String,
    pub body: Bytes,
}

impl Letter {
    pub(super) fn of(sink: &str, batch: &[Event]) -> Self {
        let ids = batch.iter().map(|event| event.id.to_string());
        Self { id: named(sink, ids), body: body(batch.iter().map(crate::object)) }
    }

    /// One that tells nothing: its event is `event`, as a JSON object.
    pub(super) fn trial(id: &str, event: &str) -> Self {
        Self { id: named("", [id.to_owned()].into_iter()), body: body([event].into_iter()) }
    }

    /// A signature for each secret, separated by spaces: a receiver that has any of them can tell.
    pub(super) fn sign(&self, secrets: &[SinkSecret], timestamp: u64) -> String {
        let message = [self.id.as_bytes(), b".", timestamp.to_string().as_bytes(), b".", &self.body].concat();
        secrets.iter().map(|secret| signature(secret, &message)).collect::<Vec<_>>().join(" ")
    }
}

fn body(events: impl Iterator<Item = impl std::fmt::Display>) -> Bytes {
    Object::new().raw("events", array(events)).finish().into()
}

/// All ids count, not only the first and the last: with other types asked for, others may lie between them.
fn named(sink: &str, ids: impl Iterator<Item = String>) -> String {
    let mut digest = digest::Context::new(&digest::SHA256);
    digest.update(sink.as_bytes());
    for id in ids {
        digest.update(b"\n");
        digest.update(id.as_bytes());
    }
    format!("msg_{}", URL_SAFE_NO_PAD.encode(&digest.finish().as_ref()[..16]))
}

#[cfg(test)]
mod tests;
