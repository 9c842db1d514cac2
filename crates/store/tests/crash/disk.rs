//! A disk that is really full: a small tmpfs.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidings_json::Json;
use tidings_model::{Answer, AppNo, Code, Content, Draft, Fact, Idempotency, MessageId, Request, Target};
use tidings_store::{Health, Store};

use crate::audit::{ask, facts};
use crate::open;

/// A file system of its own; None: this user may not mount, which is printed.
struct Tmpfs(TempDir);

impl Tmpfs {
    fn mount(megabytes: u32) -> Option<Self> {
        let dir = TempDir::new().expect("a folder");
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(dir)),
            Ok(output) => {
                eprintln!("skipped: no tmpfs can be mounted here: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                eprintln!("skipped: there is no mount: {error}");
                None
            }
        }
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn publish(store: &Store, number: u64) -> Result<MessageId, Code> {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&number.to_le_bytes());
    let idempotency = Some(Idempotency { key, request: number });
    let data = Json::string(&"x".repeat(4000));
    let draft = Draft { idempotency, ..Draft::new(AppNo::DEFAULT, Target::All, Content::data(data)) };
    match ask(store, Request::Publish(draft)) {
        Answer::Accepted(accepted) => Ok(accepted.id),
        Answer::Refused(refusal) => Err(refusal.code),
        other => panic!("{other:?}"),
    }
}

fn stored(store: &Store) -> Vec<MessageId> {
    facts(store).into_iter().filter_map(|(_, fact)| if let Fact::Published(message) = fact { Some(message.id) } else { None }).collect()
}

/// Publishes until the disk is full, makes room, and goes on: nothing that was accepted is lost, nothing refused is there.
#[expect(clippy::disallowed_methods, reason = "waiting for the store to go on is bounded by time")]
fn fill_and_go_on(reserve: u64) {
    let Some(tmpfs) = Tmpfs::mount(24) else { return };
    let dir = tmpfs.0.path().join("data");
    let ballast = tmpfs.0.path().join("ballast");
    fs::write(&ballast, vec![0; 8 << 20]).expect("there is room");
    let (store, owner) = open(&dir, reserve).expect("it opens");
    let mut accepted = Vec::new();
    let refused = loop {
        match publish(&store, accepted.len() as u64) {
            Ok(id) => accepted.push(id),
            Err(code) => break code,
        }
    };
    assert!(matches!(refused, Code::StorageUnavailable | Code::OutcomeUnknown), "{refused}");
    assert!(reserve == 0 || refused == Code::StorageUnavailable, "with a reserve it stops before anything is uncertain");
    assert!(accepted.len() > 100 && matches!(store.health(), Health::ReadOnly { .. }));
    assert_eq!(publish(&store, accepted.len() as u64), Err(Code::StorageUnavailable), "nothing is tried while it is read-only");

    fs::remove_file(&ballast).expect("removed");
    let begin = Instant::now();
    let next = accepted.len() as u64;
    let again = loop {
        if let Ok(id) = publish(&store, next) {
            break id;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "it did not go on");
    };
    accepted.push(again);
    assert_eq!(stored(&store), accepted, "each once, in order, and the refused one only from its retry");
    owner.close().expect("it closes");
    check_after_restart(&dir, &accepted);
}

fn check_after_restart(dir: &Path, accepted: &[MessageId]) {
    let (store, owner) = open(dir, 0).expect("it opens");
    assert_eq!(stored(&store), accepted);
    for (number, id) in accepted.iter().enumerate().step_by(97) {
        assert_eq!(publish(&store, number as u64), Ok(*id), "a retry gets the first answer");
    }
    owner.close().expect("it closes");
}

#[test]
fn a_full_disk_is_read_only_until_there_is_room_with_a_reserve() {
    fill_and_go_on(1 << 20);
}

#[test]
fn a_full_disk_is_read_only_until_there_is_room_without_one() {
    fill_and_go_on(0);
}
