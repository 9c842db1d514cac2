//! The corpora, as they are and mutated under fixed seeds.

#![expect(clippy::unwrap_used, reason = "a test's helpers")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use tidings_fuzz::TARGETS;

/// Mutations of each corpus file, per run.
const ROUNDS: u64 = 2_000;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn files(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(corpus().join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// xorshift64*.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below.max(1)
    }
}

/// Bytes that mean something to one parser or another.
const TELLING: &[u8] = b"\0\x01\x04\x09\x1e\x7e\x7f\x80\x81\x82\x88\x89\xc2\xc3\xff0123456789:-,/?=&%+\\\"[]{}bdn";

fn mutate(dice: &mut Dice, bytes: &mut Vec<u8>, others: &[(PathBuf, Vec<u8>)]) {
    let at = dice.roll(bytes.len() + 1);
    match dice.roll(6) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, TELLING[dice.roll(TELLING.len())]),
        2 if at < bytes.len() => bytes[at] ^= 1 << dice.roll(8),
        3 if at < bytes.len() => bytes[at] = TELLING[dice.roll(TELLING.len())],
        4 if at < bytes.len() => drop(bytes.remove(at)),
        _ => {
            let other = &others[dice.roll(others.len())].1;
            bytes.extend_from_slice(&other[dice.roll(other.len())..]);
        }
    }
}

/// Says which bytes it was, where they break a promise.
fn run(body: fn(&[u8]), bytes: &[u8], from: &Path) {
    if let Err(panic) = catch_unwind(|| body(bytes)) {
        eprintln!("{}: {}", from.display(), bytes.escape_ascii());
        resume_unwind(panic);
    }
}

#[test]
fn every_body_has_a_corpus_and_every_corpus_a_body() {
    let folders: BTreeSet<String> =
        fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(folders, names);
    for name in names {
        assert!(!files(&name).is_empty(), "{name}");
    }
}

#[test]
fn what_was_once_read_is_still_read() {
    for (name, body) in TARGETS {
        for (path, bytes) in files(name) {
            run(body, &bytes, &path);
        }
    }
}

#[test]
fn neighbours_of_the_corpora_keep_our_promises() {
    for (name, body) in TARGETS {
        let files = files(name);
        for (path, bytes) in &files {
            for round in 1..=ROUNDS {
                let (mut dice, mut mutant) = (Dice(round), bytes.clone());
                for _ in 0..=dice.roll(4) {
                    mutate(&mut dice, &mut mutant, &files);
                }
                run(body, &mutant, path);
            }
        }
    }
}
