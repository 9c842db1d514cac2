//! Out of file descriptors: accepting pauses, does not spin, and goes on when there are some again. In a process of its own,
//! for the limit is the process's.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tidings_engineio::{Fault, Input, Moment, Opening, Response, Sid};
use tidings_gateway::{Client, Config, Door, Found, Gateway, Output, Slot, inbox};

/// A house that lets nobody in.
struct Shut;

impl Door for Shut {
    type Mail = ();
    type Traveller = ();

    fn vacancy(&self) -> Slot {
        Slot(0)
    }

    fn open(&mut self, _: Moment, _: Opening<'_>, _: Client<'_>) -> Result<(), Response> {
        Err(Fault::Forbidden.response())
    }

    fn find(&self, _: &Sid) -> Found {
        Found::Unknown
    }

    fn input(&mut self, _: Moment, _: Slot, _: Input<'_>) {}

    fn timeout(&mut self, _: Moment, _: Slot) {}

    fn mail(&mut self, _: Moment, (): ()) {}

    fn output(&mut self) -> Option<Output> {
        None
    }

    fn depart(&mut self, _: Slot, _: u16) {}

    fn arrive(&mut self, _: Moment, (): ()) -> Slot {
        Slot(0)
    }

    fn len(&self) -> usize {
        0
    }

    fn drain(&mut self, _: Moment) {}
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test of time")]
fn accepting_pauses_without_file_descriptors_and_goes_on_with_them() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(600), ..limit }).unwrap();
    let config = Config { bind: vec![SocketAddr::from(([127, 0, 0, 1], 0))], ..Config::default() };
    let gateway = Gateway::start(&config, vec![(Shut, inbox().unwrap().1)]).unwrap();
    let mut clients: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(gateway.addr()).unwrap()).collect();
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    for client in &mut clients {
        client.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").unwrap();
    }
    let start = Instant::now();
    while gateway.numbers().next().unwrap().pauses < 3 {
        assert!(start.elapsed() < Duration::from_secs(5), "it tries again");
        std::thread::yield_now();
    }
    assert!(start.elapsed() >= Duration::from_millis(150), "three tries are at least two pauses apart");
    files.clear();
    for client in &mut clients {
        let mut status = [0; 15];
        client.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 200 OK");
    }
}
