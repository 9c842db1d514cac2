//! The steps of a vector, in order, with one captured `{SID}` and at most one current WebSocket.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use regex_lite::Regex;
use serde_json::Value;
use tidings_engineio::websocket::Opcode;

use crate::expect::{check, hex};
use crate::socket::{Frame, Socket};
use crate::web::{Answer, Web};

const NEXT_WITHIN: Duration = Duration::from_millis(1200);
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

struct Runner {
    addr: SocketAddr,
    sid: String,
    socket: Option<Socket>,
    /// Answers EIO4's pings and hides them.
    pongs: bool,
    /// The first `"sid"` values that came, for the check that they differ.
    sids: Vec<String>,
}

pub(crate) fn run(vector: &Value, addr: SocketAddr) -> Result<(), String> {
    let pongs = !vector["show_pings"].as_bool().unwrap_or(false);
    let mut runner = Runner { addr, sid: String::new(), socket: None, pongs, sids: Vec::new() };
    for (number, step) in vector["steps"].as_array().ok_or("no steps")?.iter().enumerate() {
        runner.step(step).map_err(|why| format!("step {}: {why}", number + 1))?;
    }
    match vector["check"].as_str() {
        Some("sio_sid_differs_from_eio_sid") => runner.sids_differ(),
        Some(other) => Err(format!("unknown check {other}")),
        None => Ok(()),
    }
}

impl Runner {
    fn step(&mut self, step: &Value) -> Result<(), String> {
        let (verb, operand) = verb(step)?;
        match verb {
            "http" => {
                let answer = request(self.addr, &self.sid, operand)?;
                check(&answer, &step["expect"])?;
                if step.get("capture_sid").is_some() {
                    self.sid = sid_in(&answer.text()).ok_or("no sid to capture")?;
                }
                Ok(())
            }
            "http_parallel" => self.parallel(operand, &step["expect"]),
            "ws" => {
                let opened = self.open(text(operand)?)?;
                self.socket = Some(opened.map_err(|answer| format!("refused with {}", answer.status))?);
                Ok(())
            }
            "ws_fail" => match self.open(text(operand)?)? {
                Err(answer) if Some(u64::from(answer.status)) == step["status"].as_u64() => Ok(()),
                Err(answer) => Err(format!("refused with {}", answer.status)),
                Ok(_) => Err("it was not refused".to_owned()),
            },
            "ws2_closed" => match self.open(text(operand)?)? {
                Err(_) => Ok(()),
                Ok(mut second) => until_closed(&mut second, CLOSED_WITHIN),
            },
            "send" => self.socket()?.send(text(operand)?).map_err(|error| error.to_string()),
            "send_hex" => self.socket()?.write(Opcode::Binary, &hex(text(operand)?)).map_err(|error| error.to_string()),
            "recv" => same(&self.next()?, &Frame::Text(text(operand)?.to_owned())),
            "recv_hex" => same(&self.next()?, &Frame::Binary(hex(text(operand)?))),
            "recv_re" => self.matches(text(operand)?),
            "closed" => until_closed(self.socket()?, CLOSED_WITHIN),
            "closed_within_ms" => self.closed_within(Duration::from_millis(operand.as_u64().ok_or("no number")?)),
            "wait_ms" => {
                // The vectors are about time: this pause is what is tested.
                thread::sleep(Duration::from_millis(operand.as_u64().ok_or("no number")?));
                Ok(())
            }
            other => Err(format!("unknown step {other}")),
        }
    }

    fn socket(&mut self) -> Result<&mut Socket, String> {
        self.socket.as_mut().ok_or_else(|| "no websocket".to_owned())
    }

    fn open(&self, query: &str) -> Result<Result<Socket, Answer>, String> {
        let target = format!("/socket.io/?{}", query.replace("{SID}", &self.sid));
        Socket::open(self.addr, &target).map_err(|error| error.to_string())
    }

