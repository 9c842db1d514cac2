//! What the business server is told of a claim. The shape is documented in docs/REGISTRATION.md.

use tidings_json::write_string;
use tidings_model::{Claim, Secret};

/// `{"app","uid","credential","device_id","address"}`; `uid` and `device_id` are null where the device says none.
pub(super) fn of(claim: &Claim) -> String {
    let mut out = "{\"app\":".to_owned();
    write_string(&mut out, claim.app.as_str());
    let address = claim.addr.to_string();
    let rest = [
        ("uid", claim.named.as_ref().map(Secret::reveal)),
        ("credential", claim.credential.as_ref().map(Secret::reveal)),
        ("device_id", claim.device_id.as_ref().map(|id| id.as_str())),
        ("address", Some(address.as_str())),
    ];
    for (key, value) in rest {
        out.push_str(&format!(",\"{key}\":"));
        match value {
            Some(value) => write_string(&mut out, value),
            None => out.push_str("null"),
        }
    }
    out.push('}');
    out
}
