//! Proxies as parameters. Read and written, never dialled: who sends one does not choose where we connect.

use bytes::Bytes;

use super::Identity;
use crate::encoding::{DecodeError, Decoder, Encapsulation, Encoder, Format, Value};

/// A proxy that is not null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub identity: Identity,
    /// "" for the default one.
    pub facet: String,
    /// 0 twoway, 1 oneway, 2 batch oneway, 3 and 4 datagram.
    pub mode: u8,
    pub secure: bool,
    /// Protocol and encoding, major and minor.
    pub versions: [u8; 4],
    pub endpoints: Vec<WireEndpoint>,
    /// Without endpoints: the adapter's id, "" for a well-known object.
    pub adapter: String,
}

/// An endpoint of any transport, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireEndpoint {
    /// 1 tcp, 2 ssl, 3 udp, 4 ws, 5 wss.
    pub kind: i16,
    pub data: Encapsulation,
}

/// None is the null proxy.
impl Value for Option<Reference> {
    const FIXED: Option<usize> = None;
    const LEAST: usize = 2;
    const FORMAT: Format = Format::FSize;

    fn encode(&self, encoder: &mut Encoder) {
        let Some(reference) = self else {
            encoder.raw(&[0, 0]);
            return;
        };
        encoder.value(&reference.identity).value(&path(&reference.facet));
        encoder.value(&reference.mode).value(&reference.secure).raw(&reference.versions).size(reference.endpoints.len());
        for endpoint in &reference.endpoints {
            endpoint.data.encode(encoder.value(&endpoint.kind));
        }
        if reference.endpoints.is_empty() {
            encoder.text(&reference.adapter);
        }
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let identity = Identity::decode(decoder)?;
        if identity.name.is_empty() {
            return if identity.category.is_empty() { Ok(None) } else { Err(DecodeError::Short) };
        }
        let facet = facet(decoder)?;
        let (mode, secure) = (u8::decode(decoder)?, bool::decode(decoder)?);
        let versions = [u8::decode(decoder)?, u8::decode(decoder)?, u8::decode(decoder)?, u8::decode(decoder)?];
        let count = decoder.count(8)?;
        let endpoints: Vec<_> = (0..count).map(|_| endpoint(decoder)).collect::<Result<_, _>>()?;
        let adapter = if count == 0 { String::decode(decoder)? } else { String::new() };
        Ok(Some(Reference { identity, facet, mode, secure, versions, endpoints, adapter }))
    }
}

fn path(facet: &str) -> Vec<String> {
    Some(facet).filter(|facet| !facet.is_empty()).map(str::to_owned).into_iter().collect()
}

fn facet(decoder: &mut Decoder<'_>) -> Result<String, DecodeError> {
    let mut path = Vec::<String>::decode(decoder)?;
    if path.len() > 1 { Err(DecodeError::TooMany) } else { Ok(path.pop().unwrap_or_default()) }
}

fn endpoint(decoder: &mut Decoder<'_>) -> Result<WireEndpoint, DecodeError> {
    let kind = i16::decode(decoder)?;
    let size = decoder.clone().int32()?;
    let bytes = Bytes::copy_from_slice(decoder.bytes(size)?);
    Ok(WireEndpoint { kind, data: Encapsulation::parse(&bytes)?.0 })
}
