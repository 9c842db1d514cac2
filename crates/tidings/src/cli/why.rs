//! `tidings why`: what happened to one user, for a person who was woken by it. Newest first, a line for each event; a
//! message has a line for each device that it was for.

use std::io::{self, IsTerminal};

use tidings_json::{Json, members};

use super::http::{self, Answer};
use super::url::Url;
use super::{Exit, say};
use crate::config::Environment;
use crate::telemetry::complain;

mod line;

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The server's backend listener
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:5001")]
    url: Url,
    /// A key with the scope read; without it, the one in TIDINGS_KEY (which other users of this machine cannot see)
    #[arg(long, value_name = "K", value_parser = super::send::key)]
    key: Option<String>,
    /// Whose timeline
    #[arg(long)]
    uid: String,
    /// Events at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

impl Flags {
    fn key(&self) -> Option<String> {
        self.key.clone().or_else(|| Environment::of_process().key).filter(|key| !key.is_empty())
    }
}

/// Pages that tell nothing are followed so often: each has looked through some 16 MiB of the log.
const EMPTY_PAGES_MAX: usize = 64;

pub(super) fn run(flags: &Flags) -> Exit {
    match tell(flags) {
        Ok(exit) => exit,
        Err(Trouble::Unreached(error)) => {
            complain(&format!("no answer from {}: {error}; is the server running?", flags.url.authority));
            Exit::Failed
        }
        Err(Trouble::Refused(answer)) => http::refused(&answer),
        Err(Trouble::NotUnderstood) => {
            complain("the server's answer was not understood; is it of another version?");
            Exit::Failed
        }
    }
}

/// Why there is no timeline.
enum Trouble {
    Unreached(io::Error),
    Refused(Answer),
    NotUnderstood,
}

fn tell(flags: &Flags) -> Result<Exit, Trouble> {
    let path = format!("/v1/users/{}", encoded(&flags.uid));
    let user = ask(flags, &path)?;
    if !say(&line::heading(&user).ok_or(Trouble::NotUnderstood)?) {
        return Ok(Exit::Done);
    }
    let coloured = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (mut left, mut empty) = (flags.limit, 0);
    let mut cursor = None;
    loop {
        let page = ask(flags, &format!("{path}/timeline?limit={}{}", left.clamp(1, 100), behind(cursor.as_deref())))?;
        let items: Vec<&str> = page.member("items").and_then(tidings_json::elements).ok_or(Trouble::NotUnderstood)?.collect();
        for item in &items {
            for line in line::lines(&Json::trusted(*item)).ok_or(Trouble::NotUnderstood)? {
                if !say(&line.shown(coloured)) {
                    return Ok(Exit::Done);
                }
            }
        }
        left = left.saturating_sub(items.len());
        empty = if items.is_empty() { empty + 1 } else { 0 };
        cursor = page.member("next_cursor").and_then(tidings_json::unescape).map(std::borrow::Cow::into_owned);
        if cursor.is_none() || left == 0 || empty > EMPTY_PAGES_MAX {
            break;
        }
    }
    say(&end(flags, cursor.is_some()));
    Ok(Exit::Done)
}

fn behind(cursor: Option<&str>) -> String {
    cursor.map(|cursor| format!("&cursor={}", encoded(cursor))).unwrap_or_default()
}

fn end(flags: &Flags, more: bool) -> String {
    if more {
        format!("there is more; for older events: --limit {}", flags.limit.saturating_mul(4))
    } else {
        "the log says no more of this user".to_owned()
    }
}

/// A JSON object, or the trouble.
fn ask(flags: &Flags, path: &str) -> Result<Json, Trouble> {
    let answer = http::get(&flags.url, path, flags.key().as_deref()).map_err(Trouble::Unreached)?;
    if answer.status != 200 {
        return Err(Trouble::Refused(answer));
    }
    let body = Json::parse(answer.body.as_bytes()).map_err(|_| Trouble::NotUnderstood)?;
    if members(body.as_str()).is_some() { Ok(body) } else { Err(Trouble::NotUnderstood) }
}

/// Percent-encoded for a path or a query.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests;
