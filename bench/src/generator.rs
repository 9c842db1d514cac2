//! The load: one epoll, all devices and all callers of one run. It moves bytes and says what it heard; what is to be sent
//! and what is measured decides who turns it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};

mod caller;
mod device;

use caller::Caller;
pub(crate) use caller::To;
use device::Device;
pub(crate) use device::Role;

use crate::clock;
use crate::wire;

/// Callers' keys; what lies below is a device's number.
const CALLER: u64 = 1 << 62;
const EVENTS: usize = 1024;
/// Dials that are not yet through; more would only test the listen backlog.
pub(crate) const DIALLING_MAX: usize = 256;
/// Nothing that is waited for takes so long unless it is lost.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The device is what its role asks for: connected, or registered.
    Ready,
    /// The device has the message with this number.
    Message { device: usize, number: usize },
    /// The caller's request was answered.
    Answered { caller: usize, status: u16 },
    /// The server ended the device's connection.
    Lost,
}

pub(crate) struct Generator {
    epoll: OwnedFd,
    door: SocketAddr,
    backend: SocketAddr,
    handshake: Vec<u8>,
    pub devices: Vec<Device>,
    pub callers: Vec<Caller>,
    /// The number that no message has had.
    number: usize,
    scratch: Vec<u8>,
    events: Vec<Event>,
}

impl Generator {
    pub(crate) fn new(door: SocketAddr, backend: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            door,
            backend,
            handshake: wire::handshake(door),
            devices: Vec::new(),
            callers: Vec::new(),
            number: 0,
            scratch: vec![0; wire::BUFFER],
            events: Vec::with_capacity(EVENTS),
        })
    }

    /// Dials until there are `count` devices, and waits until all are ready.
    pub(crate) fn connect(&mut self, count: usize, role: Role) -> io::Result<()> {
        let mut ready = self.devices.len();
        let until = clock::now() + PATIENCE;
        let mut heard = Vec::new();
        while ready < count {
            while self.devices.len() < count && self.devices.len() - ready < DIALLING_MAX {
                self.dial(role)?;
            }
            self.turn(Duration::from_secs(1), &mut heard)?;
            ready += heard.iter().filter(|heard| **heard == Heard::Ready).count();
            if heard.contains(&Heard::Lost) || clock::now() > until {
                return Err(io::Error::other(format!("{ready} of {count} devices ready, then one was lost or nothing came")));
            }
        }
        Ok(())
    }

    fn dial(&mut self, role: Role) -> io::Result<()> {
        let number = self.devices.len();
        let fd = wire::dial(self.door, number)?;
        epoll::add(&self.epoll, &fd, EventData::new_u64(number as u64), EventFlags::OUT)?;
        self.devices.push(Device::new(fd, role));
        Ok(())
    }

    /// `count` keep-alive connections to the backend's door.
    pub(crate) fn call_in(&mut self, count: usize) -> io::Result<()> {
        for number in self.callers.len()..count {
            let caller = Caller::connect(self.backend)?;
            epoll::add(&self.epoll, &caller.fd, EventData::new_u64(CALLER | number as u64), EventFlags::IN)?;
            self.callers.push(caller);
        }
        Ok(())
    }

    /// `count` numbers that no message of this run has had; the first of them.
    pub(crate) fn numbers(&mut self, count: usize) -> usize {
        self.number += count;
        self.number - count
    }

    /// Waits once and hears what is there; `heard` holds this turn's only.
    pub(crate) fn turn(&mut self, wait: Duration, heard: &mut Vec<Heard>) -> io::Result<()> {
        heard.clear();
        let wait = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: i64::from(wait.subsec_nanos()) };
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&wait))?;
        let done = events.iter().try_for_each(|event| self.on(event, heard));
        self.events = events;
        done
    }

    fn on(&mut self, event: &Event, heard: &mut Vec<Heard>) -> io::Result<()> {
        let data = event.data.u64();
        if data & CALLER != 0 {
            let caller = (data & !CALLER) as usize;
            let status = self.callers[caller].hear(&mut self.scratch)?;
            heard.extend(status.map(|status| Heard::Answered { caller, status }));
            return Ok(());
        }
        let number = data as usize;
        let device = &mut self.devices[number];
        let (flags, events) = (event.flags, &self.epoll);
        if flags.contains(EventFlags::OUT) {
            epoll::modify(events, &device.fd, EventData::new_u64(data), EventFlags::IN)?;
            return wire::send(&device.fd, &self.handshake);
        }
        let before = heard.len();
        device.hear(number, &mut self.scratch, heard)?;
        if heard[before..].contains(&Heard::Lost) {
            epoll::delete(events, &self.devices[number].fd)?;
        }
        Ok(())
    }

    /// Lets time pass for the server, and answers its pings meanwhile.
    pub(crate) fn settle(&mut self, time: Duration) -> io::Result<()> {
        let until = clock::now() + time;
        let mut heard = Vec::new();
        while clock::now() < until {
            self.turn(Duration::from_millis(50), &mut heard)?;
        }
        Ok(())
    }
}
