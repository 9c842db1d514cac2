//! The lines of a timeline, in words.

use tidings_json::{Json, elements, unescape};

/// One line, and how it is to be taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    mood: Mood,
    time: String,
    verb: &'static str,
    words: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Plain,
    Good,
    Open,
    Bad,
}

impl Line {
    /// Colour only for the verb and what matters of it.
    pub(super) fn shown(&self, coloured: bool) -> String {
        let Self { mood, time, verb, words } = self;
        let colour = match mood {
            Mood::Plain => "",
            Mood::Good => "\x1b[32m",
            Mood::Open => "\x1b[33m",
            Mood::Bad => "\x1b[31m",
        };
        if coloured && !colour.is_empty() {
            format!("{time}  {colour}{verb:<14}{words}\x1b[0m")
        } else {
            format!("{time}  {verb:<14}{words}")
        }
    }
}

/// Who it is and how he is now.
pub(super) fn heading(user: &Json) -> Option<String> {
    let uid = shown(&unescape(user.member("uid")?)?);
    let devices: Vec<Json> = elements(user.member("devices")?)?.map(Json::trusted).collect();
    let now = match (user.member("online")?, word(user, "last_seen")) {
        ("true", _) => "online now".to_owned(),
        (_, Some(seen)) => format!("offline, last seen {}", time(&seen)),
        (_, None) => "without a device now".to_owned(),
    };
    let waiting: u64 =
        devices.iter().filter_map(|device| Json::trusted(device.member("mailbox")?).member("messages")?.parse::<u64>().ok()).sum();
    let noun = if devices.len() == 1 { "device" } else { "devices" };
    let waits = if waiting == 1 { "1 message waits".to_owned() } else { format!("{waiting} messages wait") };
    Some(format!("{uid}: {now}; {} {noun}; {waits}", devices.len()))
}

/// What an item of a timeline says; a message a line for each of its devices.
pub(super) fn lines(item: &Json) -> Option<Vec<Line>> {
    let at = time(&word(item, "at")?);
    let data = Json::trusted(item.member("data")?);
    let line = |mood, verb, words| vec![Line { mood, time: at.clone(), verb, words }];
    let kind = word(item, "type")?;
    Some(match kind.as_str() {
        "message.sent" => return sent(&at, &data),
        "device.registered" if data.member("first")? == "true" => {
            line(Mood::Plain, "registered", format!("{}, for the first time", device(&data)))
        }
        "device.registered" => line(Mood::Plain, "registered", format!("{}, with something new", device(&data))),
        "device.unregistered" => line(Mood::Bad, "unregistered", format!("{}: {}", device(&data), ended(&word(&data, "reason")?))),
        "device.online" => line(Mood::Plain, "online", device(&data)),
        "device.offline" => line(Mood::Plain, "offline", device(&data)),
        "device.disconnected" => {
            line(Mood::Plain, "disconnected", format!("{}: the backend closed its connections; it may come back", device(&data)))
        }
        "mailbox.overflow" => {
            let cut = data.member("messages")?;
            line(Mood::Bad, "overflow", format!("{}: {cut} of its oldest messages were cut, its mailbox was full", device(&data)))
        }
        "message.reported" => line(Mood::Plain, "reported", reported(&data)?),
        other => line(Mood::Plain, "event", format!("of a kind that this version does not know: {}", shown(other))),
    })
}

fn sent(at: &str, data: &Json) -> Option<Vec<Line>> {
    let id = shown(&word(data, "message_id")?);
    let line = |(mood, words)| Line { mood, time: at.to_owned(), verb: "sent", words };
    let lines: Vec<Line> = elements(data.member("devices")?)?
        .map(Json::trusted)
        .map(|outcome| {
            let (mood, fate) = fate(&outcome, data);
            line((mood, format!("{id}  {}: {fate}", device(&outcome))))
        })
        .collect();
    if lines.is_empty() {
        return Some(vec![line((Mood::Bad, format!("{id}  to nobody: no device was registered then")))]);
    }
    Some(lines)
}

