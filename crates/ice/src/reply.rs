//! What becomes of a request, as the wire says it.

use bytes::Bytes;

use crate::encoding::{DecodeError, Decoder, Encapsulation, Encoder, Encoding, Value as _};
use crate::header::{self, Kind};
use crate::proxy::Identity;
use crate::request::{Request, encode_target};

/// Whom a refused request was for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    pub identity: Identity,
    pub facet: String,
    pub operation: String,
}

impl From<&Request> for Target {
    fn from(request: &Request) -> Self {
        Self { identity: request.identity.clone(), facet: request.facet.clone(), operation: request.operation.clone() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Ok(Encapsulation),
    User(Encapsulation),
    ObjectNotExist(Target),
    FacetNotExist(Target),
    OperationNotExist(Target),
    /// 5 to 255: what went wrong, as text. We send 5 and 7 only, as a 3.7 client takes nothing above 7.
    Unknown {
        status: u8,
        text: String,
    },
}

/// UnknownLocalException: the request cannot be understood.
pub const UNKNOWN_LOCAL: u8 = 5;
/// UnknownException: a fault of ours.
pub const UNKNOWN: u8 = 7;

impl Reply {
    /// Reads what follows the request id. Bytes behind it are not looked at.
    pub fn parse(bytes: &Bytes) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes, Encoding::V1_0);
        let status = u8::decode(&mut decoder)?;
        let encapsulation = || Encapsulation::parse(&bytes.slice(1..)).map(|(encapsulation, _)| encapsulation);
        Ok(match status {
            0 => Self::Ok(encapsulation()?),
            1 => Self::User(encapsulation()?),
            2 => Self::ObjectNotExist(target(&mut decoder)?),
            3 => Self::FacetNotExist(target(&mut decoder)?),
            4 => Self::OperationNotExist(target(&mut decoder)?),
            status => Self::Unknown { status, text: String::from_utf8_lossy(lossy(&mut decoder)?).into_owned() },
        })
    }

    pub fn message(&self, id: i32) -> Bytes {
        header::message(Kind::Reply, |encoder| {
            encoder.value(&id);
            self.encode(encoder);
        })
    }

    fn encode(&self, encoder: &mut Encoder) {
        match self {
            Self::Ok(result) => result.encode(encoder.raw(&[0])),
            Self::User(exception) => exception.encode(encoder.raw(&[1])),
            Self::ObjectNotExist(target) => target.encode(encoder.raw(&[2])),
            Self::FacetNotExist(target) => target.encode(encoder.raw(&[3])),
            Self::OperationNotExist(target) => target.encode(encoder.raw(&[4])),
            Self::Unknown { status, text } => {
                encoder.raw(&[*status]).text(text);
            }
        }
    }
}

/// Texts of peers hold whole tracebacks in whatever spelling.
fn lossy<'a>(decoder: &mut Decoder<'a>) -> Result<&'a [u8], DecodeError> {
    let size = decoder.size()?;
    decoder.bytes(size)
}

fn target(decoder: &mut Decoder<'_>) -> Result<Target, DecodeError> {
    let identity = Identity::decode(decoder)?;
    let facet = match decoder.size()? {
        0 => String::new(),
        1 => String::decode(decoder)?,
        _ => return Err(DecodeError::TooMany),
    };
    Ok(Target { identity, facet, operation: String::decode(decoder)? })
}

impl Target {
    fn encode(&self, encoder: &mut Encoder) {
        encode_target(&self.identity, &self.facet, &self.operation, encoder);
    }
}
