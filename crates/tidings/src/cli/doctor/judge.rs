//! What was found on the machine, judged: ok, warn or fail, and what to do.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Ok,
    /// It works, but not as well or not for as many as it could.
    Warn,
    /// A server would not start, or would not do what it is for.
    Fail,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub level: Level,
    topic: &'static str,
    says: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        write!(f, "{level:<5} {:<8} {}", self.topic, self.says)
    }
}

fn finding(level: Level, topic: &'static str, says: impl Into<String>) -> Finding {
    Finding { level, topic, says: says.into() }
}

/// What trying to listen came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Port {
    Free,
    Taken,
    Refused(String),
}

pub(super) fn problem(says: &str) -> Finding {
    finding(Level::Fail, "config", says)
}

pub(super) fn folder(data: &Path, holder: Option<u32>) -> Finding {
    let data = data.display();
    match holder {
        Some(0) => finding(Level::Ok, "data", format!("{data} is in use by a server")),
        Some(pid) => finding(Level::Ok, "data", format!("{data} is in use by the server with process number {pid}")),
        None => finding(Level::Ok, "data", format!("{data} is free for a server")),
    }
}

pub(super) fn port(name: &str, bind: SocketAddr, port: &Port, holder: Option<u32>) -> Finding {
    match port {
        Port::Free => finding(Level::Ok, "ports", format!("{name}: {bind} is free")),
        Port::Taken if holder.is_some() => {
            finding(Level::Ok, "ports", format!("{name}: {bind} is in use, and so is the folder: by the running server"))
        }
        Port::Taken => finding(
            Level::Fail,
            "ports",
            format!("{name}: {bind} is in use by another program; stop that one, or set {name} (on a Mac, AirPlay holds 5000)"),
        ),
        Port::Refused(why) => finding(Level::Fail, "ports", format!("{name}: {bind} cannot be listened on: {why}; set {name}")),
    }
}

/// Kept for everything that is no device.
const OTHER_FILES: u64 = 512;
/// Fewer devices than this are hardly meant.
const FEW: u64 = 10_000;

/// `limit`: the hard one, to which a server raises the soft one; None: there is none.
pub(super) fn files(limit: Option<u64>, max_connections: Option<usize>) -> Finding {
    let room = limit.map_or(u64::MAX, |limit| limit.saturating_sub(OTHER_FILES));
    let raise = "raise the limit (systemd: LimitNOFILE=, a shell: ulimit -Hn, a container: --ulimit nofile=)";
    match max_connections.map(|most| most as u64) {
        Some(most) if most > room => {
            finding(Level::Fail, "files", format!("open files allow {room} connections, and devices.max_connections is {most}; {raise}"))
        }
        None if room < FEW => finding(Level::Warn, "files", format!("open files allow {room} connections; {raise}")),
        _ if limit.is_none() => finding(Level::Ok, "files", "open files have no limit"),
        _ => finding(Level::Ok, "files", format!("open files allow {room} connections")),
    }
}

/// What the doors ask for.
const BACKLOG: u64 = 4096;

/// None: the system does not say.
pub(super) fn backlog(most: Option<u64>) -> Finding {
    match most {
        Some(most) if most < BACKLOG => finding(
            Level::Warn,
            "backlog",
            format!(
                "{most} connections can wait to be accepted; when all devices come back at once more do: sysctl net.core.somaxconn={BACKLOG}"
            ),
        ),
        Some(_) => finding(Level::Ok, "backlog", format!("{BACKLOG} connections can wait to be accepted")),
        None => finding(Level::Ok, "backlog", "the system does not say how many connections can wait to be accepted"),
    }
}

const GIBI: u64 = 1 << 30;

