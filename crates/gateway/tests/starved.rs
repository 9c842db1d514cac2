//! Out of file descriptors: accepting pauses, does not spin, and goes on when there are some again. In a process of its own,
//! for the limit is the process's.

#[path = "worker/house.rs"]
mod house;
#[path = "client/web.rs"]
mod web;

use std::fs::File;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tidings_gateway::{Config, Gateway, inbox};

use house::{Diary, House};
use web::Web;

#[test]
#[expect(clippy::disallowed_methods, reason = "a test of time")]
fn accepting_pauses_without_file_descriptors_and_goes_on_with_them() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(600), ..limit }).unwrap();
    let config = Config { bind: vec![SocketAddr::from(([127, 0, 0, 1], 0))], ..Config::default() };
    let gateway = Gateway::start(&config, vec![(House::new(0, &Diary::default()), inbox().unwrap().1)]).unwrap();
    let mut clients: Vec<Web> = (0..3).map(|_| Web::connect(gateway.addr()).unwrap()).collect();
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    for client in &mut clients {
        client.write("GET /healthz HTTP/1.1\r\n\r\n").unwrap();
    }
    let pauses = || gateway.numbers().next().unwrap().pauses;
    let start = Instant::now();
    while pauses() < 3 {
        assert!(start.elapsed() < Duration::from_secs(5), "it tries again");
        std::thread::yield_now();
    }
    assert!(start.elapsed() >= Duration::from_millis(150), "three tries are at least two pauses apart");
    files.clear();
    for client in &mut clients {
        assert_eq!(client.answer().unwrap().status, 200);
    }
}
