//! What a call that failed says of the events in it: whether they are refused, or have to wait.

use std::time::Duration;

use tidings_ice::Encapsulation;
use tidings_ice::push::{Kind, PushError, Raised};
use tidings_ice::shell::{InvokeError, NotExecuted};
use tracing::debug;

use crate::carrier::Outcome;

#[cfg(test)]
mod tests;

/// Peers put whole tracebacks into their texts.
const TEXT_MAX: usize = 1024;
const BUSY_MIN: Duration = Duration::from_millis(100);
const BUSY_MAX: Duration = Duration::from_secs(60 * 60);

/// Why a call has told nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Refused(String),
    Later { after: Option<Duration>, why: String },
}

impl Failure {
    pub(super) fn later(why: impl Into<String>) -> Self {
        Self::Later { after: None, why: why.into() }
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(why) => Self::Refused { why },
            Failure::Later { after, why } => Self::Later { after, why },
        }
    }
}

impl From<InvokeError> for Failure {
    fn from(error: InvokeError) -> Self {
        match &error {
            InvokeError::User(exception) => raised(exception),
            // It cannot read what was in it; smaller may do.
            InvokeError::NotExecuted(NotExecuted::TooLarge { .. }) => Self::Refused(error.to_string()),
            InvokeError::Remote { status, text } => {
                debug!(status, text = cut(text), "the Ice listener failed");
                if matches!(status, 5 | 8) { Self::Refused(error.to_string()) } else { Self::later(error.to_string()) }
            }
            _ => Self::later(error.to_string()),
        }
    }
}

fn raised(exception: &Encapsulation) -> Failure {
    match PushError::decode(exception) {
        Ok(Raised { error: PushError { kind: Kind::Busy { retry_after_ms }, reason, text, .. }, .. }) => {
            Failure::Later { after: retry_after_ms.map(busy), why: said(&reason, &text) }
        }
        Ok(Raised { error: PushError { kind: Kind::Unauthorized, reason, text, .. }, .. }) => Failure::later(said(&reason, &text)),
        Ok(Raised { error, .. }) => Failure::Refused(said(&error.reason, &error.text)),
        Err(undecodable) => Failure::Refused(cut(&undecodable.to_string()).to_owned()),
    }
}

fn said(reason: &str, text: &str) -> String {
    cut(&format!("{reason}: {text}")).to_owned()
}

/// Less than none is none.
fn busy(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0)).clamp(BUSY_MIN, BUSY_MAX)
}

fn cut(text: &str) -> &str {
    let end = (0..=text.len().min(TEXT_MAX)).rfind(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}
