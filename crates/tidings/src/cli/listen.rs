//! `tidings listen`: a device in the terminal. It registers on each connect, prints what arrives, and comes back for ever.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use tidings_model::{AppName, DeviceId, Uid};

use super::url::Url;
use super::{Exit, say};
use crate::telemetry::complain;

mod device;
mod socket;

use device::{Device, Doing};
use socket::{Heard, Socket};

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The server's device listener
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:5000")]
    url: Url,
    /// The app that it connects to
    #[arg(long, default_value = "/", value_parser = |text: &str| AppName::parse(text).map_err(|why| format!("it {why}")))]
    app: AppName,
    /// Who this device belongs to
    #[arg(long, value_parser = |text: &str| Uid::parse(text).map_err(|why| format!("it {why}")))]
    uid: Uid,
    /// A name of its own for this device: a token and a mailbox of its own
    #[arg(long, value_parser = |text: &str| DeviceId::parse(text).map_err(|why| format!("it {why}")))]
    device: Option<DeviceId>,
    /// Speak as the apps of 2017 do (the one way there is so far)
    #[arg(long, required = true)]
    legacy: bool,
}

/// How a connection ended.
enum Ended {
    /// Come back.
    Lost(String),
    /// It would be refused again.
    Refused(String),
    /// Nobody reads what it prints.
    Unheard,
}

/// The longest pause between two attempts, and the first one's.
const PAUSE_MAX: Duration = Duration::from_secs(5);
const PAUSE_FIRST: Duration = Duration::from_millis(500);

pub(super) fn run(flags: &Flags) -> Exit {
    let mut attempt = 0u32;
    loop {
        let mut device = Device::new(flags.app.clone(), flags.uid.clone());
        let why = match connected(flags, &mut device) {
            Ended::Lost(why) => why,
            Ended::Refused(why) => {
                complain(&why);
                return Exit::Failed;
            }
            Ended::Unheard => return Exit::Done,
        };
        // Once for each time that it was connected, and once if it never was.
        if device.is_registered() || attempt == 0 {
            complain(&format!("not connected ({why}); trying again until it works"));
        }
        attempt = if device.is_registered() { 1 } else { attempt.saturating_add(1) };
        sleep(pause(attempt, dice()));
    }
}

/// Full jitter: anything up to a bound that doubles, so that many devices do not come back together.
fn pause(attempt: u32, dice: u32) -> Duration {
    let bound = PAUSE_FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(8)).min(PAUSE_MAX);
    bound.mul_f64(f64::from(dice) / f64::from(u32::MAX))
}

fn dice() -> u32 {
    let mut bytes = [0; 4];
    // Without the system's dice every pause is the longest: slow, never wrong.
    getrandom::fill(&mut bytes).map_or(u32::MAX, |()| u32::from_le_bytes(bytes))
}

/// One connection, from its handshake to its end.
fn connected(flags: &Flags, device: &mut Device) -> Ended {
    match talk(flags, device) {
        Ok(ended) => ended,
        Err(error) => Ended::Lost(error.to_string()),
    }
}

fn talk(flags: &Flags, device: &mut Device) -> io::Result<Ended> {
    let mut socket = Socket::connect(&flags.url, flags.device.as_ref())?;
    loop {
        let doings = match socket.hear()? {
            Heard::Text(text) => device.hear(&text),
            Heard::Nothing => continue,
            Heard::End => return Ok(Ended::Lost("the server closed the connection".to_owned())),
        };
        for doing in doings {
            match doing {
                Doing::Send(text) => socket.send(&text)?,
                Doing::Patience(patience) => socket.set_patience(patience)?,
                Doing::Say(line) if say(&line) => {}
                Doing::Say(_) => return Ok(Ended::Unheard),
                Doing::Leave(why) => return Ok(Ended::Lost(why)),
                Doing::GiveUp(why) => return Ok(Ended::Refused(why)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