fn fate(outcome: &Json, message: &Json) -> (Mood, String) {
    let (state, reason) = (word(outcome, "state"), word(outcome, "reason"));
    let until = || word(message, "expires_at").map_or_else(String::new, |until| format!(", until {}", time(&until)));
    match (state.as_deref(), reason.as_deref()) {
        (Some(state @ ("reached" | "delivered")), _) => {
            let how = word(outcome, "proof")
                .map_or_else(|| "it has proven that it had this and what came before".to_owned(), |proof| proven(&proof).to_owned());
            let after = outcome.member("after_ms").filter(|ms| *ms != "null").map_or_else(String::new, |ms| format!(", {ms} ms later"));
            (Mood::Good, format!("{state}, {how}{after}"))
        }
        (Some("waiting"), Some("offline")) => (Mood::Open, format!("waiting, it is offline{}", until())),
        (Some("waiting"), Some("unproven")) => {
            (Mood::Open, format!("waiting, it is connected but has not proven that it has it{}", until()))
        }
        (Some("waiting"), Some("behind")) => (Mood::Open, format!("waiting, it is connected but reads slower than it is sent{}", until())),
        (_, Some("expired")) => (Mood::Bad, "expired before the device had it".to_owned()),
        (_, Some("superseded")) => (Mood::Bad, "superseded, a newer message with its collapse key took its place".to_owned()),
        (_, Some("recalled")) => (Mood::Bad, "recalled, its sender took it back".to_owned()),
        (_, Some("overflow")) => (Mood::Bad, "overflow, cut because the mailbox was full".to_owned()),
        (_, Some("unregistered")) => (Mood::Bad, "unregistered, the device's registration ended first".to_owned()),
        (None, _) => (Mood::Plain, "passed, but what became of it is not known any more".to_owned()),
        (Some(state), reason) => (Mood::Plain, shown(&format!("{state} {}", reason.unwrap_or_default()))),
    }
}

fn proven(proof: &str) -> &str {
    match proof {
        "poll" => "its client had read the answer that carried it (poll)",
        "peer" => "its end of the WebSocket had read it (peer)",
        "engine" => "its Socket.IO engine had taken it (engine)",
        "app" => "the app's handler had run (app)",
        other => other,
    }
}

fn ended(reason: &str) -> String {
    match reason {
        "asked" => "it asked to be".to_owned(),
        "evicted" => "another device took its place, the user had as many as he may have".to_owned(),
        "stale" => "it was not seen for too long".to_owned(),
        "revoked" => "its right to be here was taken away".to_owned(),
        other => shown(other),
    }
}

fn reported(data: &Json) -> Option<String> {
    let status = shown(data.member("status")?);
    let of = match (word(data, "message_id"), data.member("inferred")?) {
        (Some(id), "true") => format!(", probably of {}", shown(&id)),
        (Some(id), _) => format!(" of {}", shown(&id)),
        (None, _) => String::new(),
    };
    Some(format!("{} said {status}{of}", device(data)))
}

/// By its own name, else by its token's beginning.
fn device(data: &Json) -> String {
    match (word(data, "device_id"), word(data, "token")) {
        (Some(id), _) => format!("device {}", shown(&id)),
        (None, Some(token)) => format!("device {}...", shown(token.get(..8).unwrap_or(&token))),
        (None, None) => "a device".to_owned(),
    }
}

fn word(object: &Json, key: &str) -> Option<String> {
    object.member(key).and_then(unescape).map(std::borrow::Cow::into_owned)
}

/// `2026-11-23T10:00:00.123Z` as a person reads it.
fn time(text: &str) -> String {
    shown(&text.replacen('T', " ", 1))
}

/// Strangers chose these words: nothing in them may steer a terminal.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
