//! System calls that fail, injected by strace.

use std::process::Command;

use tempfile::TempDir;

use crate::audit::Answered;
use crate::child;

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
