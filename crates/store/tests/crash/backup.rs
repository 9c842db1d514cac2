//! A backup beside a process that works as hard as it can, which is then killed.

use std::io::{BufRead, BufReader, Read};

use tempfile::TempDir;

use crate::audit::Answered;
use crate::child;

/// Answers that are read before the backup begins.
const BEFORE: usize = 600;

#[test]
fn a_backup_beside_a_busy_process_is_whole_and_has_all_that_was_answered_before() {
    for seed in [1, 2] {
        let dir = TempDir::new().expect("a folder");
        let (data, to, back) = (dir.path().join("data"), dir.path().join("backup"), dir.path().join("back"));
        let mut process = child::spawn(&data, seed, &[]);
        let mut out = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut answered = Answered::default();
        for line in out.by_ref().lines().map_while(Result::ok).take(BEFORE) {
            answered.take(&line);
        }
        // The process goes on while its answers are read by nobody but the pipe, then by this thread.
        let read = move || out.lines().map_while(Result::ok).collect::<Vec<_>>();
        let reading = std::thread::Builder::new().spawn(read).expect("a thread");
        let made = tidings_store::backup(&data, &to).expect("it is made");
        process.kill().expect("it can be killed");
        process.wait().expect("it is dead");
        let after = reading.join().expect("it reads until the end");
        assert!(made.was_live && answered.lines > 100 && !after.is_empty(), "{} before, {} after", answered.lines, after.len());
        tidings_store::restore(&to, &back).expect("it is restored");
        answered.check(&back);

        // Of what the kill left, without a server: all of it.
        let (to, back) = (dir.path().join("later"), dir.path().join("back later"));
        after.iter().for_each(|line| answered.take(line));
        assert!(!tidings_store::backup(&data, &to).expect("it is made").was_live);
        tidings_store::restore(&to, &back).expect("it is restored");
        answered.check(&back);
    }
}
