//! The process that dies: many requests at once, and a line on standard output for each answer, in the order of the answers.

use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

use tidings_json::Json;
use tidings_model::{
    Answer, AppNo, Content, Dev, DeviceId, Draft, Idempotency, Position, Print, Proofs, Register, Request, SocketId, Target, Uid,
};
use tidings_store::{Health, Lane, Owner, Store};

use crate::{open, variable};

/// Requests under way at once.
const CALLERS: usize = 48;

/// Starts this very binary again as the child; `through` is a program that runs it.
pub(crate) fn spawn(dir: &Path, seed: u64, through: &[&str]) -> Child {
    let this = std::env::current_exe().expect("this binary");
    let mut words: Vec<PathBuf> = through.iter().map(PathBuf::from).collect();
    words.push(this);
    Command::new(&words[0])
        .args(&words[1..])
        .args(["--exact", "child::a_process_that_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
        .env("TIDINGS_CRASH_DIR", dir)
        .env("TIDINGS_CRASH_SEED", seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the child starts")
}

#[test]
#[ignore = "a process of its own, started by the other tests of this file"]
fn a_process_that_is_killed() {
    let Some(dir) = variable("TIDINGS_CRASH_DIR") else { return };
    let seed = variable("TIDINGS_CRASH_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let (store, owner) = open(Path::new(&dir), 0).expect("it opens");
    let owner = Arc::new(Mutex::new(Some(owner)));
    // The test runner has begun a line of its own.
    say("\n@R ready".to_owned());
    drive(&store, seed);
    // The lane is shut: the store has stopped.
    let why = owner.lock().expect("nobody panicked").as_ref().and_then(Owner::wait_fatal);
    say(format!("@F {}", why.unwrap_or_default()));
    panic!("the store stopped, and so does the process");
}

/// One line, in one write.
fn say(line: String) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(format!("{line}\n").as_bytes());
    let _ = out.flush();
}

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Keeps `CALLERS` requests under way until one is refused because the store stopped, or until there were as many as it was told.
fn drive(store: &Store, seed: u64) {
    let most = variable("TIDINGS_CRASH_REQUESTS").and_then(|most| most.parse().ok()).unwrap_or(u64::MAX);
    let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (tell, told) = sync_channel(CALLERS);
    let mut under_way = 0;
    for socket in 1..=most {
        let (label, request) = draw(&mut rng, socket);
        let tell = tell.clone();
        let reply = Box::new(move |answer| {
            say(line(&label, &answer));
            let _ = tell.send(matches!(&answer, Answer::Refused(refusal) if refusal.message.contains("has stopped")));
        });
        let _ = store.ask(Lane::Devices, request, reply);
        under_way += 1;
        if under_way >= CALLERS && finished(&told) {
            return;
        }
    }
    if let Health::Stopped(why) = store.health() {
        say(format!("@F {why}"));
    }
    std::process::abort();
}

fn finished(told: &Receiver<bool>) -> bool {
    told.recv().unwrap_or(true)
}

fn draw(rng: &mut Rng, socket: u64) -> (String, Request) {
    match rng.below(10) {
        0..=2 => {
            let uid = format!("u{}", rng.below(40));
            let device = (rng.below(2) == 0).then(|| format!("d{}", rng.below(3)));
            let label = format!("T {uid}/{}", device.as_deref().unwrap_or(""));
            let device_id = device.as_deref().map(DeviceId::trusted);
            let (app, uid, addr) = (AppNo::DEFAULT, Uid::trusted(&uid), IpAddr::from([127, 0, 0, 1]));
            (label, Request::Register(Register { app, uid, device_id, print: Print(1), addr, socket: SocketId(socket) }))
        }
        3..=5 => {
            let key = rng.below(4000);
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&key.to_le_bytes());
            (format!("K {key}"), publish(rng, Some(Idempotency { key: bytes, request: key })))
        }
        6..=8 => ("P -".to_owned(), publish(rng, None)),
        _ => {
            let dev = Dev(rng.below(60) as u32);
            let to = Position::new(1 + rng.below(50), 0);
            (format!("C {} {}", dev.0, to.raw()), Request::Prove(Proofs { cursors: vec![(dev, to)], direct: Vec::new() }))
        }
    }
}

fn publish(rng: &mut Rng, idempotency: Option<Idempotency>) -> Request {
    let to = if rng.below(4) == 0 { Target::All } else { Target::Uids(vec![Uid::trusted(&format!("u{}", rng.below(40)))]) };
    let data = Json::string(&"x".repeat(rng.below(600) as usize));
    Request::Publish(Draft { idempotency, ..Draft::new(AppNo::DEFAULT, to, Content::data(data)) })
}

fn line(label: &str, answer: &Answer) -> String {
    match answer {
        Answer::Attached(attached) => format!("@{label} {}", attached.token),
        Answer::Accepted(accepted) => format!("@{label} {} {}", accepted.id, accepted.at.raw()),
        Answer::Done
        | Answer::Counted(_)
        | Answer::Connected(_)
        | Answer::Closed(_)
        | Answer::Subscribed(_)
        | Answer::App(_)
        | Answer::Key(_)
        | Answer::Sink(_) => {
            format!("@{label}")
        }
        Answer::Refused(refusal) => format!("@X {}", refusal.code),
    }
}
