//! Whole messages out of the bytes that came.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::encoding::{DecodeError, Decoder, Encapsulation, Encoding, Value as _};
use crate::header::{Header, Kind, LEN, Violation};
use crate::limits::Limits;
use crate::reply::Reply;
use crate::request::{BATCHED_LEAST, Head, Request};

/// A request whose head is sound; its parameters may be what no encapsulation is.
type Params = Result<Request, DecodeError>;

#[derive(Debug)]
pub(super) enum Message {
    /// With its id, 0 where no reply is wanted.
    Request(i32, Params),
    Batch(Batch),
    Reply(i32, Result<Reply, DecodeError>),
    Validate,
    Close,
}

/// Takes the next message once it is complete.
pub(super) fn take(input: &mut BytesMut, limits: &Limits) -> Result<Option<Message>, Violation> {
    let Some(head) = input.first_chunk::<LEN>() else { return Ok(None) };
    let header = Header::parse(head, limits.message)?;
    if input.len() < header.size {
        return Ok(None);
    }
    let mut body = input.split_to(header.size).freeze();
    body.advance(LEN);
    Ok(Some(match header.kind {
        Kind::Request => request(body, limits)?,
        Kind::Batch => Message::Batch(Batch::new(body)?),
        Kind::Reply => {
            let id = id(&mut body)?;
            Message::Reply(id, Reply::parse(&body))
        }
        Kind::Validate => Message::Validate,
        Kind::Close => Message::Close,
    }))
}

fn id(body: &mut Bytes) -> Result<i32, Violation> {
    body.try_get_i32_le().map_err(|_| Violation::Malformed)
}

fn request(mut body: Bytes, limits: &Limits) -> Result<Message, Violation> {
    let id = id(&mut body)?;
    let Head { request, size } = Head::parse(&body, limits).map_err(|_| Violation::Malformed)?;
    // Bytes behind the parameters are not looked at.
    let params = Encapsulation::parse(&body.slice(size..)).map(|(params, _)| params);
    Ok(Message::Request(id, params.map(|params| Request { params, ..request })))
}

/// Requests that are taken one by one, as others end.
#[derive(Debug)]
pub(super) struct Batch {
    rest: Bytes,
    count: usize,
}

impl Batch {
    fn new(body: Bytes) -> Result<Self, Violation> {
        let mut decoder = Decoder::new(&body, Encoding::V1_0);
        let count = i32::decode(&mut decoder).ok().and_then(|count| usize::try_from(count).ok()).ok_or(Violation::Malformed)?;
        if count > decoder.remaining() / BATCHED_LEAST {
            return Err(Violation::Malformed);
        }
        Ok(Self { rest: body.slice(4..), count })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes left.
    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    /// Where one's parameters cannot be told from the next request, all that follows is lost: that closes the connection.
    pub(super) fn next_request(&mut self, limits: &Limits) -> Result<Params, Violation> {
        let Head { request, size } = Head::parse(&self.rest, limits).map_err(|_| Violation::Malformed)?;
        let (params, taken) = Encapsulation::parse(&self.rest.slice(size..)).map_err(|_| Violation::Malformed)?;
        self.rest.advance(size + taken);
        self.count -= 1;
        Ok(Ok(Request { params, ..request }))
    }
}