    fn parallel(&self, requests: &Value, expected: &Value) -> Result<(), String> {
        let requests = requests.as_array().ok_or("no requests")?;
        let answers: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> = requests.iter().map(|one| scope.spawn(|| request(self.addr, &self.sid, one))).collect();
            running.into_iter().map(|one| one.join().expect("a request does not panic")).collect()
        });
        for (number, answer) in answers.into_iter().enumerate() {
            check(&answer?, &expected[number]).map_err(|why| format!("request {}: {why}", number + 1))?;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Frame, String> {
        let pongs = self.pongs;
        loop {
            let frame = self.socket()?.next(NEXT_WITHIN).map_err(|error| error.to_string())?;
            if pongs && frame == Frame::Text("2".to_owned()) {
                self.socket()?.send("3").map_err(|error| error.to_string())?;
            } else {
                return Ok(frame);
            }
        }
    }

    fn matches(&mut self, pattern: &str) -> Result<(), String> {
        match self.next()? {
            Frame::Text(text) if Regex::new(pattern).map_err(|error| error.to_string())?.is_match(&text) => {
                self.sids.extend(sid_in(&text));
                Ok(())
            }
            other => Err(format!("{other:?} does not match {pattern}")),
        }
    }

    /// Pings are still answered: what closes it may not be their timeout.
    #[expect(clippy::disallowed_methods, reason = "a test's patience")]
    fn closed_within(&mut self, within: Duration) -> Result<(), String> {
        let end = std::time::Instant::now() + within;
        loop {
            let left = end.saturating_duration_since(std::time::Instant::now());
            match self.socket()?.next(left) {
                Ok(Frame::Text(ping)) if ping == "2" => self.socket()?.send("3").map_err(|error| error.to_string())?,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::TimedOut => return Err("it stayed open".to_owned()),
                Err(_) => return Ok(()),
            }
        }
    }

    fn sids_differ(&self) -> Result<(), String> {
        match self.sids.as_slice() {
            [engine, socket, ..] if engine != socket => Ok(()),
            other => Err(format!("two sids that differ were expected: {other:?}")),
        }
    }
}

fn verb(step: &Value) -> Result<(&str, &Value), String> {
    let modifiers = ["expect", "capture_sid", "status"];
    let mut verbs = step.as_object().ok_or("a step is an object")?.iter().filter(|(key, _)| !modifiers.contains(&key.as_str()));
    verbs.next().map(|(verb, operand)| (verb.as_str(), operand)).ok_or_else(|| "a step without a verb".to_owned())
}

fn text(operand: &Value) -> Result<&str, String> {
    operand.as_str().ok_or_else(|| format!("{operand} is no text"))
}

fn same(came: &Frame, expected: &Frame) -> Result<(), String> {
    if came == expected { Ok(()) } else { Err(format!("{came:?} instead of {expected:?}")) }
}

fn until_closed(socket: &mut Socket, within: Duration) -> Result<(), String> {
    loop {
        match socket.next(within) {
            // A Close frame is followed by the end; other frames before it are ignored.
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => return Err("it stayed open".to_owned()),
            Err(_) => return Ok(()),
        }
    }
}

fn sid_in(text: &str) -> Option<String> {
    let pattern = Regex::new(r#"sid\\?":\\?"([\w-]+)"#).expect("a pattern");
    pattern.captures(text).and_then(|found| found.get(1)).map(|sid| sid.as_str().to_owned())
}

fn request(addr: SocketAddr, sid: &str, request: &Value) -> Result<Answer, String> {
    if let Some(delay) = request["delay_ms"].as_u64() {
        thread::sleep(Duration::from_millis(delay));
    }
    let method = text(&request["method"])?;
    let query = text(&request["query"])?.replace("{SID}", sid);
    let body = body(request)?;
    let mut head = format!("{method} /socket.io/?{query} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n");
    if let Some(kind) = request["content_type"].as_str() {
        head += &format!("Content-Type: {kind}\r\n");
    }
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        head += &format!("{name}: {}\r\n", text(value)?);
    }
    if let Some(body) = &body {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    let send = || {
        let mut web = Web::connect(addr)?;
        web.write(head + "\r\n")?;
        // A server may answer (413) and end before it has read all of a long body.
        let _ = web.write(body.unwrap_or_default());
        web.answer()
    };
    send().map_err(|error: std::io::Error| format!("{method}: {error}"))
}

fn body(request: &Value) -> Result<Option<Vec<u8>>, String> {
    Ok(if let Some(text) = request["body_text"].as_str() {
        Some(text.as_bytes().to_vec())
    } else if let Some(text) = request["body_hex"].as_str() {
        Some(hex(text))
    } else if let Some([unit, count]) = request["body_repeat"].as_array().map(Vec::as_slice) {
        let count = count.as_u64().and_then(|count| usize::try_from(count).ok()).ok_or("no count")?;
        Some(text(unit)?.repeat(count).into_bytes())
    } else {
        None
    })
}
