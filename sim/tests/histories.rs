//! Many histories, a seed each. A failure prints its seed; `TIDINGS_SEED=<seed>` replays it alone.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that says what it found")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tidings_delivery::Planted;
use tidings_sim::history;

fn histories() -> u64 {
    if let Ok(seed) = read("TIDINGS_SEED") {
        return seed;
    }
    if std::env::var_os("TIDINGS_SOAK").is_some() { 2_000_000 } else { 50_000 }
}

fn read(name: &str) -> Result<u64, ()> {
    std::env::var_os(name).and_then(|value| value.to_str().and_then(|value| value.parse().ok())).ok_or(())
}

/// A kind of history: `history::run` or `history::run_checked`.
type Run = fn(u64, Option<Planted>) -> Result<history::Outcome, String>;

/// Runs seeds on two threads until one fails; the seed and what it found.
fn search(run: Run, seeds: u64, planted: Option<Planted>) -> Option<(u64, String)> {
    let next = AtomicU64::new(0);
    let found = std::sync::Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds || found.lock().unwrap().is_some() {
                        return;
                    }
                    if let Err(fault) = run(seed, planted) {
                        found.lock().unwrap().get_or_insert((seed, fault));
                    }
                }
            });
        }
    });
    found.into_inner().unwrap()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "says how long it took")]
fn every_history_keeps_the_promises() {
    if let Ok(seed) = read("TIDINGS_SEED") {
        return replay(seed, false);
    }
    let started = Instant::now();
    let found = search(history::run, histories(), None);
    println!("{} histories of 200 steps in {:?}", histories(), started.elapsed());
    if let Some((seed, fault)) = found {
        panic!("seed {seed}: {fault}\nreplay: TIDINGS_SEED={seed} cargo test --release -p tidings-sim every_history");
    }
}

/// A tenth as many: what differs is the way to a registration.
#[test]
fn every_history_keeps_the_promises_where_registration_is_checked() {
    if let Ok(seed) = read("TIDINGS_SEED") {
        return replay(seed, true);
    }
    if let Some((seed, fault)) = search(history::run_checked, histories() / 10, None) {
        panic!("seed {seed}: {fault}\nreplay: TIDINGS_SEED={seed} cargo test --release -p tidings-sim is_checked");
    }
}

fn replay(seed: u64, is_checked: bool) {
    let (outcome, trace) = history::trace(seed, is_checked);
    let trace = &trace[trace.len().saturating_sub(400)..];
    println!("{}\n{outcome:?}", trace.join("\n"));
    assert!(outcome.is_ok());
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in [3, 17, 4711] {
        assert_eq!(format!("{:?}", history::run(seed, None)), format!("{:?}", history::run(seed, None)));
    }
}

fn must_find(planted: Planted) {
    let found = search(history::run, 20_000, Some(planted));
    let (seed, fault) = found.unwrap_or_else(|| panic!("{planted:?} was not found in 20,000 histories"));
    println!("{planted:?} found by seed {seed}: {fault}");
}

#[test]
fn a_message_dropped_at_the_seam_is_found() {
    must_find(Planted::SeamDrop);
}

#[test]
fn a_skipped_dedupe_is_found() {
    must_find(Planted::SkipDedupe);
}

#[test]
fn a_cursor_that_moves_early_is_found() {
    must_find(Planted::CursorEarly);
}

#[test]
fn a_proof_of_the_wrong_socket_is_found() {
    must_find(Planted::WrongSocket);
}

#[test]
fn a_pong_of_a_leaving_client_that_counts_is_found() {
    must_find(Planted::NoHold);
}

#[test]
fn expired_mail_that_is_replayed_is_found() {
    must_find(Planted::ExpiredReplayed);
}

#[test]
fn messages_before_the_app_listens_are_found() {
    must_find(Planted::NoListening);
}

#[test]
fn what_somebody_hears_unregistered_is_found() {
    let found = search(history::run_checked, 20_000, Some(Planted::Overheard));
    println!("{:?}", found.expect("Overheard was not found in 20,000 histories"));
}
