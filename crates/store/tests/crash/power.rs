//! Power cuts, without a machine to cut it from: what a process did to its files is written down, and a disk is made from that
//! as it may be at any moment: without what was not synced, with some of it, or with all.
//!
//! Names (rename, unlink) count as durable at once, and what a file system does to its own tables is not looked at.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::audit::Answered;
use crate::{child, variable};

/// What a process did, in order.
#[derive(Debug)]
enum Step {
    Write { path: PathBuf, at: usize, data: Vec<u8> },
    Truncate { path: PathBuf, size: usize },
    SyncBegins { number: u64 },
    SyncEnds { path: PathBuf, number: u64 },
    Rename { from: PathBuf, to: PathBuf },
    Unlink { path: PathBuf },
    Said(Vec<u8>),
}

fn take<'a>(bytes: &mut &'a [u8], size: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(size)?;
    *bytes = rest;
    Some(taken)
}

fn number(bytes: &mut &[u8], size: usize) -> Option<u64> {
    let mut number = [0; 8];
    number[..size].copy_from_slice(take(bytes, size)?);
    Some(u64::from_le_bytes(number))
}

/// One record as `recorder.c` writes it; None: the last one was cut short.
fn step(bytes: &mut &[u8]) -> Option<Step> {
    let kind = take(bytes, 1)?[0];
    let path_size = number(bytes, 2)? as usize;
    let place = number(bytes, 8)?;
    let size = number(bytes, 4)? as usize;
    let path = PathBuf::from(std::str::from_utf8(take(bytes, path_size)?).expect("UTF-8"));
    let data = take(bytes, size)?.to_vec();
    Some(match kind {
        b'w' => Step::Write { path, at: place as usize, data },
        b't' => Step::Truncate { path, size: place as usize },
        b'b' => Step::SyncBegins { number: place },
        b'e' => Step::SyncEnds { path, number: place },
        b'r' => Step::Rename { from: path, to: PathBuf::from(String::from_utf8(data).expect("UTF-8")) },
        b'u' => Step::Unlink { path },
        b's' => Step::Said(data),
        other => panic!("a record of kind {other}"),
    })
}

