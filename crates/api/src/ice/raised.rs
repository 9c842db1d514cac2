//! A refusal as Ice says it: the code chooses the exception, and its members are filled from what the refusal knows.

use tidings_ice::push::{Attributes, Kind, PushError};
use tidings_ice::{Answer, Encoding};
use tracing::error;

use crate::error::{Exception, Failure, exception};

/// What an answer to a refused call needs beside the refusal.
pub(super) struct Refused<'a> {
    pub request_id: &'a str,
    /// The one thing that the call names, for `NotFound`; "": none, or several.
    pub subject: &'a str,
    /// Of the request.
    pub encoding: Encoding,
}

impl Refused<'_> {
    pub(super) fn answer(&self, failure: &Failure) -> Answer {
        match self.kind(failure) {
            Some(kind) => self.raised(kind, failure).answer(self.encoding),
            None => {
                error!(request_id = self.request_id, cause = failure.cause(), "an Ice call broke");
                Answer::Internal(self.request_id.to_owned())
            }
        }
    }

    /// None: it broke, and nobody is told why.
    fn kind(&self, failure: &Failure) -> Option<Kind> {
        let refusal = failure.refusal();
        Some(match exception(refusal.code) {
            Exception::InvalidArgument => Kind::InvalidArgument { field: failure.field().unwrap_or_default().to_owned() },
            Exception::Unauthorized => Kind::Unauthorized,
            Exception::NotFound => Kind::NotFound { id: self.subject.to_owned() },
            Exception::TooLarge => Kind::TooLarge { max_bytes: capped(refusal.limit), actual_bytes: capped(refusal.actual) },
            Exception::Busy => Kind::Busy { retry_after_ms: refusal.retry_after_ms.map(|ms| capped(Some(ms))) },
            Exception::Plain => Kind::Plain,
            Exception::Internal => return None,
        })
    }

    fn raised(&self, kind: Kind, failure: &Failure) -> PushError {
        let refusal = failure.refusal();
        let known = [
            ("field", failure.field().map(str::to_owned)),
            ("limit", refusal.limit.map(|limit| limit.to_string())),
            ("actual", refusal.actual.map(|actual| actual.to_string())),
        ];
        let extra: Attributes = known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        PushError {
            kind,
            reason: refusal.code.as_str().to_owned(),
            text: refusal.message.clone().into_owned(),
            request_id: Some(self.request_id.to_owned()),
            extra: (!extra.is_empty()).then_some(extra),
        }
    }
}

fn capped(number: Option<u64>) -> i32 {
    number.map_or(0, |number| i32::try_from(number).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests;
