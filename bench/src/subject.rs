//! What is measured: the product's own binary, or a bare loop in a process of its own. Its CPU and its memory are read
//! from outside.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::clock;

const START_MAX: Duration = Duration::from_secs(20);
const STOP_MAX: Duration = Duration::from_secs(40);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `tidings serve`.
    Product,
    /// One `send` per socket and message.
    Loop,
    /// One `write` and `fdatasync` per batch of waiting callers.
    Commits,
}

/// Where the binaries and the disk are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub server: PathBuf,
    pub data: PathBuf,
    /// More arguments for `tidings serve`.
    pub config: Option<PathBuf>,
}

pub(crate) struct Subject {
    child: Child,
    pub devices: SocketAddr,
    pub backend: SocketAddr,
    /// Removed with it.
    _data: TempDir,
}

/// In bytes, of the process alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    pub rss: u64,
    /// Of that what is no file: heap and stacks.
    pub anonymous: u64,
}

impl Subject {
    pub(crate) fn start(kind: Kind, place: &Place) -> io::Result<Self> {
        let data = tempfile::Builder::new().prefix("tidings-bench-").tempdir_in(&place.data)?;
        let child = command(kind, place, data.path())?.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut child =
            child.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}; see --server", place.server.display())))?;
        let (devices, backend) = addresses(&mut child, data.path())?;
        Ok(Self { child, devices, backend, _data: data })
    }

    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        clock::cpu(self.child.id())
    }

    pub(crate) fn memory(&self) -> io::Result<Memory> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let kib = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0)
        };
        Ok(Memory { rss: kib("Rss:") << 10, anonymous: kib("Anonymous:") << 10 })
    }

    /// Bytes that it has had written to the disk.
    pub(crate) fn written(&self) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/io", self.child.id()))?;
        let bytes = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        bytes.and_then(|bytes| bytes.parse().ok()).ok_or_else(|| io::Error::other("the kernel counts no write_bytes"))
    }

    /// Asks it to stop and waits; the folder goes with it.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM)?;
        let until = clock::now() + STOP_MAX;
        while self.child.try_wait()?.is_none() {
            if clock::now() > until {
                return Err(io::Error::other("it did not stop"));
            }
            sleep(LOOK_AGAIN);
        }
        Ok(())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(kind: Kind, place: &Place, data: &Path) -> io::Result<Command> {
    let mut command = match kind {
        Kind::Product => Command::new(&place.server),
        Kind::Loop | Kind::Commits => Command::new(std::env::current_exe()?),
    };
    match kind {
        Kind::Product => {
            command.args(["serve", "--devices", "127.0.0.1:0", "--backend", "127.0.0.1:0"]).stderr(Stdio::null());
            // The receiver of `sinks`.
            command.env("TIDINGS_SYNC__WEBHOOK_ALLOW", "127.0.0.1");
            if let Some(config) = &place.config {
                command.arg("--config").arg(config);
            }
        }
        Kind::Loop => drop(command.arg("bare")),
        Kind::Commits => drop(command.args(["bare", "--commit"])),
    }
    command.arg("--data").arg(data);
    Ok(command)
}

/// Written by rename once all is bound.
fn addresses(child: &mut Child, data: &Path) -> io::Result<(SocketAddr, SocketAddr)> {
    let until = clock::now() + START_MAX;
    loop {
        if let Ok(text) = fs::read_to_string(data.join("addresses.json")) {
            let addresses: serde_json::Value = serde_json::from_str(&text)?;
            let parse = |door: &str| addresses[door].as_str().and_then(|addr| addr.parse().ok());
            return parse("devices").zip(parse("backend")).ok_or_else(|| io::Error::other("addresses.json names no doors"));
        }
        if let Some(status) = child.try_wait()? {
            return Err(io::Error::other(format!("the server ended at once: {status}")));
        }
        if clock::now() > until {
            let _ = child.kill();
            return Err(io::Error::other("the server did not come up"));
        }
        sleep(LOOK_AGAIN);
    }
}
