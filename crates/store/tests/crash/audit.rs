//! What was answered, held against what is in the folder.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ChildStdout;
use std::sync::mpsc::sync_channel;

use tidings_model::{Answer, AppNo, Dev, DeviceId, Fact, Leave, Position, Print, Register, Request, SocketId, Uid};
use tidings_store::{Lane, Store};

use crate::open;

/// Everything that any process has answered.
#[derive(Default)]
pub(crate) struct Answered {
    /// By `uid/device`.
    tokens: BTreeMap<String, String>,
    messages: HashMap<String, u64>,
    /// The id that a key gave first.
    keys: HashMap<u64, String>,
    cursors: HashMap<u32, u64>,
    pub lines: u64,
    pub refusals: Vec<String>,
    pub fatal: Option<String>,
    /// Something was answered after an outcome was unknown.
    pub went_on: bool,
}

impl Answered {
    /// Reads answers until the process is gone; a line cut short was not told. `ready` is called once.
    pub(crate) fn listen(&mut self, out: ChildStdout, ready: impl FnOnce()) {
        let mut ready = Some(ready);
        let mut out = BufReader::new(out);
        let mut line = String::new();
        while out.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            if line.starts_with("@R")
                && let Some(ready) = ready.take()
            {
                ready();
            }
            if line.ends_with('\n') {
                self.take(line.trim_end());
            }
            line.clear();
        }
    }

    pub(crate) fn take(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["@T", who, token] => {
                let before = self.tokens.insert(who.to_owned(), token.to_owned());
                assert!(before.is_none_or(|before| before == token), "{who} was told two tokens");
            }
            ["@P" | "@K", key, id, at] => {
                self.messages.insert(id.to_owned(), at.parse().expect("a position"));
                if let Ok(key) = key.parse() {
                    let first = self.keys.entry(key).or_insert_with(|| id.to_owned());
                    assert_eq!(first, id, "key {key} was answered differently");
                }
            }
            ["@C", dev, to] => {
                let to = to.parse().expect("a position");
                let cursor = self.cursors.entry(dev.parse().expect("a device")).or_insert(to);
                *cursor = to.max(*cursor);
            }
            ["@X", code] => {
                self.refusals.push(code.to_owned());
                return;
            }
            ["@F", ..] => {
                self.fatal = Some(line[3..].to_owned());
                return;
            }
            _ => return,
        }
        self.went_on |= self.refusals.iter().any(|code| code == "outcome_unknown");
        self.lines += 1;
    }

    /// Opens the folder and looks at every fact of it; the numbers are without a hole or reading fails.
    pub(crate) fn check(&self, dir: &Path) {
        let (store, owner) = open(dir, 0).expect("it opens after any death");
        let (mut ids, mut keys, mut cursors) = (HashMap::new(), HashSet::new(), HashMap::new());
        let (mut devices, mut last) = (HashSet::new(), 0);
        for (at, fact) in facts(&store) {
            let jumps = matches!(&fact, Fact::Started(started) if started.after == last && last > 0);
            assert!(at.record() == last || at.record() == last + 1 || jumps, "a hole before {at:?}");
            last = at.record();
            match fact {
                Fact::Published(message) => {
                    assert_eq!(ids.insert(message.id.to_string(), at.raw()), None, "a message is there twice");
                    assert!(message.idempotency.is_none_or(|idempotency| keys.insert(idempotency.key)), "a key made two messages");
                }
                Fact::Registered(registered) => {
                    devices.insert(registered.dev.0);
                }
                Fact::Proven(proven) => {
                    for (to, devs) in proven.cursors {
                        devs.iter().for_each(|dev: &Dev| raise(&mut cursors, dev.0, to.raw()));
                    }
                }
                _ => {}
            }
        }
        for (id, at) in &self.messages {
            assert_eq!(ids.get(id), Some(at), "message {id} was answered and is not there");
        }
        for (dev, to) in self.cursors.iter().filter(|(dev, _)| devices.contains(dev)) {
            // A cursor at or below the one that a device began with is no news and makes no fact.
            assert!(cursors.get(dev).is_none_or(|proven| proven >= to) || *to < 256 * 60, "the cursor of {dev} fell back");
        }
        self.check_tokens(&store);
        owner.close().expect("it closes");
        integrity(dir);
    }

    fn check_tokens(&self, store: &Store) {
        for (n, (who, token)) in self.tokens.iter().enumerate() {
            let (uid, device) = who.split_once('/').expect("uid/device");
            let device_id = (!device.is_empty()).then(|| DeviceId::trusted(device));
            let socket = SocketId(n as u64);
            let register =
                Register { app: AppNo::DEFAULT, uid: Uid::trusted(uid), device_id, print: Print(1), addr: [127, 0, 0, 1].into(), socket };
            let Answer::Attached(attached) = ask(store, Request::Register(register)) else { panic!("{who} is refused") };
            assert_eq!(attached.token.as_str(), token, "{who} had another token");
            ask(store, Request::Leave(Leave { reg: attached.reg, socket }));
        }
    }
}

fn raise(cursors: &mut HashMap<u32, u64>, dev: u32, to: u64) {
    let cursor = cursors.entry(dev).or_insert(to);
    *cursor = to.max(*cursor);
}

pub(crate) fn ask(store: &Store, request: Request) -> Answer {
    let (tell, told) = sync_channel(1);
    let reply = Box::new(move |answer| tell.send(answer).expect("somebody waits"));
    assert!(store.ask(Lane::Backends, request, reply).is_ok(), "the lane has room");
    told.recv().expect("every request is answered")
}

pub(crate) fn facts(store: &Store) -> Vec<(Position, Fact)> {
    let (mut after, upto) = (Position::ZERO, store.durable());
    let mut facts = Vec::new();
    while after < upto {
        let batch = store.read(after, upto, 1 << 20).expect("every check holds");
        facts.extend(batch.entries.iter().map(|entry| (entry.at, (*entry.fact).clone())));
        after = batch.upto;
    }
    facts
}

/// SQLite's own check of every file.
fn integrity(dir: &Path) {
    let logs = std::fs::read_dir(dir.join("log")).expect("a folder").map(|found| found.expect("a file").path());
    let files = logs.filter(|path| path.extension().is_some_and(|extension| extension == "db")).chain([dir.join("state.db")]);
    for file in files {
        let conn = rusqlite::Connection::open_with_flags(&file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).expect("it opens");
        let verdict: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
        assert_eq!(verdict, "ok", "{}", file.display());
    }
}
