//! `PushListener` and `EventListener`.

use bytes::Bytes;

use super::service::admit;
use super::{Event, NoCall, Registration, Report};
use crate::encoding::{DecodeError, Decoder, Encoder};
use crate::request::{Mode, Request};

/// One call of a listener; none returns anything.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    Registered(Registration),
    Reported(Report),
    RegisteredBatch(Vec<Registration>),
    ReportedBatch(Vec<Report>),
    /// `EventListener`'s only one.
    Events(Vec<Event>),
}

const OPERATIONS: [(&str, Mode); 5] = [
    ("registered", Mode::Idempotent),
    ("reported", Mode::Idempotent),
    ("registeredBatch", Mode::Idempotent),
    ("reportedBatch", Mode::Idempotent),
    ("events", Mode::Idempotent),
];

impl Notice {
    /// Of all of them.
    pub const MODE: Mode = Mode::Idempotent;

    pub fn decode(request: &Request) -> Result<Self, NoCall> {
        admit(request, &OPERATIONS)?;
        request.params.read(|decoder| Self::params(&request.operation, decoder)).map_err(NoCall::from)
    }

    fn params(operation: &str, decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(match operation {
            "registered" => Self::Registered(decoder.value()?),
            "reported" => Self::Reported(decoder.value()?),
            "registeredBatch" => Self::RegisteredBatch(decoder.value()?),
            "reportedBatch" => Self::ReportedBatch(decoder.value()?),
            _ => Self::Events(decoder.value()?),
        })
    }

    pub const fn operation(&self) -> &'static str {
        match self {
            Self::Registered(_) => "registered",
            Self::Reported(_) => "reported",
            Self::RegisteredBatch(_) => "registeredBatch",
            Self::ReportedBatch(_) => "reportedBatch",
            Self::Events(_) => "events",
        }
    }

    /// The parameters, in encoding 1.1.
    pub fn encode(&self) -> Bytes {
        let mut encoder = Encoder::new();
        match self {
            Self::Registered(registration) => encoder.value(registration),
            Self::Reported(report) => encoder.value(report),
            Self::RegisteredBatch(registrations) => encoder.value(registrations),
            Self::ReportedBatch(reports) => encoder.value(reports),
            Self::Events(events) => encoder.value(events),
        };
        encoder.finish()
    }
}
