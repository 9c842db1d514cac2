//! The one table of codes, and a refusal on its way to a caller.
//!
//! What the caller reads (a [`Refusal`]) and what only the log reads (the cause) are kept apart here, so that no
//! inner word of the store ever stands in an answer.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

use tidings_model::{Code, Refusal};

use crate::executor::Allowance;
use tidings_json::Object;

#[cfg(test)]
mod tests;

/// The HTTP status of a code.
pub const fn status(code: Code) -> u16 {
    match code {
        Code::InvalidJson | Code::InvalidField | Code::UnknownField | Code::MissingTarget | Code::AmbiguousTarget => 400,
        Code::InvalidKey | Code::ExpiredKey => 401,
        Code::ScopeDenied | Code::AppDisabled | Code::Forbidden => 403,
        Code::NotFound | Code::UnknownTarget => 404,
        Code::MethodNotAllowed => 405,
        Code::TooLate | Code::Conflict => 409,
        Code::TokenUnregistered | Code::CursorExpired => 410,
        Code::PayloadTooLarge => 413,
        Code::UnsupportedMedia => 415,
        Code::IdempotencyMismatch => 422,
        Code::RateLimited | Code::QuotaExceeded => 429,
        Code::Internal => 500,
        Code::Overloaded | Code::Draining | Code::StorageUnavailable | Code::OutcomeUnknown => 503,
        Code::Timeout => 504,
    }
}

/// The Ice exception of a code: a subtype of `PushError` in `idl/Push.ice`, by what its own members say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exception {
    InvalidArgument,
    Unauthorized,
    NotFound,
    /// `PushError` itself.
    Plain,
    TooLarge,
    Busy,
    /// No exception of the contract: a reply that says nothing but the request's id.
    Internal,
}

pub(crate) const fn exception(code: Code) -> Exception {
    match code {
        Code::InvalidJson
        | Code::InvalidField
        | Code::UnknownField
        | Code::MissingTarget
        | Code::AmbiguousTarget
        | Code::UnsupportedMedia
        | Code::IdempotencyMismatch => Exception::InvalidArgument,
        Code::InvalidKey | Code::ExpiredKey | Code::ScopeDenied | Code::AppDisabled | Code::Forbidden => Exception::Unauthorized,
        Code::NotFound | Code::UnknownTarget | Code::MethodNotAllowed | Code::TokenUnregistered | Code::CursorExpired => {
            Exception::NotFound
        }
        Code::TooLate | Code::Conflict => Exception::Plain,
        Code::PayloadTooLarge => Exception::TooLarge,
        Code::RateLimited
        | Code::QuotaExceeded
        | Code::Overloaded
        | Code::Draining
        | Code::StorageUnavailable
        | Code::OutcomeUnknown
        | Code::Timeout => Exception::Busy,
        Code::Internal => Exception::Internal,
    }
}

/// A request that was refused, or that broke. Boxed: it is the rare end of every handler.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    refusal: Refusal,
    /// Where the field is the caller's own word; else it is in the refusal.
    field: Option<Arc<str>>,
    /// For the log only.
    cause: Option<Arc<str>>,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Refusal::new(code, message).into()
    }

    pub(crate) fn invalid(field: &'static str, why: impl Display) -> Self {
        Refusal::new(Code::InvalidField, format!("{field} {why}")).field(field).into()
    }

    /// A key that this verb does not know.
    pub(crate) fn unknown_field(name: &str, known: &str) -> Self {
        let name = shortened(name);
        let known = if known.is_empty() { "none is known".to_owned() } else { format!("known are {known}") };
        let mut failure = Self::new(Code::UnknownField, format!("{name} is no field here; {known}"));
        failure.0.field = Some(name.into());
        failure
    }

    /// Names the field as this door's caller does.
    pub(crate) fn renamed(mut self, from: &str, to: &str) -> Self {
        if self.0.refusal.field == Some(from) {
            self.0.field = Some(to.into());
        }
        self
    }

    /// The caller reads a fixed text.
    pub(crate) fn internal(cause: impl Display) -> Self {
        let mut failure = Self::new(Code::Internal, "something broke on our side; the log has the details under this request_id");
        failure.0.cause = Some(cause.to_string().into());
        failure
    }

    pub(crate) fn code(&self) -> Code {
        self.0.refusal.code
    }

    /// What the caller reads, but for a field that is his own word.
    pub(crate) fn refusal(&self) -> &Refusal {
        &self.0.refusal
    }

    pub(crate) fn field(&self) -> Option<&str> {
        self.0.field.as_deref().or(self.0.refusal.field)
    }

    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The limit that refused, for the headers `RateLimit-*`.
    pub(crate) fn spent(&self) -> Option<Allowance> {
        let refusal = &self.0.refusal;
        let limit = refusal.limit.and_then(|limit| u32::try_from(limit).ok()).filter(|_| refusal.code == Code::RateLimited)?;
        Some(Allowance { limit, remaining: 0, reset_ms: refusal.retry_after_ms? })
    }

    /// For the header `Retry-After`.
    pub(crate) fn retry_after_s(&self) -> Option<u64> {
        self.0.refusal.retry_after_ms.map(|ms| ms.div_ceil(1000))
    }

    /// `{code, message, field?}`: what a socket is told.
    pub(crate) fn brief(&self) -> String {
        let Parts { refusal, field, .. } = &*self.0;
        let mut error = Object::new();
        error.text("code", refusal.code.as_str()).text("message", &refusal.message);
        if let Some(field) = field.as_deref().or(refusal.field) {
            error.text("field", field);
        }
        error.finish()
    }

    pub(crate) fn body(&self, request_id: &str) -> String {
        Object::new().raw("error", self.error(request_id)).finish()
    }

    /// What stands as `error` in a body.
    pub(crate) fn error(&self, request_id: &str) -> String {
        let Parts { refusal, field, .. } = &*self.0;
        let mut error = Object::new();
        error
            .text("code", refusal.code.as_str())
            .text("message", &refusal.message)
            .text_or_null("field", field.as_deref().or(refusal.field))
            .raw("retryable", refusal.code.is_retryable())
            .raw_or_null("retry_after_ms", refusal.retry_after_ms)
            .raw_or_null("limit", refusal.limit)
            .raw_or_null("actual", refusal.actual);
        if let Some(oldest) = &refusal.oldest {
            error.text("oldest", oldest);
        }
        error.text("request_id", request_id).finish()
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self(Box::new(Parts { refusal, field: None, cause: None }))
    }
}

/// A stranger's word, short enough to be told back.
fn shortened(word: &str) -> String {
    const CHARS: usize = 64;
    match word.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}...", &word[..end]),
        None => word.to_owned(),
    }
}
