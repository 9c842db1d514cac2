//! The limits: one thread, one epoll, a prebuilt frame, one `send` per socket and message; with `--commit` one `write` and
//! one `fdatasync` per batch of waiting callers. No session, no timer, no buffer, no store beside that.
//!
//! It understands only what the generator sends, and is a server only so far that the same generator can measure it.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::net::{RecvFlags, SocketFlags};
use tidings_engineio::websocket::{self, Message, Opcode, Reader};
use tidings_socketio::{Packet, encode};

use crate::wire;

/// A record of the log beside its body: what a message costs there with its target, id and times.
const RECORD_HEAD: [u8; 200] = [b'.'; 200];
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
const EVENT: &str = "p_abcdefghijklmnopqrstuvwxyz012345";
const DEVICE_DOOR: u64 = 1 << 62;
const BACKEND_DOOR: u64 = 2 << 62;
const CALLER: u64 = 1 << 61;
const EVENTS: usize = 1024;
/// The log's file.
const LOG_MIB: u64 = 64;
const PAGE: usize = 4096;

#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    /// Where addresses.json and the log go
    #[arg(long)]
    data: PathBuf,
    /// Append each message and sync before it is answered; send nothing
    #[arg(long)]
    commit: bool,
}

struct Device {
    fd: OwnedFd,
    reader: Reader,
    upgraded: bool,
}

struct Bare {
    epoll: OwnedFd,
    devices: Vec<Device>,
    callers: Vec<OwnedFd>,
    /// The device of each uid.
    uids: Vec<u32>,
    hello: Vec<u8>,
    joined: Vec<u8>,
    registered: Vec<u8>,
    log: Option<Log>,
}

/// What waits for one write and one sync.
struct Log {
    file: File,
    at: u64,
    batch: Vec<u8>,
    waiting: Vec<usize>,
}

/// Serves until it is killed.
pub(crate) fn run(flags: &Flags) -> io::Result<()> {
    let (devices, devices_at) = wire::listen()?;
    let (backend, backend_at) = wire::listen()?;
    let mut bare = Bare::new(flags)?;
    epoll::add(&bare.epoll, &devices, EventData::new_u64(DEVICE_DOOR), EventFlags::IN)?;
    epoll::add(&bare.epoll, &backend, EventData::new_u64(BACKEND_DOOR), EventFlags::IN)?;
    tell(&flags.data, devices_at, backend_at)?;
    let mut scratch = vec![0; wire::BUFFER];
    let mut events = Vec::with_capacity(EVENTS);
    loop {
        events.clear();
        epoll::wait(&bare.epoll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            bare.on(event, (&devices, &backend), &mut scratch)?;
        }
        bare.commit()?;
    }
}

fn tell(data: &Path, devices: SocketAddr, backend: SocketAddr) -> io::Result<()> {
    let new = data.join("addresses.json.new");
    std::fs::write(&new, format!("{{\"devices\":\"{devices}\",\"backend\":\"{backend}\"}}"))?;
    std::fs::rename(new, data.join("addresses.json"))
}

