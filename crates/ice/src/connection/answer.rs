//! What a request is answered.

use bytes::Bytes;

use crate::encoding::{Encapsulation, Encoding};
use crate::reply::{Reply, Target, UNKNOWN, UNKNOWN_LOCAL};
use crate::request::Request;

/// What a dispatch ends with. Results and exceptions are in the encoding of the request's parameters, without a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Out-parameters, then the return value, then optional ones.
    Ok(Bytes),
    /// The slices of a user exception.
    User(Bytes),
    ObjectNotExist,
    FacetNotExist,
    OperationNotExist,
    /// Parameters that cannot be read, a wrong mode: a fixed text.
    BadRequest(&'static str),
    /// A fault of ours: the error's id, never details.
    Internal(String),
}

impl Reply {
    pub(crate) fn bad_request(text: &str) -> Self {
        Self::Unknown { status: UNKNOWN_LOCAL, text: text.to_owned() }
    }

    fn internal(text: &str) -> Self {
        Self::Unknown { status: UNKNOWN, text: text.to_owned() }
    }
}

/// A request between its dispatch and its answer.
#[derive(Debug)]
pub(super) struct Running {
    /// 0: nobody waits.
    id: i32,
    target: Target,
    encoding: Encoding,
}

impl Running {
    pub(super) fn new(id: i32, request: &Request) -> Self {
        Self { id, target: Target::from(request), encoding: request.params.encoding }
    }

    /// The reply's message, if one is wanted; never larger than `limit`.
    pub(super) fn reply(self, answer: Answer, limit: usize) -> Option<Bytes> {
        let Self { id, target, encoding } = self;
        let reply = match answer {
            Answer::Ok(body) => Reply::Ok(Encapsulation { encoding, body }),
            Answer::User(body) => Reply::User(Encapsulation { encoding, body }),
            Answer::ObjectNotExist => Reply::ObjectNotExist(target),
            Answer::FacetNotExist => Reply::FacetNotExist(target),
            Answer::OperationNotExist => Reply::OperationNotExist(target),
            Answer::BadRequest(text) => Reply::bad_request(text),
            Answer::Internal(id) => Reply::internal(&format!("internal error {id}")),
        };
        let message = (id != 0).then(|| reply.message(id))?;
        // The peer would close the connection over it, and take the calls of others along.
        Some(if message.len() > limit { Reply::internal("the answer is larger than a message may be").message(id) } else { message })
    }
}
