//! What the business server's answer means: 200 is yes, 403 is no, and everything else is neither.

use tidings_json::{Json, unescape};
use tidings_model::{Claim, Code, Refusal, Uid, Verdict};

use crate::refusals::forbidden;
use crate::verifier::is_nobody_else;

/// Characters of the business server's own reason that a device is told.
const REASON_MAX: usize = 200;

pub(super) fn verdict(claim: &Claim, status: u16, body: &[u8]) -> Verdict {
    let body = Json::parse(body).ok();
    match status {
        200 => admitted(claim, body.as_ref()),
        403 => Err(refused(body.as_ref())),
        _ => {
            let message = format!("the business server answered {status} instead of 200 or 403, try again");
            Err(Refusal::new(Code::Overloaded, message))
        }
    }
}

/// A uid in the answer has to be the one that the device says, if it says one.
fn admitted(claim: &Claim, body: Option<&Json>) -> Verdict {
    const NAMELESS: &str = "neither the device nor the business server says whose credential it is";
    const NO_UID: &str = "the business server names something that is no uid";
    match (body.and_then(|body| body.member("uid")), &claim.named) {
        (Some(uid), _) => Uid::from_json(uid).map_err(|_| forbidden(NO_UID)).and_then(|uid| is_nobody_else(claim, uid)),
        (None, Some(named)) => {
            Uid::parse(named.reveal()).map_err(|error| Refusal::new(Code::InvalidField, format!("the uid {error}")).field("data"))
        }
        (None, None) => Err(forbidden(NAMELESS)),
    }
}

fn refused(body: Option<&Json>) -> Refusal {
    let reason = body.and_then(|body| body.member("message")).and_then(unescape);
    match reason {
        Some(reason) => {
            let reason: String = reason.chars().take(REASON_MAX).collect();
            Refusal::new(Code::Forbidden, format!("the business server refuses it: {reason}"))
        }
        None => forbidden("the business server refuses the credential"),
    }
}
