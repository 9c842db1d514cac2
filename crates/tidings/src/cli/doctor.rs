//! `tidings doctor`: looks at the machine that a server runs on, or will; a line for each thing, with what to do about it.
//!
//! Looking is here; what is found is judged in `doctor::judge`, which touches nothing.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};

use super::folder::Folder;
use super::{Exit, say};
use crate::config::Config;

mod judge;

use judge::{Finding, Level, Port};

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    #[command(flatten)]
    folder: Folder,
}

pub(super) fn run(flags: &Flags) -> Exit {
    let findings = match flags.folder.load() {
        Ok(config) => look(&config),
        Err(problems) => problems.iter().map(|problem| judge::problem(&problem.to_string())).collect(),
    };
    for finding in &findings {
        if !say(&finding.to_string()) {
            break;
        }
    }
    if findings.iter().any(|finding| finding.level == Level::Fail) { Exit::Failed } else { Exit::Done }
}

fn look(config: &Config) -> Vec<Finding> {
    let holder = tidings_store::holder(&config.data);
    let mut findings = vec![judge::folder(&config.data, holder)];
    let doors = config.door.bind.iter().map(|bind| ("devices.bind", *bind)).chain([("backend.bind", config.backend)]);
    let others = config.sockets.map(|bind| ("backend.sockets", bind)).into_iter().chain(config.ice.map(|bind| ("ice.bind", bind)));
    for (name, bind) in doors.chain(others) {
        findings.push(judge::port(name, bind, &port(bind), holder));
    }
    findings.push(judge::files(getrlimit(Resource::Nofile).maximum, config.door.max_connections));
    findings.push(judge::backlog(number("/proc/sys/net/core/somaxconn")));
    let place = existing(&config.data);
    findings.push(judge::space(free(&place), config.limits.disk_reserve_bytes));
    findings.push(judge::disk(sync_times(&place)));
    findings.push(judge::clock(wall(), tidings_store::newest_time(&config.data).map(|newest| newest.0)));
    let engine = &config.sessions.engine;
    findings.push(judge::proxy(engine.ping_interval, engine.ping_timeout));
    findings
}

fn port(bind: SocketAddr) -> Port {
    match TcpListener::bind(bind) {
        Ok(_) => Port::Free,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Port::Taken,
        Err(error) => Port::Refused(error.to_string()),
    }
}

fn number(file: &str) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The folder, or the nearest one above it that is there.
fn existing(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    absolute.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

/// Bytes that an ordinary user may still write.
fn free(place: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(place).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// How many syncs are timed.
const SYNCS: usize = 25;

/// Each write of a page with its sync, shortest first.
#[expect(clippy::disallowed_methods, reason = "the time that the disk takes is what is asked")]
fn sync_times(place: &Path) -> io::Result<Vec<Duration>> {
    let path = place.join(format!(".tidings-doctor-{}", std::process::id()));
    let measure = || {
        let mut file = File::create(&path)?;
        let mut times = Vec::with_capacity(SYNCS);
        for _ in 0..SYNCS {
            let begin = Instant::now();
            file.write_all(&[0x54; 4096])?;
            file.sync_data()?;
            times.push(begin.elapsed());
        }
        times.sort_unstable();
        Ok(times)
    };
    let times = measure();
    let _ = fs::remove_file(&path);
    times
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the clock is what is asked about")]
fn wall() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