pub(super) fn space(free: Option<u64>, reserve: u64) -> Finding {
    let Some(free) = free else { return finding(Level::Warn, "space", "the file system does not say how much is free") };
    let mega = |bytes: u64| bytes >> 20;
    let is = format!("{} MiB are free", mega(free));
    // What a server that turned read-only waits for.
    let needed = reserve.saturating_add(reserve / 4);
    if free < needed {
        let says = format!("{is}, and nothing is accepted with less than {} MiB (limits.disk_reserve_bytes); make room", mega(needed));
        return finding(Level::Fail, "space", says);
    }
    if free < needed.saturating_add(GIBI) {
        return finding(Level::Warn, "space", format!("{is}; the log keeps days of messages (retention.bodies_s): give it a few GiB"));
    }
    finding(Level::Ok, "space", is)
}

/// `times`: of single syncs, shortest first.
pub(super) fn disk(times: io::Result<Vec<Duration>>) -> Finding {
    let times = match times {
        Ok(times) if !times.is_empty() => times,
        Ok(_) => return finding(Level::Warn, "disk", "no sync was timed"),
        Err(error) => {
            return finding(
                Level::Fail,
                "disk",
                format!("the data folder cannot be written: {error}; give it to the user that runs the server"),
            );
        }
    };
    let (middle, worst) = (times[times.len() / 2], times[times.len() - 1]);
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let is = format!("a sync takes {:.2} ms, at worst {:.1} ms", ms(middle), ms(worst));
    if middle < Duration::from_micros(10) {
        return finding(
            Level::Warn,
            "disk",
            format!("{is}: no disk is so fast; in memory, or on a disk that ignores syncs, a power cut loses messages"),
        );
    }
    if middle > Duration::from_millis(20) {
        return finding(
            Level::Warn,
            "disk",
            format!(
                "{is}; every answer waits for one: 0.1 to 5 ms are normal for an SSD, 10 for a hard disk; put the data folder on a faster disk"
            ),
        );
    }
    finding(Level::Ok, "disk", format!("{is} (0.1 to 5 ms are normal for an SSD)"))
}

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// 2025 began.
const TOO_EARLY_MS: u64 = 1_735_689_600_000;

/// `newest`: of the newest fact in the folder. Both in milliseconds since 1970.
pub(super) fn clock(wall: u64, newest: Option<u64>) -> Finding {
    let set = "set it (timedatectl set-ntp true)";
    if wall < TOO_EARLY_MS {
        return finding(Level::Fail, "clock", format!("the clock says that it is before 2025; {set}"));
    }
    let Some(newest) = newest else {
        return finding(Level::Ok, "clock", "the clock may be right; there is nothing stored to compare it with");
    };
    if wall > newest.saturating_add(400 * DAY_MS) {
        let days = (wall - newest) / DAY_MS;
        let says = format!(
            "the clock is {days} days ahead of the newest fact: a server refuses to start; {set}, or start once with --accept-clock"
        );
        return finding(Level::Fail, "clock", says);
    }
    if newest > wall.saturating_add(HOUR_MS) {
        let hours = (newest - wall) / HOUR_MS;
        return finding(
            Level::Warn,
            "clock",
            format!("the clock is {hours} h behind the newest fact; one of them was wrong, and messages expire late; {set}"),
        );
    }
    finding(Level::Ok, "clock", "the clock agrees with the newest fact")
}

/// What nginx closes an idle connection after, unless told otherwise.
const PROXY_IDLE: Duration = Duration::from_secs(60);

pub(super) fn proxy(interval: Duration, timeout: Duration) -> Finding {
    let most = (interval + timeout).as_secs_f64();
    if interval >= PROXY_IDLE {
        return finding(
            Level::Warn,
            "proxy",
            format!(
                "a connection may be silent for {most} s; nginx closes it after 60 s: raise its proxy_read_timeout, or lower devices.ping_interval_ms"
            ),
        );
    }
    finding(
        Level::Ok,
        "proxy",
        format!("a connection is never silent for {most} s; a proxy in front must wait longer (nginx's 60 s: proxy_read_timeout)"),
    )
}

#[cfg(test)]
mod tests;
