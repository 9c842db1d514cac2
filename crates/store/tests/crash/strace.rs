//! System calls that fail, injected by strace.

use std::process::Command;

use tempfile::TempDir;

use crate::audit::Answered;
use crate::{child, variable};

fn need_strace() {
    let found = Command::new("strace").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found, "these tests need the Debian package strace: apt-get install strace");
}

/// One fsync fails, all later ones succeed: the kernel has marked the pages clean, so nothing after it may be believed.
#[test]
fn after_an_fsync_that_failed_once_nothing_is_written_and_the_process_ends() {
    need_strace();
    let mut while_running = 0;
    for (round, when) in [3, 20, 61].into_iter().enumerate() {
        let dir = TempDir::new().expect("a folder");
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={when}");
        let mut process = child::spawn(
            dir.path(),
            round as u64,
            &["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", &inject],
        );
        let mut answered = Answered::default();
        answered.listen(process.stdout.take().expect("a pipe"), || ());
        assert!(!process.wait().expect("it ended").success());
        if answered.lines == 0 && answered.refusals.is_empty() {
            // It failed while it opened, before a door.
            answered.check(dir.path());
            continue;
        }
        assert!(answered.refusals.iter().any(|code| code == "outcome_unknown"), "when {when}: {:?}", answered.refusals);
        assert!(!answered.went_on, "nothing is answered after it");
        assert!(answered.fatal.as_deref().is_some_and(|why| why.contains("outcome")), "{:?}", answered.fatal);
        answered.check(dir.path());
        while_running += 1;
    }
    assert!(while_running >= 2, "the failures came before there was anything to lose");
}

/// A run of the child in which some system call fails once; what it left is opened and held against what it answered.
fn run_and_check(dir: &TempDir, seed: u64, filter: &[&str], inject: &str) -> Answered {
    // What the process gets over would let it go on for ever.
    let mut words = vec!["env", "TIDINGS_CRASH_REQUESTS=4000", "strace", "-f", "-qq", "-o", "/dev/null"];
    words.extend(filter);
    words.extend(["-e", inject]);
    let mut process = child::spawn(dir.path(), seed, &words);
    let mut answered = Answered::default();
    answered.listen(process.stdout.take().expect("a pipe"), || ());
    assert!(!process.wait().expect("it ended").success(), "{inject}");
    answered.check(dir.path());
    answered
}

/// Of making the folder, of its first segment, of opening it, of appends, of checkpoints: one after the other.
#[test]
fn whichever_fsync_fails_the_process_ends_and_nothing_that_was_answered_is_lost() {
    need_strace();
    let count = variable("TIDINGS_CRASH_FSYNCS").and_then(|count| count.parse().ok()).unwrap_or(12);
    let mut answers = 0;
    for when in 1..=count {
        let dir = TempDir::new().expect("a folder");
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={when}");
        let answered = run_and_check(&dir, when, &["-e", "trace=fsync,fdatasync"], &inject);
        assert!(!answered.went_on, "{inject}: nothing is answered after an outcome is unknown");
        answers += answered.lines;
    }
    assert!(answers > 0, "the failures came before there was anything to lose");
}

/// Nothing is acknowledged by the views: an error there stops the process, and the next start makes them anew.
#[test]
fn an_error_of_the_disk_under_the_views_costs_a_rebuild_and_nothing_else() {
    need_strace();
    let mut ended = 0;
    // Making the views takes some sixty writes, and a quick machine merges all the rest in about as many.
    let calls = [("pwrite64", 9), ("pwrite64", 75), ("pwrite64", 90), ("pwrite64", 105), ("pread64", 12)];
    for (round, (call, when)) in calls.into_iter().enumerate() {
        let dir = TempDir::new().expect("a folder");
        let state = dir.path().join("state.db");
        let (state, wal) = (state.to_str().expect("a name").to_owned(), format!("{}-wal", state.display()));
        let (trace, inject) = (format!("trace={call}"), format!("inject={call}:error=EIO:when={when}"));
        let answered = run_and_check(&dir, round as u64, &["-P", &state, "-P", &wal, "-e", &trace], &inject);
        ended += u32::from(answered.fatal.is_some_and(|why| why.contains("views") || why.contains("cannot be read")));
    }
    assert!(ended >= 2, "the failures came where nothing minded them: {ended}");
}
