//! `tidings send`: one message, by `POST /message`; to a topic by `POST /v1/messages`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tidings_json::{Json, unescape, write_string};
use tidings_model::AppName;

use super::http::{self, Answer};
use super::url::Url;
use super::{Exit, say};
use crate::config::Environment;
use crate::telemetry::complain;

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The server's backend listener
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:5001")]
    url: Url,
    /// The key to call with; without it, the one in TIDINGS_KEY (which other users of this machine cannot see)
    #[arg(long, value_name = "K", value_parser = key)]
    key: Option<String>,
    /// The app that it is for, where no key says so
    #[arg(long, value_name = "A", value_parser = app)]
    app: Option<AppName>,
    #[command(flatten)]
    to: To,
    /// Stay until a device has it, and say by what that is known
    #[arg(long, conflicts_with_all = ["all", "topic"])]
    wait: bool,
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
    /// Who is in a topic
    #[arg(long)]
    topic: Option<String>,
}

fn json(text: &str) -> Result<Json, String> {
    Json::parse(text.as_bytes()).map_err(|error| format!("that is no JSON ({error}); text needs its quotes, like '\"hello\"'"))
}

fn app(text: &str) -> Result<AppName, String> {
    AppName::parse(text).map_err(|why| format!("that is no app's name: it {why}"))
}

/// What may stand in a header.
pub(super) fn key(text: &str) -> Result<String, String> {
    let is_visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_visible { Ok(text.to_owned()) } else { Err("that is no key: it must be visible ASCII".to_owned()) }
}

pub(super) fn run(flags: &Flags) -> Exit {
    let authorization = match flags.authorization() {
        Ok(line) => line,
        Err(why) => {
            complain(&format!("TIDINGS_KEY: {why}"));
            return Exit::Usage;
        }
    };
    let call = Call { flags, body: flags.body(), head: format!("{authorization}{}Idempotency-Key: {}\r\n", flags.app_line(), any_key()) };
    match call.make("") {
        Ok(answer) if !told(&answer) => Exit::Failed,
        Ok(_) if flags.wait => call.wait(),
        Ok(_) => Exit::Done,
        Err(()) => Exit::Failed,
    }
}

/// One message, asked for once or, to wait for it, again under the same key.
struct Call<'f> {
    flags: &'f Flags,
    body: String,
    head: String,
}

/// A wait is asked for anew after so long.
const WAIT_S: u64 = 30;
/// Where too many wait already.
const AGAIN: Duration = Duration::from_secs(1);

impl Call<'_> {
    /// An answer that says yes; what says no is told.
    fn make(&self, more: &str) -> Result<Answer, ()> {
        let url = &self.flags.url;
        match http::post(url, self.flags.path(), &format!("{}{more}", self.head), &self.body) {
            Ok(answer) if matches!(answer.status, 200 | 202) => Ok(answer),
            Ok(answer) => {
                http::refused(&answer);
                Err(())
            }
            Err(error) => {
                complain(&format!("no answer from {}: {error}; is the server running?", url.authority));
                Err(())
            }
        }
    }

    fn wait(&self) -> Exit {
        loop {
            let Ok(answer) = self.make(&format!("Prefer: wait={WAIT_S}\r\n")) else { return Exit::Failed };
            if let Some(line) = proven(&answer.body) {
                say(&line);
                return Exit::Done;
            }
            if !answer.has("preference-applied") {
                std::thread::sleep(AGAIN);
            }
        }
    }
}

/// A key that no other call has.
fn any_key() -> String {
    let draw = || RandomState::new().build_hasher().finish();
    format!("send-{:016x}{:016x}", draw(), draw())
}

impl Flags {
    /// The line that says who calls; empty where nobody in particular does.
    fn authorization(&self) -> Result<String, String> {
        let from_environment = || Environment::of_process().key.filter(|text| !text.is_empty()).map(|text| key(&text)).transpose();
        let key = if self.key.is_some() { self.key.clone() } else { from_environment()? };
        Ok(key.map_or_else(String::new, |key| format!("Authorization: Bearer {key}\r\n")))
    }

    fn app_line(&self) -> String {
        self.app.as_ref().map_or_else(String::new, |app| format!("Tidings-App: {}\r\n", app.as_str()))
    }

    fn path(&self) -> &'static str {
        if self.to.topic.is_some() { "/v1/messages" } else { "/message" }
    }

    fn body(&self) -> String {
        let mut body = format!("{{\"data\":{}", self.data);
        for (key, value) in [("uid", &self.to.uid), ("token", &self.to.token)] {
            if let Some(value) = value {
                body.push_str(&format!(",\"{key}\":"));
                write_string(&mut body, value);
            }
        }
        if let Some(topic) = &self.to.topic {
            body.push_str(",\"to\":{\"topic\":");
            write_string(&mut body, topic);
            body.push('}');
        }
        body.push('}');
        body
    }
}

/// False: the answer was not understood.
fn told(answer: &Answer) -> bool {
    match accepted(&answer.body) {
        Some(line) => say(&line),
        None => {
            complain(&format!("the server's answer was not understood: {}", answer.body));
            false
        }
    }
}

/// Who has it, by what that is known, and how soon that was.
fn proven(body: &str) -> Option<String> {
    let answer = Json::parse(body.as_bytes()).ok()?;
    let word = |key| answer.member(key).and_then(unescape);
    let (state, proof) = (word("state")?, word("proof")?);
    let device = word("device_id").map_or_else(String::new, |id| format!(", device {id}"));
    Some(format!("{state} after {} ms, proof: {proof}{device}", answer.member("after_ms")?))
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
