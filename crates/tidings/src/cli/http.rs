//! One HTTP request and its whole answer, for commands that then end. HTTP/1.0, so that the answer's end is the connection's.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tidings_json::{Json, unescape};

use super::Exit;
use super::url::Url;
use crate::telemetry::complain;

/// A server that says nothing for so long has gone.
const PATIENCE: Duration = Duration::from_secs(60);
const ANSWER_MAX: u64 = 16 << 20;

pub(super) struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    /// Whether a header stands in it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.head.lines().filter_map(|line| line.split_once(':')).any(|(found, _)| found.eq_ignore_ascii_case(name))
    }
}

/// POSTs JSON and asks for JSON. `lines`: more of the head, each with its line's end.
pub(super) fn post(url: &Url, path: &str, lines: &str, body: &str) -> io::Result<Answer> {
    let mut stream = connect(url)?;
    write!(
        stream,
        "POST {}{path} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\nContent-Type: application/json\r\n{lines}Content-Length: {}\r\n\r\n{body}",
        url.path,
        url.authority,
        body.len()
    )?;
    read(stream)
}

/// GETs JSON; the key goes as a bearer.
pub(super) fn get(url: &Url, path: &str, key: Option<&str>) -> io::Result<Answer> {
    let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    let mut stream = connect(url)?;
    write!(stream, "GET {}{path} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\n{key}\r\n", url.path, url.authority)?;
    read(stream)
}

fn connect(url: &Url) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(&url.connect)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn read(stream: TcpStream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut bytes)?;
    parse(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "that was no HTTP answer"))
}

/// The code and its message, as a refusal says them.
pub(super) fn refusal(answer: &Answer) -> Option<String> {
    let body = Json::parse(answer.body.as_bytes()).ok()?;
    let error = Json::trusted(body.member("error")?);
    let word = |key| error.member(key).and_then(unescape).map(std::borrow::Cow::into_owned);
    let hint = if answer.status == 401 { " (give a key with --key, or in TIDINGS_KEY)" } else { "" };
    Some(format!("{}: {}{hint}", word("code")?, word("message")?))
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut first = head.lines().next()?.split(' ');
    first.next().filter(|version| version.starts_with("HTTP/1."))?;
    Some(Answer { status: first.next()?.parse().ok()?, head: head.to_owned(), body: body.to_owned() })
}

/// The code and its message, as the server says them.
pub(super) fn refused(answer: &Answer) -> Exit {
    complain(&refusal(answer).unwrap_or_else(|| format!("HTTP status {}", answer.status)));
    Exit::Failed
}
