//! What a peer asks: one request, or a batch of them.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::encoding::{DecodeError, Decoder, Encapsulation, Encoder, Encoding, Value as _};
use crate::header::{self, Kind};
use crate::limits::Limits;
use crate::proxy::Identity;

/// What goes with a request beside its parameters.
pub type Context = BTreeMap<String, String>;

/// Bytes of the smallest request of a batch.
pub(crate) const BATCHED_LEAST: usize = 12;

/// Whether a call may run twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Normal = 0,
    /// What 3.7 still says for the built-in operations.
    Nonmutating = 1,
    Idempotent = 2,
}

impl Mode {
    /// An idempotent operation takes any; a normal one only its own, as who thinks it idempotent would repeat it.
    pub fn suits(self, operation: Self) -> bool {
        operation != Self::Normal || self == Self::Normal
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub identity: Identity,
    /// "" for the default one.
    pub facet: String,
    pub operation: String,
    pub mode: Mode,
    pub context: Context,
    /// The parameters.
    pub params: Encapsulation,
}

/// A request whose parameters have not been looked at; on the wire they may be anything.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) request: Request,
    /// Bytes that it took.
    pub(crate) size: usize,
}

impl Head {
    /// Reads what stands before the parameters. Any error closes the connection.
    pub(crate) fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes, Encoding::V1_0);
        let identity = Identity { name: name(&mut decoder, limits)?, category: name(&mut decoder, limits)? };
        let facet = facet(&mut decoder, limits)?;
        let operation = name(&mut decoder, limits)?;
        let mode = match u8::decode(&mut decoder)? {
            0 => Mode::Normal,
            1 => Mode::Nonmutating,
            2 => Mode::Idempotent,
            _ => return Err(DecodeError::BadSize),
        };
        let context = context(&mut decoder, limits)?;
        let request = Request { identity, facet, operation, mode, context, params: Encapsulation::default() };
        Ok(Self { request, size: bytes.len() - decoder.remaining() })
    }
}

fn name(decoder: &mut Decoder<'_>, limits: &Limits) -> Result<String, DecodeError> {
    let name = decoder.text()?;
    if name.len() > limits.name { Err(DecodeError::TooMany) } else { Ok(name.to_owned()) }
}

/// A sequence of none or one.
fn facet(decoder: &mut Decoder<'_>, limits: &Limits) -> Result<String, DecodeError> {
    match decoder.size()? {
        0 => Ok(String::new()),
        1 => name(decoder, limits),
        _ => Err(DecodeError::TooMany),
    }
}

fn context(decoder: &mut Decoder<'_>, limits: &Limits) -> Result<Context, DecodeError> {
    let count = decoder.count(2)?;
    if count > limits.context_entries {
        return Err(DecodeError::TooMany);
    }
    (0..count).map(|_| Ok((String::decode(decoder)?, String::decode(decoder)?))).collect()
}

impl Request {
    fn encode_head(&self, encoder: &mut Encoder) {
        encode_target(&self.identity, &self.facet, &self.operation, encoder);
        encoder.raw(&[self.mode as u8]).value(&self.context);
    }

    /// Request with `id`, 0 for one that wants no reply.
    pub fn message(&self, id: i32) -> Bytes {
        header::message(Kind::Request, |encoder| {
            encoder.value(&id);
            self.encode_head(encoder);
            self.params.encode(encoder);
        })
    }

    /// BatchRequest.
    pub fn batch(requests: &[Self]) -> Bytes {
        header::message(Kind::Batch, |encoder| {
            encoder.int32(requests.len());
            for request in requests {
                request.encode_head(encoder);
                request.params.encode(encoder);
            }
        })
    }
}

/// Identity, facet and operation, as requests and the replies that refuse them name them.
pub(crate) fn encode_target(identity: &Identity, facet: &str, operation: &str, encoder: &mut Encoder) {
    encoder.value(identity);
    match facet {
        "" => encoder.size(0),
        facet => encoder.size(1).text(facet),
    };
    encoder.text(operation);
}