impl Bare {
    fn new(flags: &Flags) -> io::Result<Self> {
        let open = br#"0{"sid":"AAAAAAAAAAAAAAAAAAAA","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        let registered = Packet::emit("/", "_register", [format!(r#"{{"token":"{EVENT}"}}"#).as_str()]);
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            devices: Vec::new(),
            callers: Vec::new(),
            uids: Vec::new(),
            hello: [wire::upgraded().as_slice(), &websocket::frame(Opcode::Text, open)].concat(),
            joined: websocket::frame(Opcode::Text, br#"40{"sid":"AAAAAAAAAAAAAAAAAAAB"}"#).to_vec(),
            registered: websocket::frame(Opcode::Text, format!("4{}", encode(&registered)).as_bytes()).to_vec(),
            log: flags.commit.then(|| Log::create(&flags.data)).transpose()?,
        })
    }

    fn on(&mut self, event: &Event, doors: (&OwnedFd, &OwnedFd), scratch: &mut [u8]) -> io::Result<()> {
        match event.data.u64() {
            DEVICE_DOOR => self.accept_device(doors.0),
            BACKEND_DOOR => self.accept_caller(doors.1),
            caller if caller & CALLER != 0 => self.hear_caller((caller & !CALLER) as usize, scratch),
            device => self.hear_device(device as usize, scratch),
        }
    }

    fn accept_device(&mut self, door: &OwnedFd) -> io::Result<()> {
        let fd = rustix::net::accept_with(door, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
        epoll::add(&self.epoll, &fd, EventData::new_u64(self.devices.len() as u64), EventFlags::IN)?;
        self.devices.push(Device { fd, reader: Reader::new(), upgraded: false });
        Ok(())
    }

    fn accept_caller(&mut self, door: &OwnedFd) -> io::Result<()> {
        let fd = rustix::net::accept_with(door, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
        epoll::add(&self.epoll, &fd, EventData::new_u64(CALLER | self.callers.len() as u64), EventFlags::IN)?;
        self.callers.push(fd);
        Ok(())
    }

    fn hear_device(&mut self, slot: usize, scratch: &mut [u8]) -> io::Result<()> {
        let device = &mut self.devices[slot];
        let (len, _) = rustix::net::recv(&device.fd, &mut *scratch, RecvFlags::empty())?;
        if len == 0 {
            return Ok(epoll::delete(&self.epoll, &device.fd)?);
        }
        if !device.upgraded {
            device.upgraded = true;
            return wire::send(&device.fd, &self.hello);
        }
        let mut rest = &mut scratch[..len];
        while let Ok(Some((used, message))) = device.reader.read(rest, wire::BUFFER) {
            match message {
                Some(Message::Text(text)) if text.starts_with("40") => wire::send(&device.fd, &self.joined)?,
                Some(Message::Text(text)) if text.starts_with("42") => {
                    learn(&mut self.uids, text, slot);
                    wire::send(&device.fd, &self.registered)?;
                }
                _ => {}
            }
            rest = &mut rest[used..];
        }
        Ok(())
    }

    /// A request is read whole: the generator sends it in one piece and waits for the answer.
    fn hear_caller(&mut self, slot: usize, scratch: &mut [u8]) -> io::Result<()> {
        let (len, _) = rustix::net::recv(&self.callers[slot], &mut *scratch, RecvFlags::empty())?;
        if len == 0 {
            return Ok(epoll::delete(&self.epoll, &self.callers[slot])?);
        }
        let request = &scratch[..len];
        let body = &request[wire::head_end(request).ok_or_else(|| io::Error::other("half a request"))?..];
        if let Some(log) = &mut self.log {
            log.push(body, slot);
            return Ok(());
        }
        self.publish(body)?;
        wire::send(&self.callers[slot], ANSWER)
    }

    fn publish(&self, body: &[u8]) -> io::Result<()> {
        let data = wire::between(body, br#""data":""#, b'"').ok_or_else(|| io::Error::other("no data"))?;
        let data = format!(r#"{{"data":"{}"}}"#, String::from_utf8_lossy(data));
        let uid = wire::between(body, br#""uid":"u"#, b'"').and_then(wire::number);
        let event = if uid.is_some() { EVENT } else { "app broadcast" };
        let frame = websocket::frame(Opcode::Text, format!("4{}", encode(&Packet::emit("/", event, [data.as_str()]))).as_bytes());
        match uid {
            Some(uid) => wire::send(&self.devices[self.uids[uid] as usize].fd, &frame),
            None => self.devices.iter().try_for_each(|device| wire::send(&device.fd, &frame)),
        }
    }

    fn commit(&mut self) -> io::Result<()> {
        let Some(log) = self.log.as_mut().filter(|log| !log.waiting.is_empty()) else { return Ok(()) };
        log.write()?;
        log.waiting.drain(..).try_for_each(|caller| wire::send(&self.callers[caller], ANSWER))
    }
}

fn learn(uids: &mut Vec<u32>, text: &str, slot: usize) {
    let uid = wire::between(text.as_bytes(), br#""data":"u"#, b'"').and_then(wire::number);
    if let Some(uid) = uid {
        uids.resize(uids.len().max(uid + 1), 0);
        uids[uid] = slot as u32;
    }
}

impl Log {
    /// A file that grows would make each sync a journal's commit too: it is written once before, then over and over. Page
    /// by page, because what is written in one piece lies in one large folio, and is synced whole.
    fn create(data: &Path) -> io::Result<Self> {
        let mut file = File::create(data.join("log"))?;
        let zeros = vec![0; PAGE];
        for _ in 0..(LOG_MIB << 20) / PAGE as u64 {
            file.write_all(&zeros)?;
        }
        file.sync_all()?;
        Ok(Self { file, at: 0, batch: Vec::new(), waiting: Vec::new() })
    }

    fn push(&mut self, body: &[u8], caller: usize) {
        self.batch.extend_from_slice(&RECORD_HEAD);
        self.batch.extend_from_slice(body);
        self.waiting.push(caller);
    }

    fn write(&mut self) -> io::Result<()> {
        if self.at + self.batch.len() as u64 > LOG_MIB << 20 {
            self.at = 0;
        }
        self.file.write_all_at(&self.batch, self.at)?;
        self.at += self.batch.len() as u64;
        self.batch.clear();
        Ok(rustix::fs::fdatasync(&self.file)?)
    }
}
