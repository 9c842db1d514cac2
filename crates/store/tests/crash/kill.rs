//! `kill -9`, again and again, on one folder.

use std::process::Child;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidings_store::OpenError;

use crate::audit::Answered;
use crate::{child, open, variable};

/// How long the loop goes on.
fn seconds() -> u64 {
    variable("TIDINGS_CRASH_SECONDS").and_then(|seconds| seconds.parse().ok()).unwrap_or(10)
}

/// Lets it live for a while after it is ready, then kills it; everything that it answered is taken down.
fn live_and_die(mut process: Child, life: Duration, answered: &mut Answered) {
    let out = process.stdout.take().expect("a pipe");
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    std::thread::scope(|scope| {
        let process = &mut process;
        scope.spawn(move || {
            let _ = told.recv();
            // Not a wait for something: the moment of the kill is what is drawn.
            std::thread::sleep(life);
            process.kill().expect("it can be killed");
        });
        answered.listen(out, move || tell.send(()).expect("the killer waits"));
    });
    process.wait().expect("it is dead");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the loop is bounded by time")]
fn whatever_was_answered_survives_kill_9() {
    let dir = TempDir::new().expect("a folder");
    let mut answered = Answered::default();
    let begin = Instant::now();
    let mut rounds = 0;
    while begin.elapsed().as_secs() < seconds() {
        rounds += 1;
        let life = Duration::from_micros(rounds * 7_919_777 % 300_000);
        live_and_die(child::spawn(dir.path(), rounds, &[]), life, &mut answered);
        answered.check(dir.path());
    }
    assert!(rounds >= 3 && answered.lines > 100, "{rounds} rounds, {} answers", answered.lines);
    println!("{rounds} kills, {} answers kept", answered.lines);
}

#[test]
fn a_second_process_on_the_folder_is_refused_and_told_the_first_ones_number() {
    let dir = TempDir::new().expect("a folder");
    let mut process = child::spawn(dir.path(), 1, &[]);
    let pid = process.id();
    let out = process.stdout.take().expect("a pipe");
    let folder = dir.path().to_owned();
    Answered::default().listen(out, || {
        match open(&folder, 0).map(|_| ()) {
            Err(OpenError::Locked { pid: holder }) => assert_eq!(holder, pid),
            other => panic!("{other:?}"),
        }
        process.kill().expect("it can be killed");
    });
    process.wait().expect("it is dead");
}
