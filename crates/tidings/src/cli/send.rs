//! `tidings send`: one message, by `POST /message`.

use tidings_json::{Json, unescape, write_string};

use super::http::{self, Answer};
use super::url::Url;
use super::{Exit, say};
use crate::telemetry::complain;

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The server's backend listener
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:5001")]
    url: Url,
    #[command(flatten)]
    to: To,
    /// What to send: any JSON, like '"hello"' or '{"text":"hello"}'
    #[arg(value_name = "JSON", value_parser = json, allow_negative_numbers = true)]
    data: Json,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct To {
    /// Everyone
    #[arg(long)]
    all: bool,
    /// One user
    #[arg(long)]
    uid: Option<String>,
    /// One registration
    #[arg(long)]
    token: Option<String>,
}

fn json(text: &str) -> Result<Json, String> {
    Json::parse(text.as_bytes()).map_err(|error| format!("that is no JSON ({error}); text needs its quotes, like '\"hello\"'"))
}

pub(super) fn run(flags: &Flags) -> Exit {
    match http::post(&flags.url, "/message", &flags.body()) {
        Ok(answer) if answer.status == 200 => told(&answer),
        Ok(answer) => http::refused(&answer),
        Err(error) => {
            complain(&format!("no answer from {}: {error}; is the server running?", flags.url.authority));
            Exit::Failed
        }
    }
}

impl Flags {
    fn body(&self) -> String {
        let mut body = format!("{{\"data\":{}", self.data);
        for (key, value) in [("uid", &self.to.uid), ("token", &self.to.token)] {
            if let Some(value) = value {
                body.push_str(&format!(",\"{key}\":"));
                write_string(&mut body, value);
            }
        }
        body.push('}');
        body
    }
}

fn told(answer: &Answer) -> Exit {
    let Some(line) = accepted(&answer.body) else {
        complain(&format!("the server's answer was not understood: {}", answer.body));
        return Exit::Failed;
    };
    say(&line);
    Exit::Done
}

/// The id, and for how many devices it is.
fn accepted(body: &str) -> Option<String> {
    let answer = Json::parse(body.as_bytes()).ok()?;
    let id = unescape(answer.member("id")?)?;
    let targets = Json::trusted(answer.member("targets")?);
    let devices = targets.member("devices")?;
    let noun = if devices == "1" { "device" } else { "devices" };
    Some(format!("{id}  {devices} {noun}, {} online", targets.member("online")?))
}
