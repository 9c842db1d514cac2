//! `tidings token`: a credential for one user, as a business server would make it.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tidings_model::{AppName, Uid};
use tidings_registration::{LIFETIME_MAX_S, SharedSecret, issue_jwt, issue_signed_uid};

use super::{Exit, say};
use crate::telemetry::complain;

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The app that it is for
    #[arg(long, default_value = "/", value_parser = |text: &str| AppName::parse(text).map_err(|why| format!("it {why}")))]
    app: AppName,
    /// Whose it is
    #[arg(long, value_parser = |text: &str| Uid::parse(text).map_err(|why| format!("it {why}")))]
    uid: Uid,
    /// How long it is good: a number and s, m, h or d
    #[arg(long, default_value = "1h", value_parser = ttl)]
    ttl: Duration,
    /// The file of registration.jwt.secret_file, or of registration.signed.secret_file
    #[arg(long, value_name = "FILE")]
    secret: PathBuf,
    /// A signed uid, for apps that cannot change, instead of a JWT
    #[arg(long)]
    signed_uid: bool,
}

pub(super) fn run(flags: &Flags) -> Exit {
    match flags.credential(now_s()) {
        Ok(credential) => {
            say(&credential);
            Exit::Done
        }
        Err((why, exit)) => {
            complain(&why);
            exit
        }
    }
}

impl Flags {
    fn credential(&self, now_s: u64) -> Result<String, (String, Exit)> {
        let (name, exp_s) = (self.secret.display(), now_s.saturating_add(self.ttl.as_secs()));
        if !self.signed_uid && self.ttl.as_secs() > LIFETIME_MAX_S {
            return Err(("--ttl is more than 24h: no server takes such a JWT".to_owned(), Exit::Usage));
        }
        let bytes = std::fs::read(&self.secret).map_err(|error| (format!("{name} cannot be read: {error}"), Exit::Failed))?;
        let secret = SharedSecret::parse(&bytes).map_err(|why| (format!("{name} {why}"), Exit::Failed))?;
        let issue = if self.signed_uid { issue_signed_uid } else { issue_jwt };
        Ok(issue(&secret, &self.app, &self.uid, exp_s))
    }
}

fn ttl(text: &str) -> Result<Duration, String> {
    let wrong = || "it must be a number and s, m, h or d, like 1h".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    // Ten years: whatever is longer is a slip.
    let total = number.checked_mul(seconds).filter(|total| (1..=10 * 365 * 24 * 3600).contains(total));
    total.map(Duration::from_secs).ok_or_else(|| "it must be between 1s and ten years".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "a credential ends by the wall clock")]
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