/// A process that works on `data` until it has answered enough and aborts.
fn recorded(dir: &Path, data: &Path, seed: u64) -> Vec<Step> {
    let (library, log) = (dir.join("recorder.so"), dir.join("record"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crash/power/recorder.c");
    let built = Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).args([source, "-ldl"]).status();
    assert!(built.is_ok_and(|status| status.success()), "the recorder needs a C compiler, as SQLite does");
    let set = |name: &str, value: &Path| format!("{name}={}", value.display());
    let (preload, rec_dir, rec_log) = (set("LD_PRELOAD", &library), set("REC_DIR", data), set("REC_LOG", &log));
    let mut process = child::spawn(data, seed, &["env", "TIDINGS_CRASH_REQUESTS=3000", &preload, &rec_dir, &rec_log]);
    Answered::default().listen(process.stdout.take().expect("a pipe"), || ());
    process.wait().expect("it ended");
    let bytes = fs::read(log).expect("a record");
    let mut left = bytes.as_slice();
    std::iter::from_fn(|| step(&mut left)).collect()
}

/// Which of what was not synced is on the disk.
#[derive(Clone, Copy, Debug)]
enum Luck {
    Drop,
    Mix(u64),
    All,
}

impl Luck {
    fn holds(&mut self) -> bool {
        match self {
            Self::Drop => false,
            Self::All => true,
            Self::Mix(seed) => {
                *seed ^= *seed << 13;
                *seed ^= *seed >> 7;
                *seed ^= *seed << 17;
                *seed & 1 == 0
            }
        }
    }
}

/// A change that may not be on the disk yet; when it was made.
type Change = (usize, usize, Option<Vec<u8>>);

#[derive(Default)]
struct File {
    synced: Vec<u8>,
    pending: Vec<Change>,
}

fn apply(bytes: &mut Vec<u8>, at: usize, data: Option<&[u8]>) {
    match data {
        None => bytes.resize(at, 0),
        Some(data) => {
            bytes.resize(bytes.len().max(at + data.len()), 0);
            bytes[at..at + data.len()].copy_from_slice(data);
        }
    }
}

const BLOCK: usize = 4096;

impl File {
    fn sync(&mut self, begun: usize) {
        for (_, at, data) in self.pending.extract_if(.., |(when, ..)| *when < begun) {
            apply(&mut self.synced, at, data.as_deref());
        }
    }

    fn after(mut self, luck: &mut Luck) -> Vec<u8> {
        for (_, at, data) in self.pending {
            let Some(data) = data else {
                if luck.holds() {
                    apply(&mut self.synced, at, None);
                }
                continue;
            };
            // A write reaches the disk block by block.
            let mut from = 0;
            while from < data.len() {
                let to = data.len().min(from + BLOCK - (at + from) % BLOCK);
                if luck.holds() {
                    apply(&mut self.synced, at + from, Some(&data[from..to]));
                }
                from = to;
            }
        }
        self.synced
    }
}

/// The disk after a cut behind these steps, and what had been said by then. `lies`: a disk that ignores syncs of such files.
fn disk(steps: &[Step], mut luck: Luck, lies: fn(&Path) -> bool) -> (BTreeMap<PathBuf, Vec<u8>>, Vec<u8>) {
    let (mut files, mut begun, mut said) = (BTreeMap::<PathBuf, File>::new(), BTreeMap::new(), Vec::new());
    for (now, step) in steps.iter().enumerate() {
        match step {
            Step::Write { path, at, data } => files.entry(path.clone()).or_default().pending.push((now, *at, Some(data.clone()))),
            Step::Truncate { path, size } => files.entry(path.clone()).or_default().pending.push((now, *size, None)),
            Step::SyncBegins { number } => drop(begun.insert(*number, now)),
            Step::SyncEnds { path, number } => {
                if let (Some(file), false) = (files.get_mut(path), lies(path)) {
                    file.sync(begun[number]);
                }
            }
            Step::Rename { from, to } => {
                let file = files.remove(from).unwrap_or_default();
                files.insert(to.clone(), file);
            }
            Step::Unlink { path } => drop(files.remove(path)),
            Step::Said(words) => said.extend(words),
        }
    }
    (files.into_iter().map(|(path, file)| (path, file.after(&mut luck))).collect(), said)
}

/// Writes a disk down and opens it; panics where it does not keep what had been answered. How much that was.
fn open_image(data: &Path, steps: &[Step], luck: Luck, lies: fn(&Path) -> bool) -> u64 {
    let image = TempDir::new().expect("a folder");
    let (files, said) = disk(steps, luck, lies);
    for (path, bytes) in files {
        let target = image.path().join(path.strip_prefix(data).expect("it is of the folder"));
        fs::create_dir_all(target.parent().expect("a folder")).expect("made");
        fs::write(target, bytes).expect("written");
    }
    let mut answered = Answered::default();
    let said = String::from_utf8_lossy(&said);
    for line in said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        answered.take(line);
    }
    answered.check(image.path());
    answered.lines
}

fn honest(_: &Path) -> bool {
    false
}

/// As if it were written without `synchronous=FULL`.
fn is_a_wal_of_the_log(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "log") && path.extension().is_some_and(|kind| kind == "db-wal")
}

#[test]
fn whatever_was_answered_survives_a_power_cut() {
    let rounds = variable("TIDINGS_CRASH_POWER_ROUNDS").and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    let mut kept = 0;
    for seed in 1..=rounds {
        let dir = TempDir::new().expect("a folder");
        let data = dir.path().join("data");
        let steps = recorded(dir.path(), &data, seed);
        // From where the folder is made on; before that there is nothing to keep.
        let first = steps.iter().position(|step| matches!(step, Step::Said(words) if words.contains(&b'@'))).expect("it answered");
        for part in [37, 71, 100] {
            let cut = first + (steps.len() - first) * part / 100;
            for luck in [Luck::Drop, Luck::Mix(seed * 7919 + part as u64), Luck::All] {
                kept += open_image(&data, &steps[..cut], luck, honest);
            }
        }
    }
    assert!(kept > 1000, "{kept} answers are little to lose");
}

/// Otherwise the test above could not fail.
#[test]
fn a_disk_that_ignores_syncs_is_found_out() {
    let dir = TempDir::new().expect("a folder");
    let data = dir.path().join("data");
    let steps = recorded(dir.path(), &data, 9);
    let found = std::panic::catch_unwind(|| open_image(&data, &steps, Luck::Drop, is_a_wal_of_the_log));
    assert!(found.is_err());
}
