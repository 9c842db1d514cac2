//! `PushError` and its subtypes.

use std::fmt;

use bytes::Bytes;

use super::Attributes;
use crate::connection::Answer;
use crate::encoding::{DecodeError, Encapsulation, Encoding};
use crate::exception::{Members, Slices, Undecodable, Written, encode};

const BASE: &str = "::Push::PushError";

/// What a subtype of `PushError` says beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// `PushError` itself, or a subtype that is not known.
    #[default]
    Plain,
    InvalidArgument {
        field: String,
    },
    Unauthorized,
    NotFound {
        id: String,
    },
    TooLarge {
        max_bytes: i32,
        actual_bytes: i32,
    },
    Busy {
        retry_after_ms: Option<i32>,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushError {
    pub kind: Kind,
    /// The error code: the contract.
    pub reason: String,
    /// For people.
    pub text: String,
    pub request_id: Option<String>,
    pub extra: Option<Attributes>,
}

/// A `PushError` from the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The most derived type, which may be newer than we are.
    pub type_id: String,
    pub error: PushError,
}

impl Kind {
    /// None where there is no slice before the base's.
    fn slice(&self) -> Option<Written> {
        Some(match self {
            Self::Plain => return None,
            Self::InvalidArgument { field } => Written::new("::Push::InvalidArgument").member(field),
            Self::Unauthorized => Written::new("::Push::Unauthorized"),
            Self::NotFound { id } => Written::new("::Push::NotFound").member(id),
            Self::TooLarge { max_bytes, actual_bytes } => Written::new("::Push::TooLarge").member(max_bytes).member(actual_bytes),
            Self::Busy { retry_after_ms } => Written::new("::Push::Busy").optional(1, retry_after_ms.as_ref()),
        })
    }

    /// None: `type_id` is none of ours.
    fn read(type_id: &str, members: &mut Members<'_>) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match type_id {
            "::Push::InvalidArgument" => Self::InvalidArgument { field: members.value()? },
            "::Push::Unauthorized" => Self::Unauthorized,
            "::Push::NotFound" => Self::NotFound { id: members.value()? },
            "::Push::TooLarge" => Self::TooLarge { max_bytes: members.value()?, actual_bytes: members.value()? },
            "::Push::Busy" => Self::Busy { retry_after_ms: members.optional(1)? },
            _ => return Ok(None),
        }))
    }

    fn is_known(type_id: &str) -> bool {
        let known = ["::Push::InvalidArgument", "::Push::Unauthorized", "::Push::NotFound", "::Push::TooLarge", "::Push::Busy"];
        known.contains(&type_id)
    }
}

impl PushError {
    /// Sliced, so that a reader without the subtype gets the base. In 1.0 optional members fall away.
    pub fn encode(&self, encoding: Encoding) -> Bytes {
        let base = Written::new(BASE).member(&self.reason).member(&self.text);
        let base = base.optional(1, self.request_id.as_ref()).optional(2, self.extra.as_ref());
        encode(self.kind.slice().into_iter().chain([base]).collect(), encoding)
    }

    pub fn answer(&self, encoding: Encoding) -> Answer {
        Answer::User(self.encode(encoding))
    }

    /// Reads compact and sliced ones. An unknown subtype is read from the nearest type that is known.
    pub fn decode(exception: &Encapsulation) -> Result<Raised, Undecodable> {
        let mut slices = Slices::new(exception)?;
        let mut type_id = None;
        let mut kind = Kind::Plain;
        loop {
            let slice = slices.next_slice()?;
            type_id.get_or_insert_with(|| slice.type_id.to_owned());
            match slice.type_id {
                BASE => {
                    let error = slices.members(slice, |members| base(members, kind))?;
                    return Ok(Raised { type_id: type_id.unwrap_or_default(), error });
                }
                known if Kind::is_known(known) => {
                    kind = slices.members(slice, |members| Kind::read(known, members))?.unwrap_or_default();
                }
                _ => slices.skip(slice)?,
            }
        }
    }
}

fn base(members: &mut Members<'_>, kind: Kind) -> Result<PushError, DecodeError> {
    Ok(PushError { kind, reason: members.value()?, text: members.value()?, request_id: members.optional(1)?, extra: members.optional(2)? })
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.text)
    }
}

impl std::error::Error for PushError {}
